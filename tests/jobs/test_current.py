"""A run folder answers for its last input only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast import jobs
from dikast.errors import DataError, ResumeMismatchError
from dikast.jobs.exports import export
from dikast.records import Outcome
from tests.jobs.graphs import graph_of, values


async def double(value: int) -> int:
    if value < 0:
        raise ValueError("negative")
    return 2 * value


async def run_values(out: Path, *numbers: int, **more: Any) -> jobs.Summary:
    return await jobs.run(graph_of(double), [{"value": number} for number in numbers], None, out, **more)


def told(out: Path) -> list[tuple[int, int]]:
    """Number and input of each row that is read."""
    return [(row["row"], row["input"]["value"]) for row in jobs.Run.open(out).rows()]


async def test_rows_are_those_of_the_last_input_under_its_numbers(tmp_path: Path) -> None:
    await run_values(tmp_path, 10, 20, 30)
    await run_values(tmp_path, 40, 20)
    assert told(tmp_path) == [(1, 40), (2, 20)]
    again = await run_values(tmp_path, 10, 20, 30)
    assert told(tmp_path) == [(1, 10), (2, 20), (3, 30)]
    assert (again.done, again.asked, again.finished, again.owed, again.foreign) == (0, 3, 3, 0, 1)


async def test_a_row_is_found_under_the_last_inputs_number(tmp_path: Path) -> None:
    await run_values(tmp_path, 10, 20, 30, samples=2)
    await run_values(tmp_path, 40, 30, samples=2)
    run = jobs.Run.open(tmp_path)
    found = run.row("2/1")
    assert (found["input"]["value"], found["row"], found["sample"]) == (30, 2, 1)


async def test_what_is_exported_is_the_last_input(tmp_path: Path) -> None:
    await run_values(tmp_path, 10, 20, 30)
    await run_values(tmp_path, 30)
    lines = export(jobs.Run.open(tmp_path), "jsonl").read_text().splitlines()
    assert [(json.loads(line)["row"], json.loads(line)["input"]["value"]) for line in lines] == [(1, 30)]


async def test_a_row_that_left_the_input_neither_fails_nor_is_done_again(tmp_path: Path) -> None:
    first = await run_values(tmp_path, 1, -1, -2)
    assert first.exit_code == 3
    second = await run_values(tmp_path, 1, -2, 2)
    assert second.outcomes == {Outcome.OK: 2, Outcome.ERROR: 1} == jobs.Run.open(tmp_path).summary().outcomes
    retried = await jobs.retry(graph_of(double), None, tmp_path)
    assert retried.done == 1
    third = await run_values(tmp_path, 1, 2)
    assert (third.exit_code, jobs.Run.open(tmp_path).standing().exit_code) == (0, 0)


async def test_what_changed_is_said_in_plain_words(tmp_path: Path) -> None:
    await run_values(tmp_path, 10, 20, 30)
    changed = await run_values(tmp_path, 10, 40, 50, 60)
    assert "your input changed: 3 rows new, 2 gone" in changed.notes
    same = await run_values(tmp_path, 60, 50, 40, 10)
    assert not any("changed" in note for note in same.notes)
    assert told(tmp_path) == [(1, 60), (2, 50), (3, 40), (4, 10)]


async def test_a_refusal_says_how_the_input_changed_and_shows_no_hashes(tmp_path: Path) -> None:
    rows = [{"value": number} for number in (1, 2, 3)]
    await jobs.run(graph_of(double), rows, {"file": "a" * 64}, tmp_path)
    with pytest.raises(ResumeMismatchError) as told:
        await jobs.run(graph_of(double), [*rows[:1], {"value": 4}], {"file": "b" * 64}, tmp_path)
    assert "the content of context.file has changed; your input changed: 1 rows new, 2 gone" in told.value.message
    assert "aaaa" not in told.value.message
    assert (tmp_path / "rows.jsonl").read_text().count("\n") == 3


async def test_an_iterators_rows_are_known_after_its_end(tmp_path: Path) -> None:
    await jobs.run(graph_of(double), iter(values(4)), None, tmp_path)
    summary = await jobs.run(graph_of(double), iter(values(2)), None, tmp_path)
    assert (summary.asked, summary.finished, summary.foreign) == (2, 2, 2)
    assert len(told(tmp_path)) == 2


async def test_without_its_keys_a_changed_run_answers_nothing(tmp_path: Path) -> None:
    await run_values(tmp_path, 10, 20)
    await run_values(tmp_path, 30)
    (tmp_path / "input.keys").unlink()
    with pytest.raises(DataError, match="2 of its finished rows are of another input"):
        told(tmp_path)
    await run_values(tmp_path, 30)
    assert told(tmp_path) == [(1, 30)]
