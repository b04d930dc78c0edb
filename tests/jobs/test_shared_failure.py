"""A job stops where its first rows fail alike: a server that refuses 300 requests refused the first one too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dikast import jobs
from dikast.errors import ModelContextOverflow, ModelError, ModelTimeout
from dikast.jobs.shared_failure import FIRST_ROWS
from dikast.records import Outcome
from tests.jobs.graphs import Heard, graph_of, run_one_call, values

MOST_IN_FLIGHT = 16
"""The job starts with 8 rows, and doubles them once before the sixteenth ends."""


@pytest.mark.parametrize("failure", [ModelError, ModelTimeout])
async def test_a_failure_that_the_first_rows_share_stops_the_job(tmp_path: Path, failure: type[ModelError]) -> None:
    asked: list[str] = []

    async def say(query: str) -> str:
        asked.append(query)
        await asyncio.sleep(0)
        raise failure(f"http://a/v1: HTTP 400: the server does not take top_p (request {len(asked)} of '{query}')")

    summary = await run_one_call(tmp_path / "run", 300, say)
    assert summary.stopped.startswith(f"the first {FIRST_ROWS} rows failed alike: http://a/v1: HTTP 400: the server")
    assert summary.exit_code == 3
    assert FIRST_ROWS <= len(asked) <= FIRST_ROWS + MOST_IN_FLIGHT
    assert summary.finished == len(asked)
    assert summary.owed == 300 - len(asked)


async def test_after_the_cause_is_gone_the_same_command_and_retry_do_the_rest(tmp_path: Path) -> None:
    def broken(query: str) -> str:
        raise ModelError("HTTP 400: no")

    first = await run_one_call(tmp_path / "run", 100, broken)
    heard = Heard()
    await run_one_call(tmp_path / "run", 100, heard)
    assert first.owed
    assert len(heard.queries) == first.owed


@pytest.mark.parametrize("well", [0, 7, FIRST_ROWS - 1])
async def test_one_row_that_is_well_lets_the_job_go_on(tmp_path: Path, well: int) -> None:
    def say(query: str) -> str:
        if query.endswith(f" {well}"):
            return "fine"
        raise ModelError("HTTP 400: no")

    summary = await run_one_call(tmp_path / "run", 40, say, concurrency=1)
    assert (summary.stopped, summary.finished) == ("", 40)


async def test_failures_that_differ_let_the_job_go_on(tmp_path: Path) -> None:
    def say(query: str) -> str:
        raise ModelError("HTTP 500: out of memory" if query.endswith("3") else "HTTP 400: no")

    summary = await run_one_call(tmp_path / "run", 40, say)
    assert (summary.stopped, summary.finished) == ("", 40)


async def test_what_a_row_owes_to_its_own_input_stops_nothing(tmp_path: Path) -> None:
    def say(query: str) -> str:
        raise ModelContextOverflow("HTTP 400: too long")

    summary = await run_one_call(tmp_path / "run", 40, say)
    assert summary.outcomes == {Outcome.LIMIT: 40}


async def test_a_bug_in_a_graph_is_recorded_for_every_row(tmp_path: Path) -> None:
    async def node(value: int) -> int:
        raise KeyError("nothing")

    summary = await jobs.run(graph_of(node), values(40), None, tmp_path / "run")
    assert summary.outcomes == {Outcome.ERROR: 40}


async def test_a_job_no_longer_than_that_is_not_said_to_be_stopped(tmp_path: Path) -> None:
    def say(query: str) -> str:
        raise ModelError("HTTP 400: no")

    summary = await run_one_call(tmp_path / "run", FIRST_ROWS, say)
    assert (summary.stopped, summary.owed) == ("", 0)
