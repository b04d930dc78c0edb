"""Flags of `dikast duo run` that are no field of its context: the texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.duo.context import Context
from dikast.graphs.method import OPTIONS, Row

OURS = ("id", "text")


class Options(BaseModel):
    """Which layers of a model should be big, small or skipped? Oracle, routers and luck, on your own texts."""

    model_config = OPTIONS

    texts: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Texts: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: text=body; also id."""


def read_input(options: Options, context: Context) -> list[Row]:
    """A row a text.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
        DataError: A row is broken, or two have one id.
    """
    from dikast.rows import parse_columns

    del context
    if options.texts is None:
        raise UsageError("no texts", hint="give --texts FILE")
    return read_texts(options.texts, parse_columns(options.columns))


def read_texts(path: Path, columns: Mapping[str, str]) -> list[Row]:
    """Rows of a file, in the shape of the graph's input.

    Raises:
        UsageError: A column of ours is not known.
        DataError: A row is broken, two have one id, or there is none.
    """
    from dikast.rows import read_rows

    unknown = sorted(set(columns) - set(OURS))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(OURS)}")
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for row in read_rows(path, columns):
        if row.values.get("text") is None:
            raise row.error("text", "missing", "give the column by --columns text=body")
        name, text = row.text("id", default=str(row.place)), row.text("text")
        if name in seen:
            raise row.error("id", f"{name!r} already stands on {seen[name]}")
        if not text.strip():
            raise row.error("text", "empty", "give every row one")
        seen[name] = row.where
        rows.append({"id": name, "text": text})
    if not rows:
        raise DataError("no text", path=path, hint="give a file with rows")
    return rows
