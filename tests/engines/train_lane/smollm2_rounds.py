"""SmolLM2-135M with LoRA through a round of DNO and one of TAPIR: real answers, a real judge and a scripted one.

The model judges badly: with it as the judge what must hold is that every row has an outcome and the loop its end. With
the scripted judge a round trains, and its adapter speaks.

    DIKAST_ROUNDS_FULL=FILE python tests/engines/lanes.py train       # 32 prompts of a file of yours, in place of 4
"""

from __future__ import annotations

import json
import os
import re
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest

from dikast.agents.models.catalog import find
from dikast.agents.models.request import Request, Sampling
from dikast.agents.models.scripted import ScriptedModel
from dikast.graphs.dno import rounds as dno
from dikast.graphs.dno.judge import ModelListJudge
from dikast.graphs.dno.rounds.graph import graph as dno_rounds
from dikast.graphs.dno.rounds.roles import PromptFile
from dikast.graphs.tapir import rounds as tapir
from dikast.graphs.tapir.classifier import load_classifier
from dikast.graphs.tapir.judge import ModelPairScorer
from dikast.graphs.tapir.rounds.graph import graph as tapir_rounds
from dikast.records import Outcome
from dikast.training.recipes import DpoRecipe
from tests.contract.requests import ask
from tests.engines.train_lane.conftest import load

SMOLLM2 = "transformers:smollm2-135m"
FULL = os.environ.get("DIKAST_ROUNDS_FULL", "")
PROMPTS, STEPS = (32, 8) if FULL else (4, 2)
ASKED = [
    {
        "id": "1",
        "instruction": "Name a colour of the rainbow.",
        "answer": "Red is a colour of the rainbow.",
        "task": "Others",
    },
    {"id": "2", "instruction": "What is 2 + 3?", "answer": "2 + 3 = 5.", "task": "Others"},
    {"id": "3", "instruction": "Name an animal that can fly.", "answer": "A swallow can fly.", "task": "Others"},
    {"id": "4", "instruction": "Which month comes after May?", "answer": "June comes after May.", "task": "Others"},
]
SHORT, VERDICT = Sampling(max_tokens=24, temperature=0.7, top_p=0.95, seed=0), Sampling(max_tokens=160, seed=0)
RECIPE: dict[str, Any] = {
    "steps": STEPS, "batch_size": 2, "accumulation": 1, "lora_rank": 4, "max_length": 256, "learning_rate": 1e-3,
}  # fmt: skip


@pytest.fixture
def instructions(tmp_path: Path) -> Path:
    """The file of the short run, or the first rows of the user's."""
    find("smollm2-135m")
    path = tmp_path / "instructions.jsonl"
    lines = [json.dumps(row) for row in ASKED]
    if FULL:
        with Path(FULL).open(encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in islice(file, PROMPTS)]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def points(request: Request) -> str:
    """Six points for the gold answer, which is the longest that ends its sentence; fewer for every other."""
    asked = request.messages[-1]["content"]
    shown = re.findall(r"<answer_\d+-[0-9a-f]+>\n(.*?)\n</answer", asked, re.DOTALL)
    given = {f"answer_{n}": 6 if is_gold(text) else n % 3 for n, text in enumerate(shown, start=1)}
    return json.dumps({"reasoning": "", **given})


def is_gold(text: str) -> bool:
    return (FULL != "" and len(text) > 200) or text in {row["answer"] for row in ASKED}


def pair_points(request: Request) -> str:
    """Nine points for a teacher's answer."""
    first, _, second = request.messages[-1]["content"].partition("The second answer:")
    shown = (first.partition("The first answer:")[2], second)
    one, two = (9 if any(row["answer"] in text for row in ASKED) else 2 for text in shown)
    return json.dumps({"reason": "so", "first": one, "second": two})


def dno_context(folder: Path, instructions: Path, judge: Any) -> dno.Context:
    columns = dict[str, str]() if FULL else {"prompt": "instruction", "gold": "answer"}
    return dno.Context(
        folder=folder, prompts=cast(Any, PromptFile(instructions, columns)), solver=SMOLLM2, judge=judge, samples=2,
        rounds=1, parts=1, validation=30, policy="last", sampling=SHORT, judging=VERDICT, recipe=DpoRecipe(**RECIPE),
    )  # fmt: skip


async def test_a_round_of_dno_trains_an_adapter_that_speaks(tmp_path: Path, instructions: Path) -> None:
    judge = ModelListJudge(ScriptedModel(points, spec="scripted:smollm2_rounds:points"))
    output = await dno_rounds.ainvoke({"id": "loop"}, context=dno_context(tmp_path, instructions, judge))
    [one] = output["rounds"]
    told = {name: stage["result"] for name, stage in one["stages"].items()}
    assert output["outcome"] == Outcome.OK
    assert one["promoted"]
    assert told["train"]["steps"] == STEPS
    assert told["rows"]["rows"] > 0
    assert told["evaluate"]["win_rate"] is not None
    assert output["policy"]["model"].startswith(f"{SMOLLM2}?lora=")
    assert output["policy"]["digest"] == told["train"]["digest"]
    await speaks(output["policy"]["model"])


async def test_a_round_of_dno_with_the_model_as_its_own_judge_ends_with_counts(
    tmp_path: Path, instructions: Path
) -> None:
    judge = ModelListJudge(load(SMOLLM2))
    output = await dno_rounds.ainvoke({"id": "loop"}, context=dno_context(tmp_path, instructions, judge))
    [one] = output["rounds"]
    collected = one["stages"]["collect"]["result"]
    assert sum(collected["outcomes"].values()) == collected["asked"] > 0
    assert output["usage"]["judge"]["calls"] >= collected["asked"]
    assert output["outcome"] in (Outcome.OK, Outcome.EMPTY)
    if output["outcome"] == Outcome.EMPTY:
        assert output["policy"]["round"] == 0
        assert sum(one["stages"]["rows"]["result"]["left_out"].values()) >= collected["asked"]


async def test_a_round_of_tapir_trains_on_what_was_hard(tmp_path: Path, instructions: Path) -> None:
    context = tapir.Context(
        folder=tmp_path, instructions=instructions, solver=SMOLLM2,
        judge=ModelPairScorer(ScriptedModel(pair_points, spec="scripted:smollm2_rounds:pair_points")),
        classifier=load_classifier(SMOLLM2), tasks=("Math", "Others"), answering=SHORT, held=30, rounds=1,
        **{name: value for name, value in RECIPE.items() if name != "accumulation"},
    )  # fmt: skip
    assert context.recipe.lora_rank == 4
    output = await tapir_rounds.ainvoke({"id": "loop"}, context=context)
    [one] = output["rounds"]
    told = {name: stage["result"] for name, stage in one["stages"].items()}
    assert told["collect"]["hard"] > 0
    assert told["train"]["steps"] == STEPS
    assert told["evaluate"]["fall"] is not None
    made = f"{SMOLLM2}?lora={tmp_path}/loop/round-01/train/adapter"
    assert one["after"]["model"] == (made if one["promoted"] else SMOLLM2)
    await speaks(made)


async def speaks(spec: str) -> None:
    """The adapter opens beside the base model, and says something."""
    model = load(spec)
    try:
        assert (await model.complete(ask("Say hello.")))[0].text.strip()
    finally:
        await model.aclose()
