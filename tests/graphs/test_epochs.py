"""A method's report of a run of several epochs: the method sees the first one, what stands below it all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from dikast import jobs
from dikast.errors import UsageError
from dikast.graphs.epochs import report_of
from dikast.graphs.method import Method, Report
from dikast.jobs.reading import Run
from dikast.pages import Page
from tests.jobs.graphs import graph_of, values


def counting(run: Run, context: Any) -> Report:
    told = {"rows": len(list(run.rows())), "asked": run.manifest.attempts[-1].asked, "owed": run.summary().owed}
    return Report(Page("mine", ()), told)


def lengths(name: str) -> Any:
    def of(run: Run, context: Any) -> Mapping[str, float]:
        if context == "no judgments":
            raise UsageError("it needs judgments")
        return {row["key"]: row["sample"] + row["output"]["result"] for row in run.rows()}

    return of


async def same(value: int) -> int:
    return value


METHOD = Method(
    graph=graph_of(same),
    context=BaseModel,
    rows=lambda options, context: [],
    report=counting,
    measures=lengths,
    score="m",
)


async def test_a_method_sees_one_epoch_and_its_measure_is_of_all(tmp_path: Path) -> None:
    await jobs.run(METHOD.load_graph(), values(4), None, tmp_path, samples=3, settings={"reducer": "mean,max"})
    told = report_of(METHOD, Run.open(tmp_path), None)
    assert told is not None
    assert {name: told.data[name] for name in ("rows", "asked", "owed")} == {"rows": 4, "asked": 4, "owed": 0}
    measured = {one["reducer"]: one["value"] for one in told.data["epochs"]["reduced"] if one["field"] == "m"}
    assert measured == {"mean": 2.5, "max": 3.5}
    assert told.page.title == "mine"


async def test_a_measure_that_lacks_something_is_told_and_the_rest_stands(tmp_path: Path) -> None:
    await jobs.run(METHOD.load_graph(), values(2), None, tmp_path, samples=2)
    told = report_of(METHOD, Run.open(tmp_path), "no judgments")
    assert told is not None
    assert "m of the epochs is not known: it needs judgments" in told.notes
    assert {one["field"] for one in told.data["epochs"]["reduced"]} == {"ok", "output.value", "output.result"}
