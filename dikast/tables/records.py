"""Rows of a file as objects with line numbers: JSONL, CSV, TSV, Parquet. What question files are made of.

Values stay as they are in the file: text in CSV and TSV, JSON types in the others.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from dikast.errors import DataError, UsageError
from dikast.tables.optional import needs

Record = tuple[int, dict[str, Any]]
"""1-based line (row, for Parquet) and the object."""


def read_records(path: Path) -> Iterator[Record]:
    """The rows of a file, by its suffix.

    Raises:
        DataError: A row is broken; the message names the line.
        UsageError: The suffix is unknown.
    """
    readers = {".jsonl": _jsonl, ".csv": _csv, ".tsv": _tsv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path}: which format is {path.suffix!r}?", hint=f"one of {', '.join(readers)}")
    if not path.is_file():
        raise DataError("no such file", path=path)
    try:
        yield from reader(path)
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 at byte {error.start}", path=path, hint="save it as UTF-8") from error


def read_json(path: Path) -> Any:
    """A JSON file.

    Raises:
        DataError: It is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError("no such file", path=path) from error
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg}", path=path, line=error.lineno) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", path=path) from error


def _jsonl(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                value = json.loads(text)
            except (json.JSONDecodeError, RecursionError) as error:
                raise DataError(f"not JSON: {error}", path=path, line=line) from error
            if not isinstance(value, dict):
                raise DataError("not a JSON object", path=path, line=line, hint="one object a line")
            yield line, cast(dict[str, Any], value)


def _csv(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _delimited(path, csv.reader(file, strict=True))


def _tsv(path: Path) -> Iterator[Record]:
    """Tabs and line ends only, no quoting: as WikiTableQuestions and most TSV files are written."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _delimited(path, csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None))


def _delimited(path: Path, reader: Any) -> Iterator[Record]:
    try:
        header = next(reader, None)
        if header is None:
            raise DataError("the file is empty", path=path, hint="the first line names the columns")
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                hint = "quote cells that hold the delimiter"
                message = f"{len(cells)} cells under {len(header)} column names"
                raise DataError(message, path=path, line=reader.line_num, hint=hint)
            yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"broken: {error}", path=path, line=reader.line_num) from error


def _parquet(path: Path) -> Iterator[Record]:
    arrow = needs("pyarrow")
    try:
        with needs("pyarrow.parquet").ParquetFile(str(path)) as file:
            row = 0
            for batch in file.iter_batches():
                for value in batch.to_pylist():
                    row += 1
                    yield row, value
    except (arrow.ArrowInvalid, OSError) as error:
        raise DataError(f"cannot be read as parquet: {str(error).splitlines()[0]}", path=path) from error
