"""Parquet files, through pyarrow: the one module that knows it (its types are not complete, hence `Any`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from dikast.jobs.columns import LIST, MESSAGES, Kind, cells
from dikast.optional import needs

ROWS_A_GROUP = 2_000
"""Rows of a row group, which is what is in memory at once."""


def load_pyarrow() -> tuple[Any, Any]:
    """The modules `pyarrow` and `pyarrow.parquet`.

    Raises:
        MissingExtraError: They are not installed.
    """
    return needs("pyarrow"), needs("pyarrow.parquet")


def write(place: Path, rows: Iterator[Mapping[str, Any]], columns: Mapping[str, Kind]) -> None:
    """Write rows as columns of these kinds; a row may lack some."""
    write_groups(place, iter(lambda: list(islice(rows, ROWS_A_GROUP)), []), columns)


def write_groups(place: Path, groups: Iterable[Sequence[Mapping[str, Any]]], columns: Mapping[str, Kind]) -> None:
    """Write rows that come in groups, each of them a row group of the file."""
    pa, parquet = load_pyarrow()
    schema = pa.schema([(name, _type(pa, kind)) for name, kind in columns.items()])
    with parquet.ParquetWriter(place, schema) as writer:
        for group in groups:
            arrays = [cells([row.get(name) for row in group], kind) for name, kind in columns.items()]
            writer.write_table(pa.table(arrays, schema=schema))


def _type(pa: Any, kind: Kind) -> Any:
    """A column's type; one that is always null is text."""
    if kind == MESSAGES:
        return pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    if kind.startswith(LIST):
        return pa.list_(_type(pa, kind.removeprefix(LIST)))
    named = {"bool": pa.bool_(), "int": pa.int64(), "long": pa.int64(), "float": pa.float64()}
    return named.get(kind, pa.string())
