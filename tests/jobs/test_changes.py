"""What changed between two runs: flips of labels, paired differences of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dikast import jobs, stats
from dikast.jobs.changes import KINDS, LONGEST, Change, changes
from tests.jobs.graphs import graph_of, values


async def made(out: Path, results: list[Any]) -> jobs.Run:
    async def node(value: int) -> object:
        if results[value] == "raise":
            raise ValueError("no")
        return results[value]

    await jobs.run(graph_of(node), values(len(results)), None, out)
    return jobs.Run.open(out)


async def changed(tmp_path: Path, before: list[Any], after: list[Any]) -> dict[str, Change]:
    found = changes(await made(tmp_path / "a", before), await made(tmp_path / "b", after))
    return {change.field: change for change in found}


async def test_verdicts_that_flip_are_counted_by_what_they_were_and_are(tmp_path: Path) -> None:
    found = await changed(tmp_path, ["A", "A", "B", "tie", None], ["B", "B", "B", "A", True])
    assert list(found) == ["output.result"]
    change = found["output.result"]
    assert (change.compared, change.changed) == (5, 4)
    assert dict(change.flips) == {("A", "B"): 2, ("tie", "A"): 1, ("none", "true"): 1}
    assert change.difference is None
    assert change.as_dict()["flips"][0] == {"before": "A", "after": "B", "rows": 2}


async def test_numbers_have_a_paired_difference_over_all_rows_with_two(tmp_path: Path) -> None:
    before, after = [1, 2.0, 3, 4, "x"], [1, 2.5, 4, 4, 5]
    change = (await changed(tmp_path, before, after))["output.result"]
    assert (change.compared, change.changed) == (5, 3)
    assert (change.before, change.after, change.difference) == (2.5, 2.875, 0.375)
    assert change.interval == stats.bootstrap([0, 0.5, 1, 0])
    assert dict(change.flips) == {("x", "5"): 1}


async def test_outcomes_rows_of_one_run_only_and_texts(tmp_path: Path) -> None:
    long = "x" * (LONGEST + 1)
    found = await changed(tmp_path, ["raise", long, 0], ["A", long + "y", 0, "more"])
    assert dict(found["outcome"].flips) == {("error", "ok"): 1}
    # The failed row has no output to compare by field, and the fourth row is in one run only.
    assert (found["output.result"].compared, found["output.result"].changed) == (2, 1)
    assert not found["output.result"].flips


async def test_what_has_too_many_values_is_no_label(tmp_path: Path) -> None:
    count = KINDS + 1
    found = await changed(tmp_path, [f"a{n}" for n in range(count)], [f"b{n}" for n in range(count)])
    assert found["output.result"].changed == count
    assert not found["output.result"].flips


async def test_a_run_is_as_it_is(tmp_path: Path) -> None:
    assert await changed(tmp_path, ["A", 1], ["A", 1]) == {}
