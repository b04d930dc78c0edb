"""Lines of text files, plain or gzipped, with errors that name file and line.

    for number, line in read_lines(Path("topics.tsv.gz")): ...

Not done: other compressions, other encodings than UTF-8 (a byte order mark at the start is skipped).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from dikast.errors import DataError


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
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot read: {reason}", path=path, line=number + 1 if number else None) from error


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _decode(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not UTF-8"
        raise DataError(what, path=path, line=number, hint="convert the file, e.g. with iconv -t UTF-8") from error
