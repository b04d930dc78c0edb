"""A round of DNO end to end: a tiny model answers, a script judges, TRL trains; killed in a stage and gone on with."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.contract.requests import ask
from tests.engines.train_lane.conftest import load

MODELS = r"""
import json
import os
import re
import signal
from pathlib import Path

from dikast.agents.models.scripted import scripted


@scripted
def judge(request):
    # The more different words, the better; gold is best.
    asked = request.messages[-1]["content"]
    with open("calls.txt", "a") as file:
        file.write(f"{hash_of(asked)}\n")
    if Path("kill").exists() and sum(1 for _ in open("calls.txt")) >= int(Path("kill").read_text()):
        os.kill(os.getpid(), signal.SIGKILL)
    shown = re.findall(r"<answer_\d+-[0-9a-f]+>\n(.*?)\n</answer", asked, re.DOTALL)
    points = [6 if "gold" in text else min(4, len(set(text.split())) // 2) for text in shown]
    return json.dumps({"reasoning": "", **{f"answer_{n}": one for n, one in enumerate(points, start=1)}})


def hash_of(text):
    import hashlib
    return hashlib.sha256(text.encode()).hexdigest()[:12]
"""
PROMPTS = 24
RECIPE = {"steps": 4, "save_every": 1, "batch_size": 2, "accumulation": 1, "learning_rate": 1e-2, "lora_rank": 4}
SECONDS = 600


def command(folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "dikast.cli", "dno", "rounds", "--prompts", "prompts.jsonl", "--recipe", "recipe.json"),
        *("--solver", f"transformers:{folder}", "--judge", "scripted:round_models:judge", "-o", "run", "--json"),
        *("--samples", "2", "--solver-max-tokens", "8", "--rounds", "1", "--parts", "1", "--validation", "30"),
        *("--policy", "last"),
    ]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "round_models.py").write_text(MODELS)
    rows = [{"id": str(n), "prompt": f"red {n}", "gold": "gold stone north"} for n in range(PROMPTS)]
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE))
    return tmp_path


def run(place: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder), cwd=place, env=dict(os.environ), capture_output=True, text=True, timeout=SECONDS, check=False
    )


def kill_in(stage: str, place: Path, folder: Path) -> None:
    """Start the command, and kill it where a stage has begun, and is not over."""
    process = subprocess.Popen(command(folder), cwd=place, env=dict(os.environ), stderr=subprocess.DEVNULL)
    marks = {"train": place / "run/loop/round-01/train/checkpoints"}
    until = time.monotonic() + SECONDS
    try:
        while stage in marks and not any(marks[stage].glob("*")):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
        if stage not in marks:
            process.wait(SECONDS)  # the judge kills it
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL


def stage_of(place: Path, name: str) -> dict[str, Any]:
    return json.loads((place / "run" / "loop" / "round-01" / f"{name}.json").read_text())


def calls(place: Path) -> Counter[str]:
    return Counter((place / "calls.txt").read_text().split())


@pytest.mark.parametrize("stage", ["collect", "train", "evaluate"])
def test_a_round_killed_in_a_stage_goes_on_there(place: Path, folder: Path, stage: str) -> None:
    if stage != "train":
        (place / "kill").write_text("5" if stage == "collect" else str(PROMPTS - 2))
    kill_in(stage, place, folder)
    if stage != "train":
        (place / "kill").unlink()
    assert not stage_of(place, stage)["finished"]
    done = run(place, folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    [one] = told["rounds"]
    assert one["promoted"]
    assert one["attempts"][stage] == 2
    assert all(count == 1 for name, count in one["attempts"].items() if name != stage)
    assert (one["own"], one["replayed"]) == (one["rows"], [])
    assert one["kinds"] == {"teacher>student": one["own"]}
    assert one["trained"]["steps"] == RECIPE["steps"]
    assert one["win_rate"] is not None
    # What was answered before the kill was not asked again: only the calls in flight were.
    assert sum(count - 1 for count in calls(place).values()) <= 16
    speaks(told["policy"]["model"], folder, place)
    again = run(place, folder)
    assert json.loads(again.stdout)["rounds"] == told["rounds"]


def speaks(spec: str, folder: Path, place: Path) -> None:
    """The new policy opens, and says other things than the old one."""
    assert spec == f"transformers:{folder}?lora={place}/run/loop/round-01/train/adapter"

    async def said(spec: str) -> list[str]:
        model = load(spec)
        try:
            return [(await model.complete(ask(f"red {n}")))[0].text for n in range(8)]
        finally:
            await model.aclose()

    assert asyncio.run(said(spec)) != asyncio.run(said(f"transformers:{folder}"))


def test_the_next_round_begins_with_the_adapter_of_the_last_and_holds_it_as_reference(
    place: Path, folder: Path
) -> None:
    done = run(place, folder)
    assert done.returncode == 0, done.stderr
    words = [*command(folder)]
    words[words.index("--rounds") + 1] = "2"
    more = subprocess.run(words, cwd=place, env=dict(os.environ), capture_output=True, text=True, timeout=SECONDS)
    assert more.returncode == 0, more.stderr
    first, second = json.loads(more.stdout)["rounds"]
    assert second["trained"]["reference"] != first["trained"]["reference"]
    manifest = json.loads((place / "run/loop/round-02/train/manifest.json").read_text())
    assert manifest["model"].endswith("round-01/train/adapter")
    assert manifest["reference"] is None  # the model as it was when the training began
    assert sum(second["replayed"]) > 0
