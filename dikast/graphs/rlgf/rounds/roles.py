"""What the rounds are given beside models: a file of prompts, and whoever trains. Light on purpose."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import quote, unquote

from dikast.graphs.method import Row
from dikast.graphs.rlgf.rounds.recipe import PpoRecipe
from dikast.graphs.rlgf.rounds.records import Updated
from dikast.graphs.row_files import Rows
from dikast.training.role import Teaching, the_only
from dikast.training.stopping import OnStep


@runtime_checkable
class Prompts(Rows, Protocol):
    """Prompts, each once."""


@dataclass(frozen=True)
class PromptFile:
    """Prompts of a user's file, read at first use.

    Args:
        path: The file.
        columns: Our name -> the file's.
        instruction: What stands before each.
        reward: The reward's spec, which may need a reference or concepts in each row.
    """

    path: Path
    columns: Mapping[str, str]
    instruction: str = ""
    reward: str = ""

    @property
    def spec(self) -> str:
        """The path; behind it, as a query, how it is read."""
        told = {"columns": dict(self.columns), "instruction": self.instruction, "reward": self.reward}
        return f"{quote(str(self.path))}?{quote(json.dumps(told))}"

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
        from dikast.graphs.rlgf.options import read_prompts

        return read_prompts(self.path, self.columns, instruction=self.instruction, reward=self.reward)


def load_prompts(spec: str) -> PromptFile:
    """The prompts of a file, by `PromptFile.spec`."""
    path, _, query = spec.partition("?")
    told: dict[str, Any] = json.loads(unquote(query)) if query else {}
    return PromptFile(Path(unquote(path)), told.get("columns", {}), told.get("instruction", ""), told.get("reward", ""))


@runtime_checkable
class Trainer(Teaching, Protocol):
    """Moves a policy by a round's texts."""

    def train(
        self,
        recipe: PpoRecipe,
        rows: Path,
        model: str,
        out: Path,
        *,
        critic: Path | None,
        temperature: float,
        seed: int,
        on_step: OnStep,
    ) -> Updated:
        """One iteration's update.

        Called again after it was broken off it makes the same of the same; finished, it says the same.

        Args:
            recipe: How.
            rows: A file of texts by token; see `dikast.graphs.rlgf.rounds.texts`.
            model: The policy that wrote them.
            out: The training's folder.
            critic: The folder of the training that made this policy, whose value head is gone on with; `None` for a
                new head.
            temperature: At which the policy wrote.
            seed: Of the texts' order, and of a new adapter.
            on_step: Called after each step; what it raises stops the training.

        Raises:
            DikastError: It cannot.
        """
        ...


@dataclass(frozen=True)
class OwnTrainer:
    """`dikast.graphs.rlgf.rounds.updating`: PPO with a value head, in this process."""

    spec: str = "ppo"

    def fingerprint(self) -> Mapping[str, object]:
        """Nothing: the recipe says all."""
        return {"trainer": self.spec}

    def train(
        self,
        recipe: PpoRecipe,
        rows: Path,
        model: str,
        out: Path,
        *,
        critic: Path | None,
        temperature: float,
        seed: int,
        on_step: OnStep,
    ) -> Updated:
        """See `Trainer.train`."""
        from dikast.graphs.rlgf.rounds.updating import update

        return update(recipe, rows, model, out, critic=critic, temperature=temperature, seed=seed, on_step=on_step)


def load_trainer(spec: str) -> OwnTrainer:
    """The trainer of a spec.

    Raises:
        UsageError: There is only `ppo`.
    """
    return the_only(spec, OwnTrainer())
