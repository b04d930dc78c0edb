"""One SQL query as a program: run inside the box, over the tables that are there, and nothing but a query.

    run(connection, 'select "name" from "people"', None)

DuckDB may touch no file and its settings are locked (`inside.arrow`); what is more than one statement, or changes
anything, is refused before it is run. Its messages quote cells (`Could not convert string 'ann' to INT32`), so that
only the class of an exception goes on, as one of Python's own.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

PREVIOUS = "prev"
"""The table of an earlier answer's values, as text, in a column `value`."""


def run(connection: Any, text: str, previous: object, taken: frozenset[str] = frozenset()) -> Any:
    """A frame of Python objects, with the query's own column names.

    Args:
        connection: With the tables.
        text: The query.
        previous: An earlier answer, a list or `None`.
        taken: Names of the tables, in lower case; one that is called `prev` is not covered up.

    Raises:
        SyntaxError: It cannot be parsed, or is not one query.
        NameError: A table, a column or a function is not there.
        ValueError: A cell is not what a cast wants.
        OverflowError: A number is too large.
        PermissionError: It asks for a file or a setting.
        MemoryError: There is not enough.
        RuntimeError: Anything else that DuckDB says.
    """
    duckdb: Any = import_module("duckdb")
    try:
        if previous is not None and PREVIOUS not in taken:
            connection.register(PREVIOUS, _as_table(previous))
        # The module's own function would open a second database, with threads and unlocked settings.
        statements = connection.extract_statements(text)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise SyntaxError("one query is wanted")
        return _fetched(connection.execute(statements[0]))
    except duckdb.Error as error:
        raise _builtin(duckdb, error) from None


def _fetched(result: Any) -> Any:
    pd: Any = import_module("pandas")
    names, kinds = zip(*((column[0], str(column[1])) for column in result.description), strict=True)
    if any("TIME ZONE" in kind for kind in kinds):  # as Python objects these want a library that may not be there
        return result.df().astype(object)
    return pd.DataFrame([tuple(map(_plain, row)) for row in result.fetchall()], columns=list(names), dtype=object)


def _plain(cell: object) -> object:
    """A cell as something that has a JSON form."""
    if isinstance(cell, bytes):
        return cell.hex()
    return str(cell) if type(cell).__name__ == "UUID" else cell


def _as_table(previous: object) -> Any:
    pa: Any = import_module("pyarrow")
    values: list[str] = []
    left: list[Any] = [previous]
    while left:
        item = left.pop(0)
        if isinstance(item, (list, tuple)):
            left = [*item, *left]
        elif item is not None:
            values.append(str(item))
    return pa.table({"value": pa.array(values, pa.string())})


def _builtin(duckdb: Any, error: Exception) -> Exception:
    """The exception of Python's that says as much, without a word of DuckDB's."""
    kinds: list[tuple[type[Exception], tuple[str, ...]]] = [
        (MemoryError, ("OutOfMemoryException",)),
        (SyntaxError, ("ParserException", "SyntaxException")),
        (NameError, ("CatalogException", "BinderException")),
        (OverflowError, ("OutOfRangeException",)),
        (ValueError, ("ConversionException", "InvalidInputException", "TypeMismatchException", "InvalidTypeException")),
        (PermissionError, ("PermissionException", "IOException")),
    ]
    for kind, names in kinds:
        if isinstance(error, tuple(getattr(duckdb, name) for name in names)):
            return kind()
    return RuntimeError()
