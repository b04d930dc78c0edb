"""A training in several processes: `accelerate launch` starts one a GPU; on a CPU torch does, and they speak gloo.

    done = launch(job, on_step=None)

The job is written beside the checkpoints; each process runs `python -m dikast.training.backend.worker JOB`, and the
first of them writes what came of it. Processes whose starter has ended stop after their next step.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from shutil import rmtree
from typing import Any

from dikast import errors
from dikast.errors import DikastError, TrainingError, UsageError
from dikast.files import write_json, write_jsonl
from dikast.http.server_errors import excerpt
from dikast.training.backend.bases import base_of, on_the_cpu
from dikast.training.backend.running import Done, Job, resumed_from, run
from dikast.training.backend.watching import LOSSES, OnStep
from dikast.training.recipes import RECIPES

PLACE = "job"
JOB, ROWS, HELD, DONE, LOG = "job.json", "rows.jsonl", "held.jsonl", "done.json", "log.txt"
ONE_MACHINE = (
    *("--num_machines", "1", "--main_process_port", "0"),
    *("--mixed_precision", "no", "--dynamo_backend", "no"),  # the recipe says it; accelerate's own settings do not
)
LOOK_SECONDS = 0.2
STOP_SECONDS = 10.0
LOG_CHARACTERS = 300
"""Of the processes' log, in an error."""


def launch(job: Job, on_step: OnStep | None) -> Done:
    """Train in as many processes as the recipe says.

    Raises:
        UsageError: The training has functions, which cannot go to another process.
        DikastError: As `dikast.training.backend.running.run`; whatever stopped the first process.
    """
    if job.functions:
        told = "functions do not go to other processes"
        raise UsageError(f"grpo with processes: {told}", hint="start your own script by accelerate launch")
    place = job.folder / PLACE
    rmtree(place, ignore_errors=True)
    place.mkdir()
    write_job(job, place)
    (job.folder / LOSSES).unlink(missing_ok=True)  # an earlier attempt's; the checkpoint has those that count
    with (place / LOG).open("wb") as log:
        process = subprocess.Popen(command(job, place), stdout=log, stderr=log, start_new_session=True)
        try:
            follow(process, job, on_step)
        finally:
            stop(process)
    done = outcome(place, process.returncode)
    rmtree(place)
    return done


def command(job: Job, place: Path) -> list[str]:
    """What starts the processes."""
    count = str(job.recipe.processes)
    if on_the_cpu(job.base):  # accelerate starts several on a CPU through MPI alone; torch's own starter needs none
        start = ["torch.distributed.run", "--standalone", "--nproc_per_node", count]
    else:
        plain = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
        start = [
            "accelerate.commands.launch",
            "--multi_gpu",
            "--num_processes",
            count,
            "--main_process_port",
            "0",
            *plain,
        ]
    return [sys.executable, "-m", *start, "-m", "dikast.training.backend.worker", str(place)]


def write_job(job: Job, place: Path) -> None:
    """Write what the processes need."""
    told = {
        "kind": job.recipe.kind,
        "recipe": job.recipe.model_dump(mode="json"),
        "model": job.base.spec,
        "reference": job.reference.spec if job.reference else None,
        "folder": str(job.folder),
        "steps": job.steps,
        "starter": os.getpid(),
    }
    write_jsonl(place / ROWS, job.rows)
    write_jsonl(place / HELD, job.held)
    write_json(place / JOB, told)


def follow(process: subprocess.Popen[bytes], job: Job, on_step: OnStep | None) -> None:
    """Wait for the processes, and tell each step that they have written down since the last checkpoint."""
    losses, told = job.folder / LOSSES, resumed_from(job.folder)
    while True:
        ended = process.poll() is not None
        lines = losses.read_text(encoding="utf-8").split("\n")[:-1] if losses.is_file() else []
        if on_step is not None:
            for line in lines[told:]:
                on_step({**json.loads(line), "steps": job.steps})
            told = max(told, len(lines))
        if ended:
            return
        time.sleep(LOOK_SECONDS)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the processes, if they run."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def outcome(place: Path, code: int) -> Done:
    """What the first process wrote down.

    Raises:
        DikastError: What stopped it.
        TrainingError: It ended without a word; the hint has the end of its log.
    """
    path = place / DONE
    if not path.is_file():
        log = (place / LOG).read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:]
        raise TrainingError(f"the training's processes ended with {code}: {excerpt(log)}", hint=f"see {place / LOG}")
    done: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "error" in done:
        kind = getattr(errors, done["error"], DikastError)
        raise rebuilt(kind, done["message"], done["hint"])
    return Done(**done)


def rebuilt(kind: type[DikastError], message: str, hint: str) -> DikastError:
    """An error of another process."""
    error = kind.__new__(kind)
    DikastError.__init__(error, message, hint=hint)
    return error


def work(place: Path) -> int:
    """Be one of the processes; the exit code."""
    told: dict[str, Any] = json.loads((place / JOB).read_text(encoding="utf-8"))
    first = os.environ.get("RANK", "0") == "0"

    def look(_: Mapping[str, Any]) -> None:
        try:
            os.kill(told["starter"], 0)
        except ProcessLookupError as error:
            raise TrainingError("the process that started this training has ended") from error

    try:
        reference = base_of(told["reference"]) if told["reference"] else None
        recipe = RECIPES[told["kind"]](**told["recipe"])
        rows, held = (read_lines(place / name) for name in (ROWS, HELD))
        base, folder = base_of(told["model"]), Path(told["folder"])
        done = run(Job(recipe, base, reference, rows, held, folder, told["steps"]), look)
    except DikastError as error:
        if first:
            said = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
            write_json(place / DONE, said)
        return error.exit_code
    if first:
        write_json(place / DONE, asdict(done))
    return 0


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
