"""One training, from rows to weights, in this process or in each of several that accelerate has started.

done = run(Job(recipe, base, None, rows, (), folder, steps=3), on_step=None)
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

from dikast.disk import refused
from dikast.errors import DikastError, TrainingError, UsageError
from dikast.http.server_errors import excerpt
from dikast.training.backend.bases import Base
from dikast.training.backend.checkpoints import last_sealed, step_of
from dikast.training.backend.libraries import library, muted
from dikast.training.backend.opening import HEADED, Start, open_reference, open_start
from dikast.training.backend.rollouts import grpo_trainer
from dikast.training.backend.trainers import CHECKPOINTS, arguments, make_trainer, save
from dikast.training.backend.watching import OnStep, watcher
from dikast.training.recipes import GrpoRecipe, Recipe

ADAPTER, MODEL = "adapter", "model"
MEMORY_HINT = (
    "give the same command with a lower --batch-size and more --accumulation, a lower --max-length, or "
    "--gradient-checkpointing: another folder, or --force-new"
)
MEMORY_SIGNS = ("out of memory", "can't allocate memory", "DefaultCPUAllocator", "cannot allocate memory")
DISK_SIGNS = ("No space left on device", "PytorchStreamWriter failed", "inline_container.cc")
"""What torch and safetensors say of a write that failed, without an errno."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained.

    Args:
        recipe: The recipe.
        base: The model.
        reference: DPO's, where it is another model.
        rows: What the trainer reads of each row.
        held: The same of rows to measure the loss on.
        folder: Where checkpoints, losses and weights go.
        steps: Optimizer steps that are planned.
        functions: GRPO's, by name.
    """

    recipe: Recipe
    base: Base
    reference: Base | None
    rows: Sequence[Mapping[str, Any]]
    held: Sequence[Mapping[str, Any]]
    folder: Path
    steps: int
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict[str, Callable[..., Any]])


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it.

    Args:
        steps: Optimizer steps.
        tokens: Tokens that the model was trained on, prompts among them, padding not.
        first_loss: Of the first step.
        loss: Of the last step.
        held_loss: On held rows, at the end; `None` without.
    """

    steps: int
    tokens: int
    first_loss: float
    loss: float
    held_loss: float | None


def run(job: Job, on_step: OnStep | None = None) -> Done:
    """Train, from the last whole checkpoint where there is one, and write what was trained.

    Raises:
        TrainingError: It diverged, or memory ran out; the last checkpoint stays.
        DataError: The disk is full.
        DikastError: The model cannot be opened.
    """
    with explained(job.folder), muted():
        start = open_start(job.base, job.recipe)
        reference = None if job.reference is None else open_reference(job.reference, start)
        trainer = trainer_of(job, start, reference, [watcher(job.folder, on_step)])
        trainer.remove_callback(library("transformers").PrinterCallback)  # it prints to where our data goes
        checkpoint = last_checkpoint(trainer, job.folder / CHECKPOINTS)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        held = trainer.evaluate()["eval_loss"] if job.held else None
        if trainer.is_world_process_zero():
            write(trainer, job)
        trainer.accelerator.wait_for_everyone()
        return told(trainer, held)


def trainer_of(job: Job, start: Start, reference: Any, watching: Sequence[Any]) -> Any:
    """The recipe's trainer.

    Raises:
        UsageError: It refuses the recipe.
    """
    common = arguments(job.recipe, start, job.folder, steps=job.steps, held=bool(job.held))
    try:
        if isinstance(job.recipe, GrpoRecipe):
            return grpo_trainer(job.recipe, start, job.rows, common, watching, job.functions)
        return make_trainer(job.recipe, start, job.rows, job.held, common, reference, watching)
    except ValueError as error:  # TRL's and PEFT's word for options that do not go together
        raise UsageError(f"the trainer refuses the recipe: {excerpt(error)}") from error


def last_checkpoint(trainer: Any, folder: Path) -> Path | None:
    """The same checkpoint in each process: the first deletes what is not whole before the others look."""
    with trainer.args.main_process_first(local=False):
        return last_sealed(folder)


def write(trainer: Any, job: Job) -> None:
    """Write what was trained beside its place, then put it there."""
    new = job.folder / f"{name_of(job.recipe)}.new"
    rmtree(new, ignore_errors=True)
    save(trainer, job.recipe, new, job.base.weights)
    place = job.folder / name_of(job.recipe)
    rmtree(place, ignore_errors=True)
    new.rename(place)


def name_of(recipe: Recipe) -> str:
    """The folder of what a recipe trains: an adapter's, or a whole model's."""
    return ADAPTER if recipe.lora_rank and recipe.kind not in HEADED else MODEL


def told(trainer: Any, held: float | None) -> Done:
    """The training's figures, out of the trainer's own log, which a checkpoint keeps."""
    losses = [float(one["loss"]) for one in trainer.state.log_history if "loss" in one]
    return Done(int(trainer.state.global_step), int(trainer.state.num_input_tokens_seen), losses[0], losses[-1], held)


@contextmanager
def explained(folder: Path) -> Generator[None]:
    """What the libraries raise, in one line.

    Raises:
        TrainingError: Memory ran out, or a library refused.
        DataError: The disk is full.
    """
    try:
        yield
    except DikastError:
        raise
    except MemoryError as error:
        raise TrainingError("out of memory", hint=MEMORY_HINT) from error
    except OSError as error:
        raise refused(error, error.filename or folder, "written", "folder") from error
    except Exception as error:
        text = str(error)
        if any(sign in text for sign in MEMORY_SIGNS):
            raise TrainingError(f"out of memory: {excerpt(error)}", hint=MEMORY_HINT) from error
        if any(sign in text for sign in DISK_SIGNS):
            raise refused(OSError(errno.ENOSPC, "No space left on device"), folder, "written", "folder") from error
        raise


def resumed_from(folder: Path) -> int:
    """The step that a training in a folder goes on from; 0 for a new one."""
    return step_of(last_sealed(folder / CHECKPOINTS))
