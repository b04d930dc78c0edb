"""What is seen of a training while it runs: its losses, a divergence, its checkpoints.

`losses.jsonl` has a line a step. A training whose loss or gradient is no number is stopped before its next checkpoint,
so that the last one is good.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dikast.errors import TrainingError
from dikast.training.backend.checkpoints import seal
from dikast.training.backend.libraries import library

LOSSES = "losses.jsonl"
DIVERGED_HINT = "its last checkpoint stays; choose a lower --learning-rate, in another folder or with --force-new"

CLOCK = frozenset({"step", "train_runtime", "train_tokens_per_second"})
"""Not among a step's figures: its number, which stands first, and this attempt's clock."""

OnStep = Callable[[Mapping[str, Any]], None]
"""Called after each step with `step`, `steps`, `loss` and what else is measured; what it raises stops the training."""


def watcher(folder: Path, on_step: OnStep | None) -> Any:
    """A callback for transformers' Trainer.

    Args:
        folder: The training's.
        on_step: Told of each step.
    """
    base: Any = library("transformers").TrainerCallback

    def on_train_begin(_: Any, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if state.is_world_process_zero:
            lines = [shown(one) for one in state.log_history if is_step(one)]
            (folder / LOSSES).write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")

    def on_log(_: Any, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **rest: Any) -> None:
        if not is_step(logs):
            return
        refuse_diverged(logs, int(state.global_step))
        if state.is_world_process_zero:
            line = shown({**logs, "step": state.global_step})
            with (folder / LOSSES).open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(line)}\n")
            if on_step is not None:
                on_step({**line, "steps": state.max_steps})

    def on_save(_: Any, args: Any, state: Any, control: Any, **rest: Any) -> None:
        distributed = library("torch").distributed
        if distributed.is_available() and distributed.is_initialized():
            distributed.barrier()  # each process writes the state of its own random numbers
        if state.is_world_process_zero:
            seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return type("Watcher", (base,), {"on_train_begin": on_train_begin, "on_log": on_log, "on_save": on_save})()


def is_step(logs: Mapping[str, Any]) -> bool:
    """Whether a log is that of a step, and not of the end or of an evaluation."""
    return "loss" in logs


def shown(logs: Mapping[str, Any]) -> dict[str, Any]:
    """A step's figures, the step first."""
    rest = {name: value for name, value in logs.items() if name not in CLOCK and isinstance(value, (int, float))}
    return {"step": logs["step"], **rest}


def refuse_diverged(logs: Mapping[str, Any], step: int) -> None:
    """Stop a training that has diverged.

    Raises:
        TrainingError: Its loss or gradient is no finite number.
    """
    for name in ("loss", "grad_norm"):
        value = logs.get(name)
        if isinstance(value, (int, float)) and not math.isfinite(value):
            raise TrainingError(f"the training diverged: {name} is {value} at step {step}", hint=DIVERGED_HINT)
