"""Lines of text files, plain or gzipped, with errors that name file and line; and files that are written whole.

    for number, line in read_lines(Path("topics.tsv.gz")): ...
    check_output(path)                       # before the work whose result goes there
    with replacing(path) as file: ...        # an older file stays until the new one is whole

Not done: other compressions, other encodings than UTF-8 (a byte order mark at the start is skipped).
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from dikast.disk import cause_of, remedy_of, told_if_refused
from dikast.errors import DataError
from dikast.retrieval.store import whole_file


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers from 1, and lines without their line ends, as they are read.

    Raises:
        DataError: The file is missing or unreadable, its gzip data are damaged, or a line is not UTF-8.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                yield number, _decode(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, path, number)
    except (OSError, EOFError, zlib.error) as error:
        line, hint = number + 1 if number else None, remedy_of(error, path)
        raise DataError(f"cannot be read: {cause_of(error)}", path=path, line=line, hint=hint) from error


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _decode(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not UTF-8"
        raise DataError(
            what, path=path, line=number, hint="convert the file, e.g. with iconv -f WINDOWS-1252 -t UTF-8"
        ) from error


def check_output(path: Path) -> None:
    """Refuse a file that cannot be written, before the work whose result it is to hold.

    Raises:
        DataError: Its folder is missing or closed to writing, or a folder is in its place.
    """
    with told_if_refused(path, "written"):
        if path.is_dir():
            raise DataError("is a folder", path=path, hint="give the name of a file")
        if not path.parent.is_dir():
            raise DataError(f"there is no folder {str(path.parent)!r}", path=path, hint="make it, or name another file")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise DataError("cannot be written: permission denied", path=path, hint="name another file")


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """A file to write to, as `whole_file`; what is no regular file (a pipe, `/dev/stdout`) is written to as it is.

    Raises:
        OSError: It cannot be written.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as out:
            yield out
    else:
        with whole_file(path.resolve()) as out:
            yield out
