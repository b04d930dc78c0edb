"""Records out of JSONL, JSON, CSV and TSV files, each with the line it came from, so that an error can name it.

    for record in read_records("pairs.csv"):
        text = record.text("instruction")

Suffixes: `.jsonl`, `.ndjson` (one object a line), `.json` (a list of objects), `.csv`, `.tsv` (a header line).

Not covered: compressed files, Parquet, and guessing a format from the content.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from dikast.errors import DataError
from dikast.evaluation.interchange.record import Record, as_object

CSV_FIELD_LIMIT = 16 * 2**20
"""Longest CSV field read, in characters; the csv module's own limit of 131,072 is less than a long response."""


def read_records(path: str | Path) -> Iterator[Record]:
    """The file's records, one after another.

    Raises:
        DataError: No such file, not UTF-8, an unknown suffix, or a record that is not an object; says which line.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"cannot read {suffix or 'a file without suffix'!r}", path=path, hint=f"use {SUFFIXES}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 at byte {error.start}", path=path, hint="save the file as UTF-8") from error
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror or error}", path=path) from error
    return _READERS[suffix](path, text)


def write_text(path: str | Path, text: str) -> None:
    """Write a whole file or nothing: a crash leaves the old one.

    Raises:
        DataError: The folder does not exist or cannot be written.
    """
    path = Path(path)
    part: Path | None = None
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            part = Path(file.name)
            file.write(text)
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        raise DataError(error.strerror or "cannot be written", path=path) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def write_jsonl(path: str | Path, rows: Iterable[Mapping[str, object]]) -> None:
    """One object a line, keys in the order given.

    Raises:
        DataError: The file cannot be written.
    """
    write_text(path, "".join(_dumped(row) + "\n" for row in rows))


def write_json(path: str | Path, value: object) -> None:
    """One JSON value, indented for people.

    Raises:
        DataError: The file cannot be written.
    """
    write_text(path, _dumped(value, indent=2) + "\n")


def _dumped(value: object, indent: int | None = None) -> str:
    """Readable where it can be; a model's reply may hold half a surrogate pair, which only an escape can carry."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read_jsonl(path: Path, text: str) -> Iterator[Record]:
    # Not splitlines(): a JSON string may hold U+2028 or U+0085 as they are.
    lines = ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())
    for place, (number, line) in enumerate(lines, start=1):
        yield Record(path, number, as_object(path, number, _parse(path, line, number)), place)


def _read_json(path: Path, text: str) -> Iterator[Record]:
    value = _parse(path, text, None)
    if not isinstance(value, list):
        raise DataError("not a list of records", path=path, hint="one object a line is .jsonl")
    for number, item in enumerate(cast(list[object], value), start=1):
        yield Record(path, number, as_object(path, number, item), number)


def _parse(path: Path, text: str, line: int | None) -> object:
    try:
        return cast(object, json.loads(text))
    except json.JSONDecodeError as error:
        where = error.lineno if line is None else line
        raise DataError(f"not JSON: {error.msg} at column {error.colno}", path=path, line=where) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON that can be read: {error}", path=path, line=line) from error


def _read_separated(path: Path, text: str, separator: str) -> Iterator[Record]:
    csv.field_size_limit(CSV_FIELD_LIMIT)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        twice = next((name for name, count in Counter(rows.fieldnames or []).items() if count > 1), None)
        if twice is not None:
            raise DataError("two columns have this name", path=path, line=rows.line_num, field=twice)
        for number, row in enumerate(rows, start=1):
            if None in row:
                message = f"more values than the header's {len(rows.fieldnames or [])}"
                raise DataError(message, path=path, line=rows.line_num, hint="quote values that hold the separator")
            given = {name: value for name, value in row.items() if value is not None}
            yield Record(path, rows.line_num, given, number)
    except csv.Error as error:
        raise DataError(f"not a table: {error}", path=path, line=rows.line_num) from error


def _read_csv(path: Path, text: str) -> Iterator[Record]:
    return _read_separated(path, text, ",")


def _read_tsv(path: Path, text: str) -> Iterator[Record]:
    return _read_separated(path, text, "\t")


_READERS = {".jsonl": _read_jsonl, ".ndjson": _read_jsonl, ".json": _read_json, ".csv": _read_csv, ".tsv": _read_tsv}
SUFFIXES = ", ".join(_READERS)
