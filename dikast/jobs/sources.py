"""Rows out of a user's own file: CSV and TSV with a header, JSON lines, Parquet; their column names mapped onto ours.

for row in read_rows(Path("questions.csv"), {"query": "q", "qid": "number"}): ...
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from dikast.errors import DataError, UsageError
from dikast.jobs.parquet import load_pyarrow

LARGEST_CELL = 64 * 1024 * 1024
"""Characters in one CSV cell; the csv module's own limit of 128 KiB is below what a document takes."""


def read_rows(path: Path, columns: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a file, streaming.

    Args:
        path: A `.csv`, `.tsv`, `.jsonl` or `.parquet` file.
        columns: Our name -> theirs. Columns that are not named keep their names.

    Raises:
        DataError: The file cannot be read, a line is broken, or a named column is absent; says file, line and field.
        UsageError: The file's ending is none of these.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path}: cannot read rows from a {path.suffix!r} file", hint=f"known: {', '.join(READERS)}")
    if not path.is_file():
        raise DataError("no such file", path=path)
    theirs = {name: ours for ours, name in (columns or {}).items()}
    for line, row in reader(path):
        for name, ours in theirs.items():
            if name not in row:
                hint = f"the file has: {', '.join(map(str, row))}"
                raise DataError(f"no such column, wanted as {ours!r}", path=path, line=line, field=name, hint=hint)
        yield {theirs.get(name, name): value for name, value in row.items()}


def parse_columns(text: str | None) -> dict[str, str]:
    """Read `--columns ours=theirs,ours=theirs`.

    Raises:
        UsageError: It is not of that form.
    """
    pairs = [pair.partition("=") for pair in text.split(",")] if text else []
    if not all(ours.strip() and theirs.strip() for ours, _, theirs in pairs):
        raise UsageError(f"--columns {text!r}: write ours=theirs, comma-separated", hint="query=question,qid=id")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def _read_separated(path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(LARGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter, strict=True)
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise DataError(f"not readable: {error}", path=path, line=reader.line_num) from error
            except UnicodeDecodeError as error:
                told = f"not UTF-8 after line {reader.line_num}"
                raise DataError(told, path=path, hint="save the file as UTF-8") from error
            if row is None:
                return
            if None in row or None in row.values():
                told = f"not as many cells as the header's {len(reader.fieldnames or ())}"
                raise DataError(told, path=path, line=reader.line_num, hint="quote cells that hold the separator")
            yield reader.line_num, row


def _read_csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    return _read_separated(path, ",")


def _read_tsv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    return _read_separated(path, "\t")


def _read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row: object = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"not JSON: {error}", path=path, line=number) from error
            if not isinstance(row, dict):
                raise DataError("not a JSON object", path=path, line=number)
            yield number, cast(dict[str, Any], row)


def _read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    arrow, parquet = load_pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"not a readable Parquet file: {error}", path=path) from error


READERS: Mapping[str, Callable[[Path], Iterator[tuple[int, dict[str, Any]]]]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
"""File ending -> its reader: (line, or row of a Parquet file; the row)."""
