"""From rows to a trained model: `train`, blocking, resumable, offline.

    done = train(DpoRecipe(), "pairs.parquet", "transformers:smollm2-135m", Path("runs/round1"))
    done.model                # "transformers:smollm2-135m?lora=runs/round1/adapter": what load_model opens

The same call again returns what was trained; after a crash it goes on from the last whole checkpoint, on a CPU to the
same weights as a training that was never stopped. Other rows, another recipe or model in that folder are refused.

What an asynchronous caller does: `await asyncio.to_thread(train, ...)`; an exception that `on_step` raises stops the
training after that step. Needs the extra `train`; nothing of it is imported before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from dikast.errors import DataError
from dikast.jobs.manifest import now, versions
from dikast.training.folder import FORMAT, TRAINING, Manifest, open_training, write_training
from dikast.training.inputs import Inputs, Rows, gather
from dikast.training.plans import Plan, held_columns, planned
from dikast.training.recipes import Recipe

if TYPE_CHECKING:
    from dikast.training.backend.running import Done, Job

STOPPED_CHARACTERS = 500
PACKAGES = ("dikast", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "numpy")


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made.

    Args:
        folder: The training's.
        model: The spec that opens what was trained; value heads and reward models give values and do not speak.
        digest: Of the trained weights.
        rows: Trained on.
        left_out: Rows that were not: why -> how many.
        steps: Optimizer steps.
        tokens: That the model read, prompts among them, padding not.
        seconds: All attempts together.
        loss: Of the last step.
        first_loss: Of the first step.
        held_loss: On the held rows at the end; `None` without.
    """

    folder: Path
    model: str
    digest: str
    rows: int
    left_out: Mapping[str, int]
    steps: int
    tokens: int
    seconds: float
    loss: float
    first_loss: float
    held_loss: float | None = None


def train(
    recipe: Recipe,
    rows: Rows,
    model: str,
    out: Path,
    *,
    reference: str | None = None,
    held: Rows | None = None,
    on_step: Callable[[Mapping[str, Any]], None] | None = None,
    force_new: bool = False,
    columns: Mapping[str, str] | None = None,
    rewards: Sequence[Callable[..., Any]] = (),
    rollout: Callable[..., Any] | None = None,
) -> Trained:
    """Train, or go on, or return what was trained already.

    Args:
        recipe: Which trainer, and how.
        rows: A file, or rows; provenance columns are left out.
        model: A `transformers:` spec; an adapter that it names is copied and gone on with where the recipe trains one.
        out: The training's folder.
        reference: DPO's reference, a spec; `None` for the model as it is at the start of this training.
        held: Rows to measure the loss on, at each checkpoint and at the end.
        on_step: Told of each step: `step`, `steps`, `loss` and what else the trainer measures.
        force_new: Move an older training in this folder aside, and start over.
        columns: Our name for a column -> the files'.
        rewards: GRPO's reward functions, in TRL's form.
        rollout: GRPO's function that makes completions, in TRL's form; experimental there. What functions that have a
            `fingerprint()` tell of themselves decides what may be gone on with, as a recipe does.

    Raises:
        MissingExtraError: The extra `train` is not installed.
        DataError: There is no row to train on, the folder cannot be written, or the disk is full.
        UsageError: Model, recipe and rows do not fit together.
        ResumeMismatchError: The folder is another training's.
        ModelUnavailable: The model cannot be opened.
        TrainingError: It diverged, or memory ran out; the last checkpoint stays.
    """
    inputs = gather(recipe, rows, model, reference, held, columns, rewards, rollout)
    fingerprint = inputs.fingerprint()
    with open_training(Path(out), fingerprint, force_new=force_new) as manifest:
        if "finished" in manifest:
            return trained_of(inputs, Path(out), manifest)
        return perform(inputs, Path(out), manifest or new_manifest(inputs, fingerprint), on_step)


def plan(
    recipe: Recipe,
    rows: Rows,
    model: str,
    *,
    reference: str | None = None,
    held: Rows | None = None,
    columns: Mapping[str, str] | None = None,
) -> Plan:
    """What `train` would do; only the tokenizer is opened. Arguments as there.

    Raises:
        DikastError: As `train`.
    """
    return planned(gather(recipe, rows, model, reference, held, columns))


def perform(
    inputs: Inputs, out: Path, manifest: Manifest, on_step: Callable[[Mapping[str, Any]], None] | None
) -> Trained:
    """Train in a folder that is ours; its manifest tells each attempt."""
    from dikast.training.backend.bases import adapter_digest
    from dikast.training.backend.running import Job, name_of, resumed_from, run
    from dikast.training.report import write_report

    plan = planned(inputs)
    held, too_long = held_columns(inputs, plan.longest)
    job = Job(inputs.recipe, inputs.base, inputs.reference, plan.columns, held, out, plan.steps, inputs.functions)
    attempt: dict[str, Any] = {"started": now(), "from_step": resumed_from(out), "versions": versions(PACKAGES)}
    manifest["attempts"].append(attempt)
    manifest |= {"rows": plan.rows, "left_out": dict(plan.left_out), "longest": plan.longest, "planned": plan.steps}
    manifest |= {"held": {"rows": len(held), "left_out": dict(too_long)}} if held else {}
    write_training(out, manifest)
    started = time.perf_counter()
    try:
        done = launched(job, on_step) if inputs.recipe.processes > 1 else run(job, on_step)
    except BaseException as error:
        attempt |= {"stopped": f"{type(error).__name__}: {error}"[:STOPPED_CHARACTERS]}
        raise
    finally:
        attempt |= {"finished": now(), "seconds": round(time.perf_counter() - started, 3)}
        write_training(out, manifest)
    made = out / name_of(inputs.recipe)
    manifest["finished"] = finished(inputs, made, done, adapter_digest(made), manifest)
    write_report(out, manifest)
    write_training(out, manifest)
    return trained_of(inputs, out, manifest)


def launched(job: Job, on_step: Callable[[Mapping[str, Any]], None] | None) -> Done:
    """The same in several processes."""
    from dikast.training.backend.launching import launch

    return launch(job, on_step)


def new_manifest(inputs: Inputs, fingerprint: Mapping[str, Any]) -> Manifest:
    """A manifest for a new training."""
    return {
        "format": FORMAT,
        TRAINING: inputs.recipe.kind,
        "fingerprint": dict(fingerprint),
        "recipe": inputs.recipe.model_dump(mode="json"),
        "model": inputs.base.spec,
        "reference": inputs.reference.spec if inputs.reference else None,
        "attempts": [],
    }


def finished(inputs: Inputs, made: Path, done: Done, digest: str, manifest: Manifest) -> dict[str, Any]:
    """What came of it, for the manifest."""
    seconds = sum(one.get("seconds", 0.0) for one in manifest["attempts"])
    return {"opens": opens(inputs, made), "digest": digest, "seconds": round(seconds, 3), **asdict(done)}


def opens(inputs: Inputs, made: Path) -> str:
    """The spec of what was trained, with the options that the model's had."""
    _, _, query = inputs.base.spec.rpartition("?") if "?" in inputs.base.spec else ("", "", "")
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "lora"]
    adapter = made.name == "adapter"
    options = [("lora", str(made)), *kept] if adapter else kept
    asked = urlencode(options, quote_via=quote, safe="/:,")
    return f"transformers:{inputs.base.target if adapter else made}" + (f"?{asked}" if asked else "")


def trained_of(inputs: Inputs, out: Path, manifest: Manifest) -> Trained:
    """What a finished training made; in a folder that was moved, where it is now.

    Raises:
        DataError: It is gone.
    """
    from dikast.training.backend.running import name_of

    done, made = manifest["finished"], out / name_of(inputs.recipe)
    if not made.is_dir():
        raise DataError("what was trained is gone", path=made, hint="train again with --force-new")
    return Trained(
        folder=out,
        model=opens(inputs, made),
        digest=done["digest"],
        rows=manifest["rows"],
        left_out=manifest["left_out"],
        steps=done["steps"],
        tokens=done["tokens"],
        seconds=done["seconds"],
        loss=done["loss"],
        first_loss=done["first_loss"],
        held_loss=done["held_loss"],
    )
