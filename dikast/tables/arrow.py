"""Parquet and Arrow files: kinds from the file's own schema, rows in batches, nothing loaded before it is asked for.

    table = open_arrow(Path("sales.parquet"))      # reads the footer
    table.rows, table.columns                      # 10 million rows cost nothing
    whole = arrow_table(table)                     # pyarrow.Table, for the sandbox's Arrow kind

The only module that knows pyarrow's classes; they have no type hints, hence `Any`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dikast.disk import refused
from dikast.errors import DataError
from dikast.optional import needs
from dikast.sandbox.inside.zones import zone_of
from dikast.tables.headers import clean_headers
from dikast.tables.table import CHUNK_ROWS, MAX_EXACT_FLOAT, Column, Kind, Problem, Table, Values, frame
from dikast.tables.values import as_text

Format = Literal["parquet", "arrow"]


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """A Parquet file or an Arrow IPC (Feather 2) file."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    problems: tuple[Problem, ...]
    source: Path
    format: Format

    def chunks(self, columns: Sequence[int], rows: int = CHUNK_ROWS) -> Iterator[list[Values]]:
        """The columns at these positions, at most `rows` rows at a time."""
        try:
            for batch in self._batches(columns, rows):
                yield [to_values(array, self.columns[at]) for array, at in zip(batch, columns, strict=True)]
        except (needs("pyarrow").ArrowInvalid, OSError) as error:
            raise unreadable(self.source, self.format, error, cells=True) from None

    def _batches(self, columns: Sequence[int], rows: int) -> Iterator[list[Any]]:
        if self.format == "parquet":
            yield from _parquet_batches(self.source, columns, rows)
        else:
            yield from _ipc_batches(self.source, columns, rows)


def open_arrow(path: Path, format: Format) -> ArrowTable:
    """Read a file's schema and row count.

    Raises:
        DataError: The file is not of this format.
        MissingExtraError: pyarrow is not installed.
    """
    arrow = needs("pyarrow")
    try:
        schema, rows = _parquet_head(path) if format == "parquet" else _ipc_head(path)
    except (arrow.ArrowInvalid, OSError) as error:
        raise unreadable(path, format, error) from error
    columns, problems = columns_of(schema)
    return ArrowTable(path.stem, columns, rows, problems, path, format)


def unreadable(path: Path, format: str, error: Exception, *, cells: bool = False) -> DataError:
    """The error for a file whose bytes are not what its format says; about `cells` without words, which may quote."""
    if isinstance(error, OSError) and error.errno:  # Arrow's own have none
        return refused(error, path)
    reason = str(error).splitlines()[0] if str(error) and not cells else type(error).__name__
    return DataError(f"cannot be read as {format}: {reason}", path=path, hint="is it whole, and of this format?")


def columns_of(schema: Any) -> tuple[tuple[Column, ...], tuple[Problem, ...]]:
    """Columns for a pyarrow schema, and what the owner should know of them."""
    names, problems = clean_headers(list(schema.names))
    columns = tuple(
        Column(name, kind_of(field.type), zone_name(field.type)) for name, field in zip(names, schema, strict=True)
    )
    for column, field in zip(columns, schema, strict=True):
        if column.zone and column.zone != field.type.tz:
            text = f"column {column.name!r} has a time zone that is not in the database; its times are in UTC"
            problems.append(Problem("time zone", text, column.name))
        if column.kind == "other":
            text = f"column {column.name!r} is of Arrow type {field.type!s:.60}; programs get its text"
            problems.append(Problem("other type", text, column.name))
    return columns, tuple(problems)


def kind_of(arrow_type: Any) -> Kind:
    """The kind of a pyarrow data type."""
    types = needs("pyarrow").types
    if types.is_dictionary(arrow_type):
        return kind_of(arrow_type.value_type)
    tests: tuple[tuple[Kind, tuple[Any, ...]], ...] = (
        ("text", (types.is_string, types.is_large_string, types.is_string_view, types.is_null)),
        ("integer", (types.is_integer,)),
        ("number", (types.is_floating, types.is_decimal)),
        ("boolean", (types.is_boolean,)),
        ("date", (types.is_date,)),
        ("datetime", (types.is_timestamp,)),
    )
    for kind, checks in tests:
        if any(check(arrow_type) for check in checks):
            return kind
    return "other"


def zone_name(arrow_type: Any) -> str:
    """The time zone of a pyarrow type, `UTC` if it is not known by its name; empty for a type without.

    The name is foreign text that a prompt repeats, so it is one from the database or an offset.
    """
    name: str | None = getattr(arrow_type, "tz", None)
    return "" if not name else name if zone_of(name) is not None else "UTC"


def plain_array(array: Any, column: Column) -> Any:
    """A pyarrow array in the one type that its kind has here: what both kinds of box get.

    Numbers are float64, dates are midnights, what is "other" is text, dictionaries are written out; integers, booleans,
    text and moments stay as they are.
    """
    arrow = needs("pyarrow")
    types = arrow.types
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if column.kind == "number":
        return array if array.type == arrow.float64() else array.cast(arrow.float64(), safe=False)
    if column.kind == "date":
        return array.cast(arrow.timestamp("s"), safe=False)
    if column.kind == "datetime" and column.zone != (array.type.tz or ""):
        return array.cast(arrow.timestamp(array.type.unit, column.zone))
    if column.kind == "other":
        return arrow.array([None if cell is None else as_text(cell) for cell in array.to_pylist()], arrow.string())
    if column.kind == "text" and not (types.is_string(array.type) or types.is_large_string(array.type)):
        return array.cast(arrow.string())
    return array


def to_values(array: Any, column: Column) -> Values:
    """A pyarrow array as the numpy array of its kind."""
    array = plain_array(array, column)
    if column.kind == "integer":
        return _integers(array)
    if column.zone:
        array = array.cast(needs("pyarrow").timestamp(array.type.unit))
    return array.to_numpy(zero_copy_only=False)


def arrow_table(table: Table, names: Sequence[str] | None = None) -> Any:
    """The whole table as a `pyarrow.Table`; an Arrow IPC file is mapped, not copied.

    Args:
        table: Any table.
        names: One name per column to use instead of the table's own, such as a schema's aliases.
    """
    arrow = needs("pyarrow")
    shown = list(names) if names is not None else [column.name for column in table.columns]
    if not isinstance(table, ArrowTable):
        return arrow.Table.from_pandas(frame(table, shown), preserve_index=False)
    whole = _whole(table)
    plain = [
        arrow.chunked_array([plain_array(chunk, column) for chunk in chunked.chunks] or [_none_of(chunked, column)])
        for chunked, column in zip(whole.columns, table.columns, strict=True)
    ]
    return arrow.table(plain, names=shown)


def _whole(table: ArrowTable) -> Any:
    if table.format == "parquet":
        with needs("pyarrow.parquet").ParquetFile(str(table.source)) as file:
            return file.read()
    arrow = needs("pyarrow")
    return arrow.ipc.open_file(arrow.memory_map(str(table.source))).read_all()


def _none_of(chunked: Any, column: Column) -> Any:
    return plain_array(needs("pyarrow").array([], chunked.type), column)


def _integers(array: Any) -> Values:
    if not array.null_count:
        return array.to_numpy(zero_copy_only=False)
    values: Values = array.to_numpy(zero_copy_only=False).astype(np.float64)
    if np.nanmax(np.abs(values), initial=0) < MAX_EXACT_FLOAT:
        return values
    return np.array([*array.to_pylist(), None], dtype=object)[:-1]


def _parquet_head(path: Path) -> tuple[Any, int]:
    with needs("pyarrow.parquet").ParquetFile(str(path)) as file:
        return file.schema_arrow, file.metadata.num_rows


def _ipc_head(path: Path) -> tuple[Any, int]:
    arrow = needs("pyarrow")
    with arrow.memory_map(str(path)) as mapped:
        reader = arrow.ipc.open_file(mapped)
        return reader.schema, sum(reader.get_batch(at).num_rows for at in range(reader.num_record_batches))


def _parquet_batches(path: Path, columns: Sequence[int], rows: int) -> Iterator[list[Any]]:
    with needs("pyarrow.parquet").ParquetFile(str(path)) as file:
        schema = file.schema_arrow
        asked = [schema.names[at] for at in columns]
        alone = all(schema.names.count(name) == 1 for name in asked)
        for batch in file.iter_batches(rows, columns=asked if alone else None):
            yield [batch.column(batch.schema.get_field_index(schema.names[at]) if alone else at) for at in columns]


def _ipc_batches(path: Path, columns: Sequence[int], rows: int) -> Iterator[list[Any]]:
    arrow = needs("pyarrow")
    with arrow.memory_map(str(path)) as mapped:
        reader = arrow.ipc.open_file(mapped)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            for start in range(0, batch.num_rows, rows):
                yield [batch.column(at).slice(start, rows) for at in columns]
