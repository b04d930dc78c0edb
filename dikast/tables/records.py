"""JSON and JSON lines to a `MemoryTable`: a record a row, a key a column.

    read_records(Path("sales.jsonl"), "jsonl")

| file | what is read |
| --- | --- |
| `.jsonl`, `.ndjson` | an object a line; blank lines are none |
| `.json` | an array of objects; `{"columns": [...], "data": [[...], ...]}`, pandas' `split`; an object a line |

JSON types each cell by itself, as workbooks do: a column has one kind or is text, and its owner is told. Text stays
text, also where it looks like a number or a date (`types` says otherwise). A key that a record lacks is a missing cell,
and told; NaN is missing, too. Lists and objects within a record are their JSON, as text. A key that an object has twice
is an error, since readers differ in which of the two they take.

Not covered: tables deeper inside a document; encodings other than UTF-8.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from dikast.errors import DataError
from dikast.json_text import array_items, not_json
from dikast.tables import bounds
from dikast.tables.bounds import Budget
from dikast.tables.delimited import MAX_COLUMNS
from dikast.tables.excel import typed_table
from dikast.tables.headers import clean_headers
from dikast.tables.table import MemoryTable, Problem
from dikast.tables.whole import name_of, read_whole

LONGEST = 16 << 20
"""Characters of one record; a longer one is a document, not a row."""
DEPTH = 64
"""Of lists and objects in a record."""
HINT = 'an array of objects, {"columns": [...], "data": [[...]]}, or an object a line'
Record = dict[str, Any]


class _Twice(Exception):
    """A key that an object has twice."""


def _object(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise _Twice(next(key for key, _ in pairs if key in seen or seen.add(key)))
    return found


DECODER = json.JSONDecoder(object_pairs_hook=_object)


def read_records(path: Path, form: str) -> MemoryTable:
    """Read a file of records.

    Args:
        path: The file, plain or compressed.
        form: `json` or `jsonl`.

    Raises:
        DataError: It is no JSON of these forms, holds no record, an object has a key twice, or it is too large.
    """
    try:
        text = read_whole(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError("not UTF-8", path=path, line=line, hint="save the file as UTF-8") from error
    if not text.strip():
        raise DataError("the file is empty", path=path, hint="a table needs records")
    budget = Budget(path, bounds.SHEET_SECONDS)
    start = text.lstrip(" \t\r\n")[:1]
    if form == "json" and start == "[":
        return _from_records(path, list(_array(text, path, budget)), budget)
    whole = _single_object(text, path) if form == "json" else None
    if whole is None:
        return _from_records(path, list(_lines(text, path, budget)), budget)
    if "columns" in whole and "data" in whole:
        return _from_split(path, whole, budget)
    if any(isinstance(value, (list, dict)) for value in whole.values()):
        raise DataError("one object, and no table of rows", path=path, hint=HINT)
    return _from_records(path, [whole], budget)


def _array(text: str, path: Path, budget: Budget) -> Iterator[Record]:
    place = 0
    try:
        for place, item in enumerate(array_items(io.StringIO(text), path, DECODER, LONGEST), start=1):
            yield _record(item, path, budget, row=place)
    except _Twice as error:
        raise _twice(error, path, row=place + 1) from None


def _lines(text: str, path: Path, budget: Budget) -> Iterator[Record]:
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        if not line.isspace():
            yield _record(_parse(line.rstrip("\r\n"), path, number), path, budget, line=number)


def _parse(text: str, path: Path, line: int) -> object:
    if len(text) > LONGEST:
        raise DataError(f"a record of more than {LONGEST >> 20} Mi characters", path=path, line=line, hint=HINT)
    try:
        return DECODER.decode(text)
    except _Twice as error:
        raise _twice(error, path, line=line) from None
    except (ValueError, RecursionError) as error:
        raise not_json(error, path, line) from error


def _single_object(text: str, path: Path) -> Record | None:
    """The object that the whole text is; `None` where something follows it."""
    begin = len(text) - len(text.lstrip())
    try:
        value, end = DECODER.raw_decode(text, begin)
    except _Twice as error:
        raise _twice(error, path, row=1) from None
    except (ValueError, RecursionError) as error:
        raise not_json(error, path, 1 + text.count("\n", 0, begin)) from error
    if text[end:].strip():
        return None
    if not isinstance(value, dict):
        raise DataError("no object and no array", path=path, hint=HINT)
    return cast(Record, value)


def _twice(error: _Twice, path: Path, *, line: int | None = None, row: int | None = None) -> DataError:
    what, hint = f"an object has the key {str(error)!r:.80} twice", "readers differ in which they take: keep one"
    return DataError(what, path=path, line=line, row=row, hint=hint)


def _record(value: object, path: Path, budget: Budget, *, line: int | None = None, row: int | None = None) -> Record:
    if not isinstance(value, dict):
        raise DataError("a record is a JSON object, and this is none", path=path, line=line, row=row, hint=HINT)
    record = cast(Record, value)
    budget.spend(len(record))
    for key in record:
        _check_text(key, path, line, row)
    return {key: _cell(cell, path, line, row) for key, cell in record.items()}


def _check_text(text: str, path: Path, line: int | None, row: int | None) -> None:
    """Refuse half of a pair of UTF-16's, which JSON can escape and no text can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        what, hint = "half of a surrogate pair", "a \\u escape without its other half"
        raise DataError(what, path=path, line=line, row=row, hint=hint) from None


def _cell(value: object, path: Path, line: int | None, row: int | None) -> object:
    """A cell; lists and objects as the JSON that they are."""
    if isinstance(value, (list, dict)):
        if _deeper(value, DEPTH):
            raise DataError(f"nested more than {DEPTH} deep", path=path, line=line, row=row, hint=HINT)
        value = _Nested(json.dumps(value, ensure_ascii=False))
    if isinstance(value, str) and not value.isascii():
        _check_text(value, path, line, row)
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        raise DataError("a number that is not finite", path=path, line=line, row=row, hint="null is a missing cell")
    return value


class _Nested(str):
    """A list or object as JSON."""


def _deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects stand in each other deeper than this; goes no deeper itself."""
    if not isinstance(value, (list, dict)):
        return False
    inner: list[Any] = [*cast(Any, value).values()] if isinstance(value, dict) else cast(list[Any], value)
    return depth == 0 or any(_deeper(one, depth - 1) for one in inner)


def _from_records(path: Path, records: Sequence[Record], budget: Budget) -> MemoryTable:
    names = list(dict.fromkeys(key for record in records for key in record))
    if not names:
        raise DataError("no record has a key", path=path, hint="a table needs columns")
    _check_width(names, path)
    budget.spend(len(names) * len(records))
    lacking = [place for place, record in enumerate(records, start=1) if len(record) < len(names)]
    body = [[record.get(name) for name in names] for record in records]
    problems: list[Problem] = []
    if lacking:
        text = f"{len(lacking)} records lack keys that others have; these cells are missing"
        problems.append(Problem("ragged rows", text, count=len(lacking), line=lacking[0]))
    return _typed(path, names, body, problems)


def _from_split(path: Path, whole: Record, budget: Budget) -> MemoryTable:
    columns, data = whole["columns"], whole["data"]
    if not isinstance(columns, list) or not isinstance(data, list) or not columns:
        raise DataError("columns and data are lists", path=path, hint=HINT)
    names = cast(list[object], columns)
    if not all(isinstance(name, (str, int, float)) for name in names):
        raise DataError("a column's name is a text", path=path, field="columns")
    _check_width(names, path)
    body: list[list[object]] = []
    for place, row in enumerate(cast(list[object], data), start=1):
        cells = cast(list[object], row) if isinstance(row, list) else None
        if cells is None or len(cells) != len(names):
            found = "no list" if cells is None else f"{len(cells)} cells"
            raise DataError(f"{found} for {len(names)} columns", path=path, row=place, field="data")
        budget.spend(len(cells))
        body.append([_cell(cell, path, None, place) for cell in cells])
    rest = sorted(set(whole) - {"columns", "data"})
    left_out = f"{', '.join(map(repr, rest))} beside columns and data: left out"
    problems = [Problem("left out", left_out, count=len(rest))] if rest else []
    return _typed(path, names, body, problems)


def _check_width(names: Sequence[object], path: Path) -> None:
    if len(names) > MAX_COLUMNS:
        hint = "are its keys values?"
        raise DataError(f"{len(names)} columns, more than {MAX_COLUMNS}", path=path, hint=hint)


def _typed(path: Path, keys: Sequence[object], body: list[list[Any]], problems: list[Problem]) -> MemoryTable:
    names, cleaned = clean_headers(keys)
    for at, name in enumerate(names):
        nested = sum(isinstance(row[at], _Nested) for row in body)
        if nested:
            text = f"column {name!r}: {nested} cells are lists or objects, and are their JSON as text"
            problems.append(Problem("nested", text, name, nested))
    plain = [[str(cell) if isinstance(cell, _Nested) else cell for cell in row] for row in body]
    return typed_table(name_of(path), names, plain, [*problems, *cleaned], path)
