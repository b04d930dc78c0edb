"""TAPIR end to end with real weights: a round of a tiny student, measured, trained by the trainer, and kept or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dikast.agents.models.request import Request, Sampling
from dikast.agents.models.scripted import ScriptedModel
from dikast.graphs.tapir import rounds
from dikast.graphs.tapir.judge import ModelPairScorer
from dikast.graphs.tapir.rounds.graph import graph
from dikast.training.splits import digest_of
from tests.engines.train_lane.conftest import load

ANSWERS = {"red": "stone north", "salt": "tree seven"}
ROWS = [
    {"id": f"{task}{number}", "instruction": f"{task} {number}", "answer": answer, "task": task}
    for number in range(16)
    for task, answer in ANSWERS.items()
]
SHORT = Sampling(max_tokens=8)


def judged(request: Request) -> str:
    """Nine points for a teacher's words, wherever they are shown."""
    first, _, second = request.messages[-1]["content"].partition("The second answer:")
    shown = (first.partition("The first answer:")[2], second)
    points = [9 if any(answer in text for answer in ANSWERS.values()) else 1 for text in shown]
    return json.dumps({"reason": "so", "first": points[0], "second": points[1]})


def context(tmp_path: Path, folder: Path, **fields: Any) -> rounds.Context:
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    made: dict[str, Any] = {
        "folder": tmp_path,
        "instructions": path,
        "solver": f"transformers:{folder}",
        "judge": ModelPairScorer(ScriptedModel(judged, spec="scripted:tapir:judged")),
        "tasks": tuple(ANSWERS),
        "answering": SHORT,
        "held": 30,
        "rounds": 1,
        "rows": 24,
        "batch_size": 8,
        "steps": 60,
        "learning_rate": 1e-2,
        "lora_rank": 0,
    }
    return rounds.Context(**{**made, **fields})


async def test_a_round_makes_what_was_hard_easier(tmp_path: Path, folder: Path) -> None:
    made = context(tmp_path, folder)
    output = await graph.ainvoke({"id": "loop"}, context=made)
    [round_] = output["rounds"]
    told = {name: stage["result"] for name, stage in round_["stages"].items()}
    assert told["collect"]["hard"] > 0
    assert told["train"]["loss"] < told["train"]["first_loss"]
    assert (told["train"]["steps"], told["train"]["left_out"]) == (60, {})
    assert round_["promoted"], round_["reason"]
    assert told["evaluate"]["before"]["all"]["difficulty"] == 8
    assert told["evaluate"]["after"]["all"]["difficulty"] < 4
    assert output["policy"]["digest"] == told["train"]["digest"]
    # The student to use is there, and has learnt the words.
    student = load(output["policy"]["model"])
    request = Request(({"role": "user", "content": "red 99"},), SHORT)
    assert ANSWERS["red"] in (await student.complete(request))[0].text
    await student.aclose()
    rows = (tmp_path / "loop" / "round-01" / "rows" / "rows.jsonl").read_text().splitlines()
    seen = {digest_of(json.loads(line)["prompt"]) for line in rows}
    held = {digest_of(row["instruction"]) for row in ROWS} - seen
    assert held
    # Given again, nothing is done again.
    assert await graph.ainvoke({"id": "loop"}, context=made) == output


async def test_an_adapter_is_measured_and_gone_on_with(tmp_path: Path, folder: Path) -> None:
    made = context(tmp_path, folder, lora_rank=8, rounds=2, steps=4, answering=Sampling(max_tokens=3))
    output = await graph.ainvoke({"id": "loop"}, context=made)
    first, second = output["rounds"]
    assert second["before"] == first["after"]
    trained = [one["stages"]["train"]["result"] for one in output["rounds"]]
    assert all(one["model"].startswith(f"transformers:{folder}?lora={tmp_path}") for one in trained)
    assert trained[0]["digest"] != trained[1]["digest"]
    measured = [one["stages"]["evaluate"]["result"]["after"]["digest"] for one in output["rounds"]]
    assert measured == [one["digest"] for one in trained]
