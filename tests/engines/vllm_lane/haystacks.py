"""SummHay over `vllm:`: two subtopics retrieved, summarised, judged in both forms, as a job; nothing is lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dikast import jobs
from dikast.agents.models.load import close_models
from dikast.graphs import summhay
from dikast.graphs.summhay.haystack import Haystack, parse_haystack, read_haystack
from dikast.graphs.summhay.systems import system_of_run
from tests.graphs.summhay.hay import hay

SUBTOPICS = 2
BUDGET = 600
"""Tokens of documents: with the prompt and the reply they fit the lane's context."""
TOKENS = 48
SECONDS = 900
"""For all rows of one judge: twenty times what they take on two idle cores."""


@pytest.fixture(scope="module")
def haystack() -> Haystack:
    """The packed haystack where the shared data sets are, one made by hand elsewhere."""
    here = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("DIKAST_DATA", here.parent / "shared" / "data")) / "evals" / "summhay"
    paths = [path for path in sorted(folder.glob("topic_*.json")) if not path.name.endswith("scores.json")]
    return read_haystack(paths[0]) if paths else parse_haystack(hay())


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    asyncio.run(close_models())


@pytest.mark.parametrize("form", ["", "batch+"])
async def test_two_subtopics_are_summarised_and_judged(
    spec: str, haystack: Haystack, tmp_path: Path, form: str
) -> None:
    context = summhay.Context.model_validate(
        {
            "haystacks": [haystack],
            "solver": spec,
            "judge": form + spec,
            "retriever": "keyword",
            "budget": BUDGET,
            "tries": 1,
            "summarising": {"max_tokens": TOKENS, "temperature": 0.0},
            "judging": {"max_tokens": TOKENS, "temperature": 0.0},
        }
    )
    chosen = haystack.subtopics[:SUBTOPICS]
    rows = [{"topic_id": haystack.topic_id, "subtopic_id": one.subtopic_id} for one in chosen]
    summary = await asyncio.wait_for(jobs.run(summhay.graph, rows, context, tmp_path / "run"), SECONDS)
    assert summary.owed == 0
    assert summary.outcomes.keys() <= {"ok", "unparsed", "empty"}, summary.outcomes
    system = system_of_run(jobs.Run.open(tmp_path / "run"))
    assert (len(system.summaries), system.asked) == (SUBTOPICS, SUBTOPICS)
    assert system.pooled().insights == sum(len(one.insights) for one in chosen)
    for row in jobs.Run.open(tmp_path / "run").rows():
        output = row["output"]
        assert output["counted_by"] == "model"
        assert 0 < sum(one["tokens"] for one in output["documents"]) <= BUDGET
        assert output["attempts"][0]["provenance"]["finish_reason"] in ("stop", "length")
        assert all(one["outcome"] in ("ok", "unparsed", "empty") for one in output["verdicts"])
