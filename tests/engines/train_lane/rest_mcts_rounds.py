"""ReST-MCTS*'s rounds end to end over a tiny model: policy and critic are trained; killed, and gone on with."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.load import close_models
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import load_prompt
from dikast.graphs.rest_mcts import rounds
from dikast.graphs.rest_mcts.checks import load_check
from dikast.graphs.rest_mcts.rounds.roles import QuestionFile
from dikast.training.recipes import DpoRecipe, SftRecipe
from dikast.training.rows import as_conversation, said_by_assistant
from dikast.training.trainer import train

SECONDS = 600
MODELS = r"""
from dikast.graphs.rest_mcts.critics import valuing


@valuing
def half(question, solution):
    with open("calls.txt", "a") as file:
        file.write(f"{question!r} {solution!r}\n")
    return 0.5
"""
QUESTIONS = [(one, other) for one in range(1, 5) for other in range(1, 5)]


@pytest.fixture(scope="module")
def policy(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that has learnt the form of solutions, and some of the sums."""
    prompt, ending = load_prompt("rest_mcts/solve"), load_check("numeric").ending
    rows = [
        {
            "prompt": as_conversation(prompt.render({"question": f"{one} {other}", "ending": ending})),
            "completion": said_by_assistant(f"{one} + {other}\n#### {one + other}"),
        }
        for one, other in QUESTIONS
    ]
    recipe = SftRecipe(steps=150, lora_rank=0, learning_rate=3e-3, batch_size=8, schedule="constant", save_every=999)
    return train(recipe, rows, f"transformers:{folder}", tmp_path_factory.mktemp("policy") / "t").model


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "round_critic.py").write_text(MODELS)
    rows = [{"question": f"{one} {other}", "answer": str(one + other)} for one, other in QUESTIONS]
    (tmp_path / "q.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return tmp_path


def command(policy: str) -> list[str]:
    return [
        *(sys.executable, "-m", "dikast.cli", "rest-mcts", "rounds", "--questions", "q.jsonl", "-o", "run", "--json"),
        *("--solver", policy, "--critic", "function:round_critic:half", "--rounds", "2", "--validation", "25"),
        *("--critic-validation", "25", "--policy", "last", "--iterations", "2", "--tokens", "200", "--depth", "4"),
        *("--solver-max-tokens", "16", "--solution-tokens", "24", "--steps", "6", "--batch-size", "4"),
        *("--lora-rank", "4", "--save-every", "2", "--critic-learning-rate", "0.003", "--learning-rate", "0.001"),
    ]


def run(place: Path, words: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        words, cwd=place, env=dict(os.environ), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def output_of(place: Path) -> dict[str, Any]:
    return json.loads((place / "run" / "rows.jsonl").read_text().splitlines()[-1])["output"]


async def test_self_rewarding_trains_by_dpo_on_what_the_policy_prefers(
    policy: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny policy never learnt to give points: whatever it says of a solution counts as some."""

    def points(text: str, low: float, high: float) -> float:
        return len(text) % (high + 1)

    monkeypatch.setattr("dikast.graphs.rest_mcts.judging.read_score", points)
    questions: Any = QuestionFile(place / "q.jsonl", {})
    context = rounds.Context(
        folder=place / "run",
        questions=questions,
        solver=policy,
        rival="self_rewarding",
        judgements=1,
        judging=Sampling(max_tokens=24, temperature=1.5, seed=0),
        pair_recipe=DpoRecipe(steps=4, batch_size=4, lora_rank=4, learning_rate=1e-3, save_every=2),
        rounds=1,
        validation=25,
        policy="last",
        tokens=200,
        solution_tokens=24,
        sampling=Sampling(max_tokens=16, temperature=1.5, seed=0),
    )
    output: Any = (await rounds.graph.ainvoke({"id": "loop"}, context=context, version="v2")).value
    await close_models()
    [one] = output["rounds"]
    told = {name: stage["result"] for name, stage in one["stages"].items()}
    assert told["rows"]["rows"] == told["rows"]["judged"]["pairs"] > 0
    assert told["train"]["steps"] == 4
    assert told["train"]["first_loss"] == pytest.approx(math.log(2), abs=1e-3)  # as far from the reference as it is
    assert output["policy"]["model"].startswith(f"{policy}?lora=")
    assert told["collect"]["usage"]["critic"]["calls"] > 0


def test_two_rounds_killed_in_the_second_training_and_gone_on_with(policy: str, place: Path) -> None:
    words = command(policy)
    second = place / "run" / "loop" / "round-02"
    with subprocess.Popen(words, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        late = time.monotonic() + SECONDS
        while not (second / "train" / "policy").exists():
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            assert time.monotonic() < late
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    asked = (place / "calls.txt").read_text()
    journal = (second / "collect" / "rows.jsonl").read_text()
    run(place, words)
    # What was searched is not searched again; the given critic is asked in the first round alone.
    assert (place / "calls.txt").read_text() == asked
    assert (second / "collect" / "rows.jsonl").read_text() == journal
    output = output_of(place)
    one, two = ({name: stage["result"] for name, stage in it["stages"].items()} for it in output["rounds"])
    assert output["rounds"][1]["stages"]["train"]["attempts"] == 2
    assert one["rows"]["rows"] > 0
    assert one["train"]["model"].startswith(f"{policy}?lora=")
    assert output["policy"]["digest"] == two["train"]["digest"] != one["train"]["digest"]
    # A value head was trained, and valued the second round's steps, unless it erred more than the constant.
    critic = one["train"]["critic"]
    assert critic["steps"] == 6
    assert critic["taken"] is (critic["error"] is None or critic["error"] <= one["rows"]["critic_error"])
    assert two["collect"]["critic"] == (critic["digest"] if critic["taken"] else "")
    assert one["evaluate"]["after"] == two["evaluate"]["before"]
