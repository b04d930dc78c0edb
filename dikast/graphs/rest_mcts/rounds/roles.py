"""What the rounds are given beside models: a file of questions, and whoever trains. Light on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dikast.graphs.method import Row
from dikast.graphs.row_files import Rows, file_of, spec_of
from dikast.training.recipes import SftRecipe, ValueRecipe
from dikast.training.stopping import OnStep

if TYPE_CHECKING:
    from dikast.training.trainer import Trained


@runtime_checkable
class Questions(Rows, Protocol):
    """Questions, each with its gold answer."""


@dataclass(frozen=True)
class QuestionFile:
    """Questions of a user's file, read at first use.

    Args:
        path: The file.
        columns: Our name -> the file's.
    """

    path: Path
    columns: Mapping[str, str]

    @property
    def spec(self) -> str:
        """The path; behind it, as a query, the names in the file."""
        return spec_of(self.path, self.columns)

    def fingerprint(self) -> Mapping[str, object]:
        """The rows, by their hash: another file with the same rows is the same."""
        from dikast.jobs.keys import digest

        return {"questions": digest(list(self.rows)).hex()}

    @property
    def rows(self) -> Sequence[Row]:
        """The questions.

        Raises:
            DataError: The file or a row is broken, or a question has no answer.
            UsageError: A column of ours is not known.
        """
        return self._rows

    @cached_property
    def _rows(self) -> Sequence[Row]:
        from dikast.errors import DataError
        from dikast.graphs.rest_mcts.options import read_questions

        rows = read_questions(self.path, self.columns)
        lacking = next((row for row in rows if not row.get("answer")), None)
        if lacking is not None:
            hint = "rounds learn from answers that are known: give every row one, or leave it out"
            raise DataError(f"question {lacking['id']!r} has no answer", path=self.path, field="answer", hint=hint)
        return rows


def load_questions(spec: str) -> QuestionFile:
    """The questions of a file, by `QuestionFile.spec`."""
    return QuestionFile(*file_of(spec))


@runtime_checkable
class Trainer(Protocol):
    """Trains a policy on right solutions, and a critic on partial ones with their values."""

    @property
    def spec(self) -> str:
        """The string that stands for this trainer in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its results, beside the recipe."""
        ...

    def train(
        self,
        recipe: SftRecipe | ValueRecipe,
        rows: Path,
        model: str,
        out: Path,
        *,
        held: Path | None,
        on_step: OnStep,
    ) -> Trained:
        """Train on a file of `sft` or `value` rows.

        Called again after it was broken off, it goes on; finished, it says the same. An exception that `on_step` raises
        stops it after that step.

        Args:
            recipe: How; its kind says whether policy or critic.
            rows: The file.
            model: What the training begins with.
            out: The training's folder.
            held: Rows by which a critic is measured.
            on_step: Called after each step.

        Raises:
            DikastError: It cannot.
        """
        ...


@dataclass(frozen=True)
class TrlTrainer:
    """`dikast.training.trainer`: TRL's and transformers' own, in this process or by `accelerate launch`."""

    spec: str = "trl"

    def fingerprint(self) -> Mapping[str, object]:
        """Nothing: the recipe says all."""
        return {"trainer": self.spec}

    def train(
        self,
        recipe: SftRecipe | ValueRecipe,
        rows: Path,
        model: str,
        out: Path,
        *,
        held: Path | None,
        on_step: OnStep,
    ) -> Trained:
        """See `Trainer.train`."""
        from dikast.training.trainer import train

        return train(recipe, rows, model, out, held=held, on_step=on_step)


def load_trainer(spec: str) -> TrlTrainer:
    """The trainer of a spec.

    Raises:
        UsageError: There is only `trl`.
    """
    from dikast.errors import UsageError

    if spec != "trl":
        raise UsageError(f"no trainer is called {spec!r}", hint="there is trl")
    return TrlTrainer()
