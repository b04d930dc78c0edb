"""Big tables: an Arrow stream in a sealed memory file, mapped as it is, with DuckDB over it. One thread only.

A program sees `table` (pyarrow), `df` (pandas, converted only if the program names it) and `sql("select ... from df")`,
which gives a pandas frame. DuckDB may touch no file and no network, and its settings are locked.
"""

from __future__ import annotations

import ast
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

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
    table = pa.table({"number": [1], "text": ["a"]})
    table.to_pandas(use_threads=False, split_blocks=True)
    _connections[0].register("df", table)
    _connections[0].execute("select * from df").df()
    _connections[0].unregister("df")


def read(data: memoryview, program: str) -> dict[str, Any]:
    """The names that an Arrow table brings into a program; nothing is copied before the program asks."""
    pa: Any = import_module("pyarrow")
    table = pa.ipc.open_stream(pa.py_buffer(data)).read_all()
    connection = _connections[0]
    connection.register("df", table)

    def sql(query: str) -> Any:
        return connection.execute(query).df()

    names: dict[str, Any] = {"table": table, "sql": sql}
    if _mentions(program, "df"):
        names["df"] = table.to_pandas(use_threads=False, split_blocks=True)
    return names


def _mentions(program: str, name: str) -> bool:
    """Whether the program uses `name` as a name, not only inside an SQL string."""
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
