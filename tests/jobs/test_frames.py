"""A run as pandas tables: rows, calls and messages, joined by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

import dikast
from dikast import jobs
from dikast.errors import DataError, UsageError
from dikast.jobs.frames import OF_CALLS, OF_MESSAGES
from tests.jobs.graphs import graph_of, run_one_call, same, values


async def test_rows_calls_and_messages(tmp_path: Path) -> None:
    await run_one_call(tmp_path, 5, lambda query: query[::-1])
    run = dikast.read_run(str(tmp_path))
    tables: list[Any] = [run.frame(), run.frame("calls"), run.frame("messages")]
    rows, calls, messages = tables
    recorded = list(run.rows())
    assert list(rows["key"]) == [row["key"] for row in recorded]
    assert "calls" not in rows
    assert list(calls["reply"]) == [call["reply"] for row in recorded for call in row["calls"]]
    assert len(calls) == 5
    assert list(messages["content"]) == [
        message["content"] for row in recorded for call in row["calls"] for message in call["messages"]
    ]
    joined: Any = rows.merge(calls, on="key", suffixes=("", "_call"))
    assert joined.groupby("key")["input_tokens"].sum().to_dict() == {
        row["key"]: sum(usage.get("input_tokens", 0) for usage in row["usage"].values()) for row in recorded
    }
    assert list(rows["spent_input_tokens"]) == list(calls["input_tokens"])


async def test_tables_without_anything_in_them_have_their_columns(tmp_path: Path) -> None:
    await jobs.run(graph_of(same), values(2), None, tmp_path)
    run: Any = jobs.Run.open(tmp_path)
    assert list(run.frame("calls").columns) == list(OF_CALLS)
    assert list(run.frame("messages").columns) == list(OF_MESSAGES)
    assert list(run.frame(outcomes={"error"}).columns) == ["key", "row", "sample", "outcome"]
    assert list(run.frame()["output_result"]) == [0, 1]


async def test_what_is_no_table_and_no_run(tmp_path: Path) -> None:
    await jobs.run(graph_of(same), values(1), None, tmp_path / "run")
    with pytest.raises(UsageError, match="rows, calls, messages"):
        jobs.Run.open(tmp_path / "run").frame(cast(Any, "columns"))
    with pytest.raises(DataError, match="no such run folder"):
        dikast.read_run(tmp_path / "absent")
