"""Big tables: an Arrow stream in a sealed memory file, mapped as it is, with DuckDB over it. One thread only.

A program sees `table` (pyarrow), `df` (pandas, converted only if the program names it) and `sql("select ... from df")`,
which gives a pandas frame. `df` is the frame that the other kind of box has; in what `sql` gives DuckDB's types decide,
and moments with a zone are in UTC. Of several tables it sees `tables`, frames by name, and `sql` over the same names.
DuckDB may touch no file and no network, and its settings are locked. A program that is SQL is run by `query`
(`inside.query`).
"""

from __future__ import annotations

import ast
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dikast.sandbox.inside import columns, query, several

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MAX_EXACT_FLOAT = 2**53
"""Integers below are float64 values exactly."""
MAX_INTEGER = 2**63 - 1

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "async_threads": 0,  # DuckDB 2 starts eight otherwise, and a fork must not find a second thread
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "lock_configuration": True,
}
_connections: list[duckdb.DuckDBPyConnection] = []


def connect() -> None:
    """Open the database that every child inherits empty."""
    import duckdb

    pa: Any = import_module("pyarrow")
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    _connections.append(duckdb.connect(":memory:", config=_SETTINGS))
    _load_late_modules(pa)


def _load_late_modules(pa: Any) -> None:
    """Go once the way that every program goes, since libraries import on the way and a program opens no file."""
    moments = pa.array([0], pa.timestamp("us", "UTC"))
    table = pa.table({"number": [1], "text": ["a"], "moment": moments, "whole": pa.array([2**60, None])[:1]})
    frame_of(table)
    table.to_pandas(use_threads=False)
    _connections[0].register("df", table)
    _connections[0].execute("select * from df").df()
    _connections[0].unregister("df")
    every_kind = "select value, 1::double, 1.5::decimal(9, 2), date '2001-05-05', uuid(), interval 1 day from prev"
    query.run(_connections[0], every_kind, ["a"])
    _connections[0].unregister(query.PREVIOUS)


def read(data: memoryview, program: str) -> dict[str, Any]:
    """The names that an Arrow table brings into a program; nothing is copied before the program asks."""
    parts = several.parts(data)
    tables = {name: _opened(part) for name, part in ({"df": data} if parts is None else parts).items()}
    connection = _connections[0]
    for name, table in tables.items():
        connection.register(name, table)

    def sql(text: str) -> Any:
        return connection.execute(text).df()

    taken = frozenset(map(str.lower, tables))
    names: dict[str, Any] = {"sql": sql, "query": partial(query.run, connection, taken=taken)}
    if parts is None:
        names["table"] = tables["df"]
        if _mentions(program, "df"):
            names["df"] = frame_of(tables["df"])
    elif _mentions(program, "tables"):
        names["tables"] = {name: frame_of(table) for name, table in tables.items()}
    return names


def _opened(data: memoryview) -> Any:
    pa: Any = import_module("pyarrow")
    return pa.ipc.open_stream(pa.py_buffer(data)).read_all()


def frame_of(table: Any) -> pd.DataFrame:
    """The table as pandas, so that no cell changes: integers and booleans stay what they are beside missing cells."""
    pd: Any = import_module("pandas")
    plain, moments = table, dict[str, str]()
    for at, field in enumerate(table.schema):
        zone: str | None = getattr(field.type, "tz", None)
        if zone:
            moments[field.name] = zone
            plain = plain.set_column(at, field.name, plain.column(at).cast(_without_zone(field.type)))
    frame = plain.to_pandas(use_threads=False, split_blocks=True, ignore_metadata=True)
    for name, zone in moments.items():
        frame[name] = columns.zoned(frame[name], zone)
    for at, field in enumerate(table.schema):
        dtype = _nullable(field.type, table.column(at))
        if dtype:
            frame[field.name] = pd.array(table.column(at).to_pylist(), dtype=dtype)
    return frame


def _without_zone(moment: Any) -> Any:
    pa: Any = import_module("pyarrow")
    return pa.timestamp(moment.unit)


def _nullable(kind: Any, column: Any) -> str:
    """Pandas' type for a column that misses cells and has no such in numpy; empty if it needs none."""
    pa: Any = import_module("pyarrow")
    if not column.null_count or column.null_count == len(column):
        return "boolean" if column.null_count and pa.types.is_boolean(kind) else ""
    if pa.types.is_boolean(kind):
        return "boolean"
    if not pa.types.is_integer(kind):
        return ""
    ends = import_module("pyarrow.compute").min_max(column).as_py()
    if max(ends["max"], -ends["min"]) < MAX_EXACT_FLOAT:
        return ""
    return "UInt64" if ends["max"] > MAX_INTEGER else "Int64"


def _mentions(program: str, name: str) -> bool:
    """Whether the program uses `name` as a name, not only inside an SQL string."""
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
