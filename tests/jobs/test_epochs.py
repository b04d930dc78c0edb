"""Runs whose rows were asked several times: figures per row, variation between epochs, one epoch alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast import jobs, stats
from dikast.agents.ledger import current
from dikast.evaluation.reducers import parse_reducers
from dikast.jobs.changes import changes
from dikast.jobs.epochs import page_of, read_epochs
from dikast.pages import markdown
from dikast.records import Outcome
from tests.jobs.graphs import graph_of, values

RESULTS: list[list[Any]] = [[1, 0, 1, 1], [0, 0, 0, 0], [1, None, 0, "raise"]]
"""A list a row, an entry an epoch; `raise` fails, `None` is no number."""


async def asked(out: Path, results: list[list[Any]], **options: Any) -> jobs.Run:
    async def node(value: int) -> object:
        ledger = current()
        assert ledger is not None
        found = results[value][ledger.sample]
        if found == "raise":
            raise ValueError("no")
        return found

    await jobs.run(graph_of(node), values(len(results)), None, out, samples=len(results[0]), **options)
    return jobs.Run.open(out)


async def test_each_row_is_reduced_before_rows_are_averaged(tmp_path: Path) -> None:
    found = read_epochs(await asked(tmp_path, RESULTS), parse_reducers("mean,max,pass@3,at_least_1"))
    by_name = {(one.field, one.reducer): one for one in found.reduced}
    mean = by_name["output.result", "mean"]
    assert (mean.value, mean.rows, mean.left_out) == (pytest.approx((0.75 + 0 + 0.5) / 3), 3, 0)
    assert mean.interval == stats.bounded_mean([0.75, 0, 0.5], 0, 1, pseudo=2)
    assert by_name["output.result", "max"].value == pytest.approx(2 / 3)
    # The third row has two values, and pass@3 needs three; what failed counts in `ok` alone.
    three = by_name["output.result", "pass@3"]
    assert (three.value, three.rows, three.left_out) == (pytest.approx(0.5), 2, 1)
    assert by_name["ok", "mean"].value == pytest.approx((1 + 1 + 0.75) / 3)
    assert (found.rows, found.finished, found.as_dict()["asked"]) == (3, 12, 12)


async def test_variation_between_epochs_and_within_rows(tmp_path: Path) -> None:
    found = read_epochs(await asked(tmp_path, RESULTS))
    spread = {one.field: one for one in found.spreads}["output.result"]
    assert spread.means == (pytest.approx(2 / 3), 0.0, pytest.approx(1 / 3), 0.5)
    assert spread.within == pytest.approx(((0.75 + 0 + 0.5) / (3 + 3 + 1)) ** 0.5)
    assert (spread.values, spread.differing, spread.several) == (10, 2, 3)
    told = markdown(page_of(found))
    assert "3 rows x 4 epochs = 12 asked, 12 finished" in told
    assert "2 of 3" in told
    assert not found.note


async def test_equal_epochs_are_told(tmp_path: Path) -> None:
    found = read_epochs(await asked(tmp_path, [["a", "a"], ["b", "b"]]))
    assert (found.equal, found.whole) == (2, 2)
    assert "all 2 epochs of each of the 2 rows gave the same output" in found.note
    assert "temperature" in markdown(page_of(found))


async def test_intervals_are_over_rows_and_not_over_epochs(tmp_path: Path) -> None:
    few = read_epochs(await asked(tmp_path / "few", [[0, 0], [1, 1], [1, 1]]))
    many = read_epochs(await asked(tmp_path / "many", [[0] * 9, [1] * 9, [1] * 9]))
    intervals = [next(one.interval for one in run.reduced if one.field == "output.result") for run in (few, many)]
    assert intervals[0] == intervals[1]


async def test_one_epoch_is_as_a_run_of_its_own(tmp_path: Path) -> None:
    run = await asked(tmp_path, RESULTS)
    first, last = run.of_epoch(0), run.of_epoch(3)
    assert [row["output"]["result"] for row in first.rows()] == [1, 0, 1]
    assert [row["row"] for row in last.rows()] == [1, 2, 3]
    assert last.summary().outcomes == {Outcome.OK: 2, Outcome.ERROR: 1}
    assert (last.summary().asked, last.standing().asked, run.summary().asked) == (3, 3, 12)
    assert last.row("2")["sample"] == 3


async def test_epochs_resume_retry_and_shrink(tmp_path: Path) -> None:
    results: list[list[Any]] = [[1, "raise"], [2, 3]]
    await asked(tmp_path, results)
    assert (await jobs.retry(await mended(results), None, tmp_path)).done == 1
    found = read_epochs(jobs.Run.open(tmp_path))
    assert {one.field: one.values for one in found.spreads}["output.result"] == 4
    await asked(tmp_path, results[:1])  # a row leaves the input, both of its epochs with it
    assert (found.rows, read_epochs(jobs.Run.open(tmp_path)).rows) == (2, 1)
    assert [row["sample"] for row in jobs.Run.open(tmp_path).rows()] == [0, 1]


async def mended(results: list[list[Any]]) -> Any:
    results[0][1] = 5

    async def node(value: int) -> object:
        ledger = current()
        assert ledger is not None
        return results[value][ledger.sample]

    return graph_of(node)


async def test_differences_of_two_runs_take_a_rows_epochs_as_one_value(tmp_path: Path) -> None:
    before = await asked(tmp_path / "a", [[0, 1], [0, 0], [2, 4]])
    after = await asked(tmp_path / "b", [[1, 1], [0, 1], [5, 5]])
    (change,) = changes(before, after)
    assert (change.compared, change.changed, change.difference) == (6, 4, pytest.approx(1.0))
    assert change.interval == stats.bootstrap([0.5, 0.5, 2.0])
