"""Every judge mode and every form of a verdict over `vllm:`: twenty pairs as jobs; nothing hangs, nothing is lost."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dikast import jobs
from dikast.agents.models.load import close_models
from dikast.evaluation.interchange import llmbar
from dikast.evaluation.items import Pair
from dikast.graphs import reviseval
from dikast.graphs.reviseval.results import JudgedRun, calibrate_pairs

PAIRS = 20
CHARACTERS = 1500
"""Of an instruction with its responses: with a reference and the judge's own words it still fits the lane's context."""
TOKENS = 24
SECONDS = 900
"""For all rows of one mode: twenty times what they take on two idle cores."""
RUNS = [
    ("free", "mark"),
    ("free", "json"),
    ("free", "logprobs"),
    ("direct", "logprobs"),
    ("human", "json"),
    ("reviseval", "mark"),
    ("reviseval", "logprobs"),
    ("commit-first", "mark"),
]


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """LLMBar's first short pairs where the shared data sets are, as many sums elsewhere."""
    here = Path(__file__).resolve().parents[3]
    path = Path(os.environ.get("DIKAST_DATA", here.parent / "shared" / "data")) / "evals" / "pairwise" / "pairs.jsonl"
    if not path.is_file():
        return [
            Pair(str(n), f"What is {n} times {n + 3}?", str(n * (n + 3)), str(n * (n + 3) + 1), gold="1")
            for n in range(2, 2 + PAIRS)
        ]
    short = [pair for pair in llmbar.read_pairs(path) if length(pair) <= CHARACTERS]
    return short[:PAIRS]


def length(pair: Pair) -> int:
    return len(pair.instruction) + len(pair.response_1) + len(pair.response_2)


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    asyncio.run(close_models())


@pytest.mark.parametrize(("mode", "form"), RUNS)
async def test_every_pair_has_an_outcome_and_counts(
    spec: str, pairs: list[Pair], tmp_path: Path, mode: str, form: str
) -> None:
    sampling = {"max_tokens": TOKENS, "temperature": 0.0}
    context = reviseval.Context.model_validate(
        {
            "judges": [spec if form == "mark" else f"{form}+{spec}"],
            "solver": spec if mode in ("direct", "reviseval") else None,
            "mode": mode,
            "on_conflict": "synthesise" if (mode, form) == ("reviseval", "mark") else "tie",
            "judging": sampling,
            "revising": sampling,
        }
    )
    rows = [
        {
            "id": pair.id,
            "instruction": pair.instruction,
            "response_1": pair.response_1,
            "response_2": pair.response_2,
            "reference": pair.response_1,
            "gold": pair.gold,
        }
        for pair in pairs
    ]
    summary = await asyncio.wait_for(jobs.run(reviseval.graph, rows, context, tmp_path / "run"), SECONDS)
    assert summary.owed == 0
    assert summary.outcomes.keys() <= {"ok", "unparsed", "empty"}, summary.outcomes
    judged = JudgedRun(mode, list(jobs.Run.open(tmp_path / "run").rows()), summary.usage, 0)
    assert Counter(row["outcome"] for row in judged.rows).total() == PAIRS
    [measured] = calibrate_pairs(judged)
    unreadable = sum((row["output"]["ab"] is None) + (row["output"]["ba"] is None) for row in judged.rows)
    assert (measured.n, measured.unparsed_ab + measured.unparsed_ba) == (PAIRS, unreadable)
    if form == "logprobs":
        # No text is read, so whatever the model says there is a verdict, in both orders.
        assert (unreadable, summary.outcomes) == (0, {"ok": PAIRS})
        assert all(0 < vote["preference"] < 1 for row in judged.rows for vote in row["output"]["votes"])
