"""Files that grow by whole lines: appended, flushed to the disk, mended where a crash tore them.

A crash can tear only the last line. `mended_size` says where the good part ends; the next append cuts the rest off.
A write that fails half-way (disk full) is cut back at once, so that what is on the disk is always whole lines.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, cast

from pydantic_core import from_json, to_jsonable_python

from dikast.disk import Done, cause_of, remedy_of
from dikast.errors import DataError
from dikast.records import Outcome, Usage

KEY = re.compile(r"[0-9a-f]{32}")
OUTCOMES = frozenset(outcome.value for outcome in Outcome)
COUNTS = ("row", "ordinal", "sample")
SPENT = frozenset(field.name for field in fields(Usage))
CHUNK_BYTES = 1 << 16
CLOSED = -1


@contextmanager
def explain_os_errors(path: Path, done: Done = "written") -> Generator[None]:
    """Turn an `OSError` about a run's files into one line with its remedy."""
    try:
        yield
    except OSError as error:
        kept = "what was finished before is kept; give the same command again"
        hint = remedy_of(error, path, done, "folder") or kept
        raise DataError(f"cannot be {done}: {cause_of(error)}", path=path, hint=hint) from error


def encode(record: object) -> bytes:
    """One line of JSON; messages, Pydantic models and dates as Pydantic writes them.

    It is UTF-8, except where the text has halves of surrogate pairs, which only escapes can carry.

    Raises:
        TypeError: Not JSON.
        ValueError: It holds itself, or a number that is not finite, which JSON does not have.
    """
    try:
        return dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return dumps(record).encode() + b"\n"


dumps = partial(json.dumps, separators=(",", ":"), default=to_jsonable_python, allow_nan=False)


def without_nan(record: object) -> tuple[Any, int]:
    """The record as JSON with null for NaN and infinities, and how many of them there were.

    Raises:
        TypeError: Not JSON.
        ValueError: It holds itself.
    """
    found: list[str] = []
    plain = json.loads(json.dumps(record, default=to_jsonable_python), parse_constant=found.append)
    return plain, len(found)


DECODER = json.JSONDecoder(parse_constant=lambda constant: None)
"""Reads what earlier versions wrote too: `NaN`, which is no JSON, as null."""


def decode(line: bytes) -> dict[str, Any] | None:
    """The record that a line holds; `None` if it holds no whole one."""
    try:
        record = from_json(line, allow_inf_nan=False)  # takes 0.6 of the json module's time
    except ValueError:
        record = decode_odd(line)
    return cast(dict[str, Any], record) if isinstance(record, dict) else None


def decode_odd(line: bytes) -> object:
    """What only the json module reads: half surrogate pairs, deep nests, `NaN`; `None` if it does not, either."""
    try:
        return DECODER.decode(line.decode())
    except (ValueError, RecursionError):
        return None


def mended_size(handle: int) -> tuple[int, bool]:
    """Where the good lines of a file end, and whether the last of them still lacks its line feed."""
    size = end = os.fstat(handle).st_size
    tail = b""
    while end > 0:
        start = max(0, end - CHUNK_BYTES)
        tail = os.pread(handle, end - start, start) + tail
        cut = tail.rfind(b"\n", 0, end - start)
        if cut >= 0:
            start, tail = start + cut + 1, tail[cut + 1 :]
        if cut >= 0 or start == 0:
            return (size, True) if tail and decode(tail) is not None else (start, False)
        end = start
    return 0, False


class LineFile:
    """A file that only grows, by whole lines.

    Args:
        path: Made if absent; a torn last line is mended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with explain_os_errors(path):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            try:
                self._end, unended = mended_size(self._handle)
                os.ftruncate(self._handle, self._end)
                if unended:
                    self.append(b"\n")
            except BaseException:
                os.close(self._handle)
                raise

    def append(self, lines: bytes) -> None:
        """Write whole lines and wait until the disk has them.

        Raises:
            DataError: They could not be written; the file ends where it did before.
        """
        self.write(lines)
        self.sync()

    def write(self, lines: bytes) -> None:
        """Hand whole lines to the kernel: they survive this process, though not yet a power failure.

        Raises:
            DataError: They could not be written; the file ends where it did before.
        """
        with explain_os_errors(self.path):
            try:
                left = memoryview(lines)
                while left:
                    left = left[os.write(self._handle, left) :]
            except OSError:
                with suppress(OSError):  # the first error is the one to tell; reading mends a torn line anyway
                    os.ftruncate(self._handle, self._end)
                raise
        self._end += len(lines)

    def sync(self) -> None:
        """Wait until the disk has what was written.

        Raises:
            DataError: It has not, or the file is no longer at its path.
        """
        with explain_os_errors(self.path):
            os.fsync(self._handle)
            self._still_there()

    def _still_there(self) -> None:
        """A deleted file takes writes without a word: look whether the path still leads to it."""
        ours, there = os.fstat(self._handle), self.path.stat()
        if (ours.st_ino, ours.st_dev) != (there.st_ino, there.st_dev):
            raise FileNotFoundError(errno.ENOENT, "another file has taken its place", str(self.path))

    def close(self) -> None:
        """Close the file; writing to it fails from now on, whoever gets the number of its handle next."""
        os.close(self._handle)
        self._handle = CLOSED


def is_row(record: Mapping[str, Any]) -> bool:
    """Whether a record has what every line of a journal has."""
    key = record.get("key")
    if not isinstance(key, str) or KEY.fullmatch(key) is None or record.get("outcome") not in OUTCOMES:
        return False
    # Loops, not `all(...)`: this is done a million times, and a generator costs more than what it does.
    for name in COUNTS:
        if type(record.get(name)) is not int:
            return False
    return "output" in record and isinstance(record.get("input"), dict) and is_usage(record.get("usage"))


def is_usage(value: object) -> bool:
    """Whether a value is what a record says of the spending by role."""
    if not isinstance(value, dict):
        return False
    for spent in cast(dict[str, object], value).values():
        if not isinstance(spent, dict) or not spent.keys() <= SPENT:
            return False
        for number in cast(dict[str, object], spent).values():
            if not isinstance(number, int | float):
                return False
    return True


def read_journal(path: Path, foreign: list[int] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of a journal with the byte offset of each; a torn last line is left out, an absent file is empty.

    Args:
        path: The journal.
        foreign: Gets the 1-based numbers of lines that are no rows: a disk or a hand damaged them. They are left out,
            so that their rows are owed, and a person is to be told.

    Raises:
        DataError: It cannot be read.
    """
    if not path.exists():
        return
    offset = 0
    with explain_os_errors(path, "read"), path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            record = decode(line)
            if record is not None and is_row(record):
                yield offset, record
            elif line.endswith(b"\n") and foreign is not None:
                foreign.append(number)
            offset += len(line)
