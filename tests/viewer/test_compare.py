"""Two runs: what a loop over both finds, and the bootstrap's interval."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from dikast import stats
from dikast.jobs.reading import Run, diff
from dikast.viewer import compare as module
from dikast.viewer.compare import compare, normal_interval
from dikast.viewer.index import Index, name_of
from dikast.viewer.shelf import Book
from tests.viewer.reading import cells
from tests.viewer.runs import looking, page, row, write


def book(folder: Path) -> Book:
    run = Run.open(folder)
    index = Index(run)
    index.catch_up(60)
    return Book(folder.name, run, None, index)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    rng = random.Random(1)
    first = [row(n) for n in range(1, 41)]
    second = [row(n, output={"score": n / 100 + rng.gauss(0.1, 0.05), "right": True}) for n in range(1, 31)]
    second[3] = row(4, "timeout")
    second[5:9] = first[5:9]
    first[9]["output"]["parts"] = [{"text": "same", "usage": {"calls": 1}, "seconds": 1.0}]
    again = {**first[9]["output"], "parts": [{"text": "same", "usage": {"calls": 2}, "seconds": 7.0}]}
    second[9] = {**first[9], "output": again, "seconds": 99.0, "attempt": 3}  # another time, and the same result
    return write(tmp_path / "runs" / "a", first), write(tmp_path / "runs" / "b", [*second, row(50)])


def test_the_same_rows_differ_as_runs_diff_says(folders: tuple[Path, Path]) -> None:
    found = compare(book(folders[0]), book(folders[1]))
    expected = list(diff(Run.open(folders[0]), Run.open(folders[1])))
    assert {one.key for one in found.changed} == {one.key for one in expected}
    assert found.differing == len(expected) == 25 + 10 + 1
    assert (found.both, found.alike, found.only_first, found.only_second) == (30, 5, 10, 1)
    assert found.moves == (("ok", "timeout", 1),)


def test_paired_differences_have_the_bootstraps_interval(folders: tuple[Path, Path]) -> None:
    found = next(one for one in compare(book(folders[0]), book(folders[1])).figures if one.name == "output.score")
    before = {one["key"]: one["output"] for one in Run.open(folders[0]).rows()}
    after = {one["key"]: one["output"] for one in Run.open(folders[1]).rows() if one["output"]}
    moved = [after[key]["score"] - before[key]["score"] for key in before if key in after]
    assert found.n == len(moved) == 29
    assert found.difference == pytest.approx(sum(moved) / len(moved))
    interval = stats.bootstrap(moved)
    assert found.interval == pytest.approx(interval, abs=0.003)  # the order of the pairs is the index's


def test_many_pairs_have_the_normal_interval(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    resampled = next(one for one in compare(book(folders[0]), book(folders[1])).figures if one.name == "output.score")
    monkeypatch.setattr(module, "MOST_RESAMPLED", 5)
    normal = next(one for one in compare(book(folders[0]), book(folders[1])).figures if one.name == "output.score")
    assert normal.interval == pytest.approx(resampled.interval, abs=0.01)
    low, high = normal_interval(100, 0.0, 1.0)
    assert high == pytest.approx(1.96 / math.sqrt(99), abs=1e-3) == -low


async def test_the_pages(folders: tuple[Path, Path]) -> None:
    first, second = map(name_of, folders)
    async with looking([folders[0].parent]) as client:
        text = await page(client, f"/compare?run={first}&run={second}")
        assert "<strong>36</strong> rows differ: 25 of the 30 that both have, 10 only in A, 1 only in B." in text
        assert "score" in [line[0] for line in cells(text)[1:]]
        row_page = await page(client, f"/compare/{row(1)['key']}?run={first}&run={second}")
        assert "They differ in" in row_page
        assert "output.score" in row_page
        assert "This run does not have the row." in await page(
            client, f"/compare/{row(50)['key']}?run={first}&run={second}"
        )
        same = await page(client, f"/compare?run={first}&run={first}")
        assert "<strong>0</strong> rows differ" in same
