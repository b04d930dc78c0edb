"""What the rounds are given beside models: a file of prompts, and whoever trains. Light on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from dikast.graphs.method import Row
from dikast.graphs.row_files import Rows, file_of, spec_of
from dikast.training.recipes import DpoRecipe

if TYPE_CHECKING:
    from dikast.training.trainer import Trained


@runtime_checkable
class Prompts(Rows, Protocol):
    """Prompts with gold answers; one may lack `gold` where a teacher writes it."""


@dataclass(frozen=True)
class PromptFile:
    """Prompts of a user's file, read at first use.

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

        return {"prompts": digest(list(self.rows)).hex()}

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The prompts.

        Raises:
            DataError: The file or a row is broken.
            UsageError: A column of ours is not known.
        """
        from dikast.graphs.dno.options import read_prompts

        return read_prompts(self.path, self.columns, taught=True)


def load_prompts(spec: str) -> PromptFile:
    """The prompts of a file, by `PromptFile.spec`."""
    return PromptFile(*file_of(spec))


@runtime_checkable
class Trainer(Protocol):
    """Trains a policy on pairs."""

    @property
    def spec(self) -> str:
        """The string that stands for this trainer in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its results, beside the recipe."""
        ...

    def train(
        self,
        recipe: DpoRecipe,
        rows: Path,
        model: str,
        out: Path,
        on_step: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Trained:
        """Train on a file of `preference` rows; the reference is the model as it is now.

        Called again after it was broken off, it goes on; finished, it says the same. An exception that `on_step` raises
        stops it after that step.

        Raises:
            DikastError: It cannot.
        """
        ...


@dataclass(frozen=True)
class TrlTrainer:
    """`dikast.training.trainer`: TRL's DPOTrainer, in this process or by `accelerate launch`."""

    spec: str = "trl"

    def fingerprint(self) -> Mapping[str, object]:
        """Nothing: the recipe says all."""
        return {"trainer": self.spec}

    def train(
        self,
        recipe: DpoRecipe,
        rows: Path,
        model: str,
        out: Path,
        on_step: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Trained:
        """See `Trainer.train`."""
        from dikast.training.trainer import train

        return train(recipe, rows, model, out, on_step=on_step)


def load_trainer(spec: str) -> TrlTrainer:
    """The trainer of a spec.

    Raises:
        UsageError: There is only `trl`.
    """
    from dikast.errors import UsageError

    if spec != "trl":
        raise UsageError(f"no trainer is called {spec!r}", hint="there is trl")
    return TrlTrainer()
