from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks.one_call import echoing, graph
from dikast import jobs, kept
from dikast.errors import DataError
from dikast.jobs.reading import Run
from dikast.kept import KeptRows, opened_once, reading_once

Row = dict[str, Any]


class Source:
    """Rows that count how often they are opened and how many of them were read; one of them may be broken."""

    def __init__(self, rows: list[Row], broken: int | None = None) -> None:
        self.rows, self.broken = rows, broken
        self.opened, self.read = 0, 0

    def __call__(self) -> Iterator[Row]:
        self.opened += 1
        for number, row in enumerate(self.rows):
            if number == self.broken:
                raise DataError("broken", line=number + 1)
            self.read += 1
            yield row


def rows_of(count: int) -> list[Row]:
    return [{"query": f"q{number}", "deep": [{"text": "\u00e9\ud800"}, None, 1.5]} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("begun", [0, 1, 2, 5])
def test_rows_come_again_and_are_read_once(count: int, begun: int) -> None:
    source = Source(rows_of(count))
    kept_rows = KeptRows(source, 2)
    assert list(islice(kept_rows, begun)) == source.rows[:begun]
    assert source.read <= begun
    for _ in range(3):
        assert list(kept_rows) == source.rows
    assert (source.opened, source.read) == (1, count)


def test_two_that_go_through_at_once_both_get_all() -> None:
    source = Source(rows_of(9))
    kept_rows = KeptRows(source, 2)
    slow, quick = iter(kept_rows), iter(kept_rows)
    found = [next(slow)]
    assert list(quick) == source.rows
    assert found + list(slow) == source.rows
    assert source.opened == 1


def test_few_rows_are_in_memory_and_few_never_reach_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(kept, "mkstemp", lambda: made.append(1) or tempfile.mkstemp())
    few, many = KeptRows(Source(rows_of(3)), 4), KeptRows(Source(rows_of(401)), 4)
    assert len(list(few)) == 3
    assert not made
    assert len(list(many)) == 401
    assert made == [1]
    assert len(vars(many)["_last"]) <= 4


def test_a_row_that_is_broken_is_told_each_time() -> None:
    source = Source(rows_of(5), broken=3)
    kept_rows = KeptRows(source, 2)
    for _ in range(2):
        with pytest.raises(DataError, match="broken"):
            list(kept_rows)


def test_what_cannot_be_kept_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Source([{"n": 1}, {"n": 2}, {"n": Path()}, {"n": 3}, {"n": 4}])
    kept_rows = KeptRows(odd, 2)
    for _ in range(2):
        assert list(kept_rows) == odd.rows
    assert odd.opened > 1

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "mkstemp", full)
    source = Source(rows_of(7))
    kept_rows = KeptRows(source, 2)
    for _ in range(2):
        assert list(kept_rows) == source.rows


async def test_a_job_of_them_and_its_resume_are_as_of_a_list(tmp_path: Path) -> None:
    rows = [{"query": f"q{number % 5}"} for number in range(7)]
    source = Source(rows)
    await jobs.run(graph, list(rows), echoing(), tmp_path / "a")
    done = await jobs.run(graph, KeptRows(source, 2), echoing(), tmp_path / "b")
    assert (source.opened, source.read, done.asked, done.finished) == (1, 7, 7, 7)
    ours, theirs = (Run.open(tmp_path / name).manifest for name in "ba")
    assert ours.attempts[-1].input_hash == theirs.attempts[-1].input_hash
    again = await jobs.run(graph, KeptRows(source, 2), echoing(), tmp_path / "b")
    assert (again.done, source.opened) == (0, 2)


def test_an_input_that_is_opened_twice_is_read_once_inside_the_block_and_anew_outside() -> None:
    source, other = Source(rows_of(3)), Source(rows_of(2))
    with reading_once():
        assert list(islice(opened_once("a", source), 1)) == source.rows[:1]
        assert list(opened_once("a", source)) == source.rows
        assert list(opened_once("b", other)) == other.rows
    assert (source.opened, source.read, other.read) == (1, 3, 2)
    assert list(opened_once("a", source)) == source.rows
    assert source.opened == 2
