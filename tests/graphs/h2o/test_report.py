"""Counts of a run: failed rows are asked and not scored; ratios are of sums."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from dikast.graphs import h2o
from dikast.graphs.h2o.graph import compared
from dikast.graphs.h2o.report import add_up, line_of
from dikast.graphs.h2o.story import story
from dikast.pages import Table, Text
from tests.graphs.h2o.benches import Scripted


def measured(size: int, losses: list[float], seconds: float = 1.0, said: str = "x") -> Any:
    return {"bytes": size, "losses": losses, "choices": [0] * len(losses), "tokens": [0] * len(losses),
            "steps_s": seconds, "said": said}  # fmt: skip


def row(full: Any, small: Any, outcome: str = "ok", **asked: Any) -> dict[str, Any]:
    beside = compared(full, small, asked.get("answer", "")) if small else None
    output = {"full": full, "small": small, "compared": beside, "observed": None}
    return {"input": {"policy": "h2o", "heavy": 0.1, "recent": 0.1, **asked}, "output": output, "outcome": outcome}


def test_ratios_are_of_sums_and_failures_are_counted() -> None:
    rows = [
        row(measured(100, [1.0] * 9, 3.0), measured(20, [2.0] * 9, 1.0)),
        row(measured(300, [1.0], 1.0), measured(20, [3.0], 1.0, said="other")),
        row(measured(300, [1.0]), None, "error"),
        {"input": {"policy": "h2o", "heavy": 0.1, "recent": 0.1}, "output": None, "outcome": "timeout"},
    ]
    caches, observed, count, failed = add_up(rows)
    assert (count, failed, observed) == (4, 2, [])
    line = line_of(caches["h2o", 0.2])
    assert (line["asked"], line["measured"], line["tokens"]) == (4, 2, 10)
    assert line["memory_ratio"] == pytest.approx(40 / 400)
    assert line["speed_ratio"] == pytest.approx(4.0 / 2.0)
    assert line["perplexity"] == pytest.approx(math.exp(21 / 10))
    assert line["excess"] == pytest.approx(math.exp(1.1) - 1)
    assert line["same_reply"] == 0.5
    assert line["found"] is None


def test_needles_are_counted_by_depth() -> None:
    rows = [
        row(measured(1, [1.0], said="17"), measured(1, [1.0], said=said), answer="17", depth=depth)
        for said, depth in (("it is 17", 0.0), ("18", 0.0), ("17", 1.0))
    ]
    caches, *_ = add_up(rows)
    cache = caches["h2o", 0.2]
    assert cache.depths[0.0] == [(True, True), (False, True)]
    assert line_of(cache)["found"] == [2, 3]


def test_a_row_is_told_with_both_replies() -> None:
    bench = Scripted()
    context: Any = h2o.Context(solver=bench)
    graph: Any = h2o.graph
    asked = {"prompt": "word " * 40, "policy": "h2o", "heavy": 0.1, "recent": 0.1}
    output = asyncio.run(graph.ainvoke(asked, context=context))
    page = story({"input": asked, "output": output})
    assert page.title.startswith("h2o: heavy 0.1, recent 0.1 of the prompt; 0.16 of the memory")
    quotes = {part.label: part.text for part in page.parts if isinstance(part, Text) and part.kind == "quote"}
    assert quotes["reply with the full cache, stop"] == "the wick, he said"
    assert quotes["reply with the small cache, stop"] == "a box"
    [table] = [part for part in page.parts if isinstance(part, Table)]
    assert [row[:3] for row in table.rows] == [("full", 50, 500), ("small", 8, 80)]
