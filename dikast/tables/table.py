"""What a table is here: named, typed columns that are read in chunks, and what was found wrong while loading.

    for amounts, regions in table.chunks([2, 0]):
        ...

A chunk is one numpy array per asked column, by the column's kind:

| kind | array |
| --- | --- |
| text, other | object: `str`, or `None` where missing |
| integer | int64 or uint64; float64 with NaN where cells are missing; object of `int` and `None` beyond 2**53 |
| number | float64, NaN where missing |
| boolean | bool; object of `bool` and `None` where cells are missing |
| date, datetime | datetime64, NaT where missing; in UTC where the column has a time zone |

Nothing here guesses: what is not certain stays text, and `problems` says so to the table's owner. `problems` names
columns, counts and lines, never cells. It depends on the data, so it is not for a Solver.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dikast.sandbox.inside.columns import zoned
from dikast.sandbox.inside.written import PLAIN, Spelling

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "integer", "number", "boolean", "date", "datetime", "other"]
Values = NDArray[Any]

CHUNK_ROWS = 65_536
"""Half the default batch of pyarrow's dataset reader; 0.5 MB of pointers a text column."""

EMPTY: dict[Kind, str] = {
    "text": "O", "integer": "i8", "number": "f8", "boolean": "?", "date": "M8[s]", "datetime": "M8[us]", "other": "O",
}  # fmt: skip
"""The dtype of a column without rows."""

MAX_EXACT_FLOAT = 2**53
"""Integers up to here are float64 values exactly."""
MAX_INTEGER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name, unique in its table, and its kind; for moments with a time zone that zone's name."""

    name: str
    kind: Kind
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that was dealt with rather than guessed away.

    Args:
        code: What sort, in a few fixed words, e.g. `"ragged rows"`.
        message: One line for the table's owner; names no cell.
        column: The column's name as loaded; empty if it concerns the file.
        count: How many cells, rows or columns.
        line: 1-based line, or row for files without lines, of the first; `None` if it has no place.
    """

    code: str
    message: str
    column: str = ""
    count: int = 1
    line: int | None = None


class Table(Protocol):
    """A table in memory or in a file."""

    @property
    def name(self) -> str:
        """The file's stem, or the table's name inside a database."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in the file's order."""
        ...

    @property
    def rows(self) -> int:
        """How many rows."""
        ...

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the owner should know about the file."""
        ...

    @property
    def source(self) -> Path | None:
        """The file it comes from."""
        ...

    def chunks(self, columns: Sequence[int], rows: int = CHUNK_ROWS) -> Iterator[list[Values]]:
        """The columns at these positions, `rows` rows at a time, in order; nothing for a table without rows."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryTable:
    """A table whose columns are numpy arrays of equal length, as the module's table says."""

    name: str
    columns: tuple[Column, ...]
    values: tuple[Values, ...]
    problems: tuple[Problem, ...] = ()
    source: Path | None = None
    spelling: Spelling = PLAIN
    """How numbers and dates are written in its text."""

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.values[0]) if self.values else 0

    def chunks(self, columns: Sequence[int], rows: int = CHUNK_ROWS) -> Iterator[list[Values]]:
        """The columns at these positions, `rows` rows at a time."""
        for start in range(0, self.rows, rows):
            yield [self.values[column][start : start + rows] for column in columns]


def whole_column(table: Table, column: int) -> Values:
    """One column in one array."""
    chunks = [values for (values,) in table.chunks([column])]
    if not chunks:
        return np.empty(0, dtype=EMPTY[table.columns[column].kind])
    return np.concatenate(_alike(chunks)) if len(chunks) > 1 else chunks[0]


def frame(table: Table, names: Sequence[str] | None = None) -> pd.DataFrame:
    """The table as a pandas frame, all of it in memory.

    Args:
        table: Any table.
        names: One name per column to use instead of the table's own, such as a schema's aliases.
    """
    import pandas as pd

    shown = list(names) if names is not None else [column.name for column in table.columns]
    series = [_pandas(whole_column(table, index), column) for index, column in enumerate(table.columns)]
    result = pd.DataFrame(dict(enumerate(series)), index=range(table.rows))
    result.columns = shown
    return result


def digest(table: Table) -> str:
    """A SHA-256 over the file, or over the cells where there is no file: what a run's fingerprint records."""
    if table.source is not None:
        with table.source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    parts = hashlib.sha256(repr(table.columns).encode())
    for index in range(len(table.columns)):
        for (values,) in table.chunks([index]):
            parts.update(repr(values.tolist()).encode())
    return parts.hexdigest()


def _alike(chunks: list[Values]) -> list[Values]:
    """Chunks of one dtype: a column that misses cells in one chunk only comes as int64 here and float64 there."""
    kinds = {chunk.dtype for chunk in chunks}
    if len(kinds) == 1 or all(kind.kind in "mM" for kind in kinds):
        return chunks
    exact = all(kind.kind in "iuf" for kind in kinds) and all(_exact_in_float(chunk) for chunk in chunks)
    return chunks if exact else [_objects(chunk) for chunk in chunks]


def _exact_in_float(values: Values) -> bool:
    return values.dtype.kind == "f" or not len(values) or max(int(values.max()), -int(values.min())) <= MAX_EXACT_FLOAT


def _objects(values: Values) -> Values:
    if values.dtype.kind != "f":
        return values.astype(object)
    return np.array([None if value != value else int(value) for value in values.tolist()], dtype=object)


def _pandas(values: Values, column: Column) -> Any:
    import pandas as pd

    if column.zone:
        return zoned(values, column.zone)
    if values.dtype != object:
        return values
    if column.kind == "boolean":
        return pd.array(values, dtype="boolean")
    if column.kind == "integer":
        large = any(value is not None and value > MAX_INTEGER for value in values.tolist())
        return pd.array(values, dtype="UInt64" if large else "Int64")
    # Said outright from pandas 3 on, so that a text column with no cells at all still has `.str`.
    dtype = "str" if int(pd.__version__.partition(".")[0]) >= 3 else object
    return pd.Series(values, dtype=dtype)
