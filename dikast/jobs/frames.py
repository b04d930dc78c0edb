"""A run as tables for pandas: its rows, its model calls, its messages.

    run = dikast.read_run("runs/x")
    run.frame()                 # a row a finished row: key, outcome, input_*, output_*, seconds, ...
    run.frame("calls")          # a row a model call: who asked, what came back, what it cost
    run.frame("messages")       # a row a message that was sent

All three have `key`, `row` and `sample`, to be joined by. Everything is in memory at once: for runs of millions of rows
take `runs export --as parquet`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from dikast.jobs.columns import flat

if TYPE_CHECKING:
    import pandas as pd

Table = Literal["rows", "calls", "messages"]
TABLES: tuple[Table, ...] = ("rows", "calls", "messages")
PLACE = ("key", "row", "sample")
"""What every table has, to be joined by."""
OF_CALLS = (*PLACE, "call", "role", "outcome", "reason", "reply", "reasoning", "calls", "input_tokens", "output_tokens")
OF_MESSAGES = (*PLACE, "call", "role", "message", "speaker", "content")
"""The columns that a table has even if nothing is in it."""


def frame(rows: Iterable[Mapping[str, Any]], table: Table) -> pd.DataFrame:
    """Rows of a journal as one of the tables."""
    import pandas as pd

    if table == "rows":
        records = list(rows_of(rows))
        return pd.DataFrame.from_records(records) if records else pd.DataFrame(columns=[*PLACE, "outcome"])
    made = calls_of(rows) if table == "calls" else messages_of(rows)
    columns = OF_CALLS if table == "calls" else OF_MESSAGES
    records = list(made)
    others = dict.fromkeys(name for record in records for name in record if name not in columns)
    return pd.DataFrame.from_records(records, columns=[*columns, *others])


def rows_of(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each row without its calls; what it spent, by name, over all roles."""
    for row in rows:
        columns = flat({name: value for name, value in row.items() if name not in ("calls", "usage")})
        spent: dict[str, float] = {}
        for usage in row["usage"].values():
            for name, value in usage.items():
                spent[name] = spent.get(name, 0) + value
        yield {**columns, **{f"spent_{name}": value for name, value in spent.items()}}


def calls_of(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each call without its messages."""
    for row in rows:
        for number, call in enumerate(row["calls"], start=1):
            plain = {name: value for name, value in call.items() if name not in ("messages", "usage", "provenance")}
            yield {**place_of(row), "call": number, **plain, **call["usage"], **call["provenance"]}


def messages_of(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each message that was sent; replies are the calls'."""
    for row in rows:
        for number, call in enumerate(row["calls"], start=1):
            for index, message in enumerate(cast(list[dict[str, Any]], call["messages"]), start=1):
                said = {"speaker": message.get("role"), "content": message.get("content")}
                yield {**place_of(row), "call": number, "role": call["role"], "message": index, **said}


def place_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a call or a message is joined to its row by."""
    return {name: row[name] for name in PLACE}
