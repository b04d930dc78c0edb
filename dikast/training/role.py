"""Whoever trains, as an actor of a context: rounds are given one, so that their tests need no torch.

    trainer = load_trainer("trl")
    done = trainer.train(SftRecipe(), rows, "transformers:MODEL", folder, on_step=print)
    done.model                              # the spec of what was trained

Light on purpose: the command line reads flags off contexts that name a trainer, so this file loads no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from dikast.errors import UsageError
from dikast.training.recipes import Recipe
from dikast.training.stopping import OnStep

if TYPE_CHECKING:
    from dikast.training.trainer import Trained

TRAINABLE = "transformers:"
"""The scheme of models that are trained."""


@runtime_checkable
class Teaching(Protocol):
    """What every trainer says of itself, whatever it trains on."""

    @property
    def spec(self) -> str:
        """The string that stands for this trainer in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its results, beside the recipe."""
        ...


T = TypeVar("T", bound=Teaching)


@runtime_checkable
class Trainer(Teaching, Protocol):
    """Trains a model on a file of rows."""

    def train(
        self, recipe: Recipe, rows: Path, model: str, out: Path, *, on_step: OnStep, held: Path | None = None
    ) -> Trained:
        """Train on a file of rows of the recipe's kind; DPO's reference is the model as it is now.

        Called again after it was broken off, it goes on; finished, it says the same.

        Args:
            recipe: How.
            rows: The file.
            model: What the training begins with.
            out: The training's folder.
            on_step: Called after each step; an exception that it raises stops the training there.
            held: Rows that are not trained on, to measure the loss by.

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
        self, recipe: Recipe, rows: Path, model: str, out: Path, *, on_step: OnStep, held: Path | None = None
    ) -> Trained:
        """See `Trainer.train`."""
        from dikast.training.trainer import train

        return train(recipe, rows, model, out, held=held, on_step=on_step)


def load_trainer(spec: str) -> TrlTrainer:
    """The trainer of a spec.

    Raises:
        UsageError: There is only `trl`.
    """
    return the_only(spec, TrlTrainer())


def the_only(spec: str, trainer: T) -> T:
    """The trainer, if the spec is its own.

    Raises:
        UsageError: It is another one, and there is none.
    """
    if spec != trainer.spec:
        raise UsageError(f"no trainer is called {spec!r}", hint=f"there is {trainer.spec}")
    return trainer


def refuse_untrainable(trainer: Teaching, model: str) -> None:
    """Say before anything is asked that a policy cannot be trained.

    Raises:
        UsageError: The trainer is TRL's, and the model no `transformers:` one.
    """
    if isinstance(trainer, TrlTrainer) and not model.startswith(TRAINABLE):
        raise UsageError(f"{model}: only transformers: models are trained", hint="--sampler may be another engine")
