"""Files read as they lie, plain or compressed; and files that are written whole or not at all.

    with open_text(Path("rows.csv.zst")) as file: ...
    write_jsonl("rows.jsonl", [{"id": "1"}])

Compressed files are told by their suffix: `.gz`, and `.zst`, which pyarrow reads (the extra `data`), since it tells
that a file is cut short; the package zstandard gives less than the file and no error. Text is UTF-8, with a byte order
mark at its start or without.

Not done: other compressions, other encodings.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tempfile
import zlib
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from dikast.disk import cause_of, refused, remedy_of
from dikast.errors import DataError
from dikast.optional import needs

COMPRESSIONS = (".gz", ".zst")
BROKEN = (OSError, EOFError, zlib.error)
"""What reading a missing, closed or damaged file raises, whatever its compression."""


def suffix_of(path: Path) -> str:
    """The suffix that says what a file holds, in lower case: that of `rows.csv.gz` is `.csv`."""
    inner = path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path
    return inner.suffix.lower()


@contextmanager
def open_bytes(path: Path) -> Generator[BinaryIO]:
    """A file's bytes, decompressed as they are read.

    Raises:
        DataError: The file is missing, closed to reading or damaged.
        MissingExtraError: It is a `.zst` file, and pyarrow is not installed.
    """
    opener = {".gz": gzip.open, ".zst": _open_zstd}.get(path.suffix.lower(), _open_plain)
    try:
        with cast(BinaryIO, opener(path)) as file:
            yield file
    except BROKEN as error:
        raise DataError(_reason(error), path=path, hint=remedy_of(error, path)) from error


@contextmanager
def open_text(path: Path, newline: str = "") -> Generator[TextIO]:
    r"""A file's text, decompressed and decoded as it is read.

    Args:
        path: The file.
        newline: As for `open`: "" ends a line where any system does, "\n" only there; line ends are kept.

    Raises:
        DataError: As `open_bytes`, or a line is not UTF-8; says which.
        MissingExtraError: As `open_bytes`.
    """
    try:
        with open_bytes(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline=newline) as text:
            yield text
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return f"cannot be read: {cause_of(error)}"


def _open_plain(path: Path) -> BinaryIO:
    return path.open("rb")


def _open_zstd(path: Path) -> BinaryIO:
    return io.BufferedReader(needs("pyarrow").input_stream(str(path), compression="zstd"))


def _not_utf8(path: Path) -> DataError:
    """Where it is: the decoder, which is given blocks, does not know."""
    with open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                what = f"byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not UTF-8"
                return DataError(what, path=path, line=number, hint="save the file as UTF-8")
    return DataError("not UTF-8", path=path, hint="save the file as UTF-8")


def write_text(path: str | Path, text: str) -> None:
    """Write a whole file or nothing: a crash leaves the old one.

    Raises:
        DataError: The folder does not exist or cannot be written.
    """
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """The same of bytes.

    Raises:
        DataError: The folder does not exist or cannot be written.
    """
    path = Path(path)
    part: Path | None = None
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
            part = Path(file.name)
            file.write(content)
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        raise refused(error, path, "written") from error
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
