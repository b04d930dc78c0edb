"""A real, small model writes a haystack: badly, and how badly is in the result."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from dikast.agents.ledger import recording
from dikast.agents.models.request import Sampling
from dikast.graphs.summhay import make
from dikast.graphs.summhay.haystack import parse_haystack
from tests.graphs.summhay.made import content_of, context_of

SECONDS = 300.0


async def test_two_documents(smollm2: str) -> None:
    context = context_of(
        writer=smollm2,
        documents=2,
        insights_a_document=(2, 3),
        documents_an_insight=(1, 2),
        document_tokens=140,
        repairs=1,
        writing=Sampling(max_tokens=40, seed=0),
    )
    row: Any = {"topic": "Harbour cranes", "content": content_of(), "seed": 0}
    with recording() as ledger:
        async with asyncio.timeout(SECONDS):
            output = await make.graph.ainvoke(row, context=context)
    print(json.dumps([output["rounds"], output["made"]], indent=1))
    assert output["outcome"] == "ok"
    haystack = parse_haystack(output["haystack"])
    assert len(haystack.documents) == 2
    assert all(document.document_text for document in haystack.documents)
    first, *others = output["rounds"]
    assert first["documents"] == 2
    assert first["planned"] == sum(len(one["document_metadata"]["planned"]) for one in output["haystack"]["documents"])
    for one in output["rounds"]:
        assert 0 <= one["miss_rate"] == one["missing"] / one["planned"] <= 1
        assert 0 <= one["leak_rate"] == one["leaked"] / one["unplanted"] <= 1
    for one, two in zip(output["rounds"], others, strict=False):
        assert two["missing"] + two["leaked"] <= one["missing"] + one["leaked"]
    repairs = sum(one["document_metadata"]["repairs"] for one in output["haystack"]["documents"])
    assert 2 <= ledger.usage.calls == repairs + 2
    assert (
        output["made"]["found"]
        == output["rounds"][-1]["planned"] - output["rounds"][-1]["missing"] + output["rounds"][-1]["leaked"]
    )
