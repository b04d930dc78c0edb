"""Rows out of users' own files: the one reader behind every command that takes such a file.

    for row in read_rows("questions.csv.gz", {"query": "my question", "qid": "number"}):
        row.text("query"), row.values, row.where

| suffix | rows | values |
| --- | --- | --- |
| `.csv`, `.tsv` | under a header line | text, as it stands there |
| `.jsonl`, `.ndjson` | one JSON object a line | JSON's |
| `.json` | an array of JSON objects; one object a line, if it does not begin with a bracket | JSON's |
| `.parquet` | those of the table | as Python's |
| `hf:ORG/NAME[:split]` | those of a data set on the Hugging Face hub, or in a folder (`dikast.hub`) | as Python's |

Each plain, or compressed as `.gz` or `.zst`; text is UTF-8, with a byte order mark or without. A file is read as its
rows are asked for, and memory holds a few of them. Where people differ, this holds:

- A cell of CSV or TSV may stand in quotes, within which quotes are doubled and separators and line ends are text. TSV
  that is written without quoting, so that a quote is a quote, is read with `quoted=False` (WikiTableQuestions, SQA).
- Every row of CSV and TSV has as many cells as the header has names, none of them twice; blank lines are none; white
  space around a name in the header is not part of it.
- `columns` gives columns of the file our names. One that is not there is refused before the first row, also where the
  file has a header and no row; a JSON object may lack it, as long as one of them has it. A column of the file that
  has a name of ours, while another was mapped to this name, is left out.
- A file without anything in it is an error; an array, or a table of Parquet or CSV, without rows has none.

Not done: other encodings, guessing a format from the content, tables of cells (`dikast.tables.load`).
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, TextIO, cast

from dikast import hub
from dikast.disk import refused, remedy_of
from dikast.errors import DataError, UsageError
from dikast.files import COMPRESSIONS, open_bytes, open_text, suffix_of
from dikast.json_text import array_items, parse_json
from dikast.kept import opened_once
from dikast.optional import needs
from dikast.row import Row

LARGEST_CELL = 64 * 1024 * 1024
"""Characters in one CSV cell; the csv module's own limit of 128 KiB is below what a document takes."""
BLOCK = 4_096
PARQUET_ROWS = 1_000
"""Rows of a Parquet file in memory at a time; a row may hold whole documents."""
NAMES_SHOWN = 20
"""Columns that an error lists; a file may have thousands."""
QUOTING = "a cell with a quote, a separator or a line end in it stands in quotes, its own quotes doubled"
TOO_LARGE = f"a cell takes {LARGEST_CELL:,} characters at most; perhaps a quote that opens one is never closed"

Found = tuple[int | None, Mapping[str, object]]
"""The line on which a row begins, where there are lines, and its values."""


def read_rows(path: str | Path, columns: Mapping[str, str] | None = None, *, quoted: bool = True) -> Iterator[Row]:
    """The rows of a file, one after another.

    Args:
        path: A file with one of the suffixes `FORMATS`, or such a one and `.gz` or `.zst`; or `hf:ORG/NAME:split`.
        columns: Our name -> the file's. Columns that are not named keep their names.
        quoted: Whether cells of a TSV file may stand in quotes.

    Raises:
        UsageError: The suffix is none of these.
        DataError: The file is missing, empty or closed to reading, or a mapped column does not exist: at once. It is
            broken somewhere: when that row is reached. Says file, line (or row) and field.
        MissingExtraError: Parquet or `.zst`, and pyarrow is not installed; `hf:`, and datasets is not.
    """
    if hub.is_hub(path):
        return _hub_rows(str(path), columns or {})
    path = Path(path)
    form = FORMATS.get(suffix_of(path))
    if form is None:
        hint = f"known: {', '.join(FORMATS)}; these with .gz or .zst; {hub.SCHEME}ORG/NAME for the hub"
        raise UsageError(f"{path}: cannot read rows from a {suffix_of(path)!r} file", hint=hint)
    _refuse_empty(path)
    if columns:
        _refuse_absent(columns, _names(path, form, columns.values(), quoted), path)
    return _rows(path, form, columns or {}, quoted)


def _hub_rows(text: str, columns: Mapping[str, str]) -> Iterator[Row]:
    names = hub.names_of(text)
    if names is not None:
        _refuse_absent(columns, names, Path(text))
    found = opened_once(text, lambda: ((None, values) for values in hub.rows_of(text)))
    return _named(Path(text), found, columns)


def parse_columns(text: str | None) -> dict[str, str]:
    """Read `--columns ours=theirs,ours=theirs`; a pair with a comma in it stands in double quotes.

    Raises:
        UsageError: It is not of that form, or names a column of ours twice.
    """
    parts = [part for line in csv.reader([text or ""], skipinitialspace=True) for part in line]
    pairs = [(ours.strip(), theirs.strip()) for ours, _, theirs in (part.partition("=") for part in parts)]
    if not all(ours and theirs for ours, theirs in pairs):
        raise UsageError(f"--columns {text!r}: write ours=theirs, comma-separated", hint="query=question,qid=id")
    twice = _first_twice([ours for ours, _ in pairs])
    if twice is not None:
        raise UsageError(f"--columns {text!r}: {twice!r} is named twice")
    return dict(pairs)


def _refuse_empty(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise DataError("no such file", path=path, hint=remedy_of(error, path)) from error
    except OSError as error:
        raise refused(error, path) from error
    if not size:
        raise _empty(path)


def _empty(path: Path) -> DataError:
    return DataError("the file is empty", path=path, hint="give a file with rows")


def _names(path: Path, form: Format, wanted: Collection[str], quoted: bool) -> Collection[str]:
    """The file's columns; where each row has names of its own, those up to the row that completes the wanted ones."""
    if form.names is not None:
        return form.names(path, quoted)
    seen: dict[str, None] = {}
    for _, values in _found(path, form, quoted):
        seen.update(dict.fromkeys(values))
        if all(name in seen for name in wanted):
            break
    return seen or wanted


def _refuse_absent(columns: Mapping[str, str], names: Collection[str], path: Path) -> None:
    for ours, theirs in columns.items():
        if theirs not in names:
            shown = ", ".join([*names][:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
            message, hint = f"no such column, wanted as {ours!r}", f"the file has: {shown}"
            raise DataError(message, path=path, field=theirs, hint=hint)


def _rows(path: Path, form: Format, columns: Mapping[str, str], quoted: bool) -> Iterator[Row]:
    return _named(path, _found(path, form, quoted), columns)


def _named(path: Path, found: Iterable[Found], columns: Mapping[str, str]) -> Iterator[Row]:
    ours: dict[str, list[str]] = {name: [] for name in columns}
    for name, theirs in columns.items():
        ours.setdefault(theirs, []).append(name)
    for place, (line, values) in enumerate(found, start=1):
        named = {name: value for theirs, value in values.items() for name in ours.get(theirs, (theirs,))}
        yield Row(path, place, line, named, columns)


def _found(path: Path, form: Format, quoted: bool) -> Iterable[Found]:
    return opened_once((path.absolute(), quoted), lambda: form.rows(path, quoted))


def _under_header(separator: str, path: Path, quoted: bool) -> Iterator[Found]:
    with open_text(path) as file:
        lines = _cells(separator, file, path, quoted)
        header = _header(lines, path)
        for line, cells in lines:
            if len(cells) != len(header):
                message = f"{len(cells)} cells under {len(header)} column names"
                raise DataError(message, path=path, line=line, hint=QUOTING)
            yield line, dict(zip(header, cells, strict=True))


def _cells(separator: str, file: TextIO, path: Path, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row that is not blank, and the line on which it begins."""
    csv.field_size_limit(LARGEST_CELL)
    quoting = csv.QUOTE_MINIMAL if quoted or separator == "," else csv.QUOTE_NONE
    reader = csv.reader(file, delimiter=separator, quoting=quoting, strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        hint = TOO_LARGE if "field larger than" in str(error) else QUOTING
        raise DataError(f"not readable: {error}", path=path, line=line, hint=hint) from error


def _header(lines: Iterator[tuple[int, list[str]]], path: Path) -> list[str]:
    first = next(lines, None)
    if first is None:
        raise _empty(path)
    line, names = first[0], [cell.strip() for cell in first[1]]
    _refuse_twice(names, path, line)
    return names


def _refuse_twice(names: Sequence[str], path: Path, line: int | None = None) -> None:
    twice = _first_twice(names)
    if twice is not None:
        raise DataError(f"two columns have the name {twice!r}", path=path, line=line, hint="rename one of them")


def _first_twice(names: Sequence[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _header_names(separator: str, path: Path, quoted: bool) -> list[str]:
    with open_text(path) as file:
        return _header(_cells(separator, file, path, quoted), path)


def _json_lines(path: Path, _: bool) -> Iterator[Found]:
    empty = True
    # Not splitlines(): a JSON string may hold U+2028 or U+0085 as they are.
    with open_text(path, newline="\n") as file:
        for line, text in enumerate(file, start=1):
            if not text.isspace():
                empty = False
                yield line, _as_object(parse_json(text.rstrip("\r\n"), path, line), path, line=line)
    if empty:
        raise _empty(path)


def _json(path: Path, quoted: bool) -> Iterator[Found]:
    if _first_character(path) != "[":
        yield from _json_lines(path, quoted)
        return
    with open_text(path) as file:
        for place, item in enumerate(array_items(file, path), start=1):
            yield None, _as_object(item, path, row=place)


def _first_character(path: Path) -> str:
    """The first that is no white space; the file may be one line, and large."""
    with open_text(path) as file:
        return next((text.lstrip()[0] for text in iter(lambda: file.read(BLOCK), "") if not text.isspace()), "")


def _as_object(value: object, path: Path, *, line: int | None = None, row: int | None = None) -> Mapping[str, object]:
    if not isinstance(value, dict):
        hint = "rows are JSON objects: one a line, or an array of them in a .json file"
        raise DataError(f"not a JSON object but {JSON_TYPES[type(value)]}", path=path, line=line, row=row, hint=hint)
    return cast(dict[str, object], value)


JSON_TYPES: Mapping[type, str] = {
    list: "a list", str: "text", int: "a number", float: "a number", bool: "a truth value", type(None): "null"
}  # fmt: skip


def _parquet(path: Path, _: bool) -> Iterator[Found]:
    with _open_parquet(path) as file:
        _refuse_twice(file.schema_arrow.names, path)
        for batch in file.iter_batches(batch_size=PARQUET_ROWS):
            for values in batch.to_pylist():
                yield None, values


def _parquet_names(path: Path, _: bool) -> list[str]:
    with _open_parquet(path) as file:
        return file.schema_arrow.names


@contextmanager
def _open_parquet(path: Path) -> Generator[Any]:
    arrow, parquet = needs("pyarrow"), needs("pyarrow.parquet")
    with _seekable(path) as file:
        try:
            with parquet.ParquetFile(file) as opened:
                yield opened
        except (arrow.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno:  # Arrow's own have none
                raise refused(error, path) from error
            reason = str(error).partition("\n")[0]
            raise DataError(f"not a readable Parquet file: {reason}", path=path) from error


@contextmanager
def _seekable(path: Path) -> Generator[IO[bytes]]:
    """Parquet is read from its end, which a compressed file has only when it is unpacked."""
    with open_bytes(path) as file:
        if path.suffix.lower() not in COMPRESSIONS:
            yield file
            return
        with tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(file, unpacked)
            yield unpacked


class Format(NamedTuple):
    """How the files of one suffix are read.

    Args:
        rows: The rows of a file; the second argument is `quoted` of `read_rows`.
        names: Its columns; `None` where each row has names of its own.
    """

    rows: Callable[[Path, bool], Iterator[Found]]
    names: Callable[[Path, bool], Sequence[str]] | None = None


FORMATS: Mapping[str, Format] = {
    ".csv": Format(partial(_under_header, ","), partial(_header_names, ",")),
    ".tsv": Format(partial(_under_header, "\t"), partial(_header_names, "\t")),
    ".jsonl": Format(_json_lines),
    ".ndjson": Format(_json_lines),
    ".json": Format(_json),
    ".parquet": Format(_parquet, _parquet_names),
}
"""Suffix -> how it is read."""
