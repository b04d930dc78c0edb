"""Rows that are read from their source once, however often they are gone through: the other times from the disk.

A run goes through its rows several times: to see that there are any, to tell a bad row before anything runs, to count
and hash them, to do them. Here they are kept in a file without a name that only this process can open, in Python's
marshal format, which is read many times faster than CSV; a few hundred are in memory, whatever their number.
"""

from __future__ import annotations

import marshal
import os
import weakref
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Generic, TypeVar

_held: ContextVar[dict[Hashable, Any] | None] = ContextVar("held", default=None)
GROUP = 256
"""Rows that are written and read together, which is what is in memory at once."""
Row = TypeVar("Row")


class KeptRows(Generic[Row]):
    """The rows of an input, each taken from it once.

    A disk that takes no more, or a value that is no JSON, is no reason to stop: from then on the input is opened anew.

    Args:
        read: Opens the input, from its first row on.
        size: Rows of a group.
    """

    def __init__(self, read: Callable[[], Iterable[Row]], size: int = GROUP) -> None:
        self._read, self._size = read, size
        self._source: Iterator[Row] | None = None
        self._file: int | None = None
        self._size_on_disk = 0
        self._groups: list[tuple[int, int]] = []
        """Of each group that is on the disk: where it begins, and its bytes."""
        self._last: list[Row] = []
        """The rows behind those."""
        self._keeps = True

    def __iter__(self) -> Iterator[Row]:
        """From the first row on; what nobody has reached yet is read from the input."""
        group = place = 0
        while self._keeps:
            if group < len(self._groups):
                if place < self._size:  # else it was closed behind the row that was given last
                    yield from self._load(group)[place:]
                group, place = group + 1, 0
            elif place < len(self._last) or self._take():
                place += 1
                yield self._last[place - 1]
            elif self._keeps and group == len(self._groups):
                return
        yield from islice(self._read(), group * self._size + place, None)

    def _take(self) -> bool:
        """Keep one more row; false if there is none, a group had to be closed for it, or nothing is kept any more."""
        if len(self._last) == self._size:
            self._write()
            return False
        if self._source is None:
            self._source = iter(self._read())
        keeps, self._keeps = self._keeps, False  # a source that fails half-way cannot be asked again
        row = next(self._source, None)
        self._keeps = keeps
        if row is None:
            return False
        self._last.append(row)
        return True

    def _write(self) -> None:
        try:
            data = marshal.dumps(self._last)
            if self._file is None:
                self._file = _nameless_file()
                weakref.finalize(self, os.close, self._file)
            if os.pwrite(self._file, data, self._size_on_disk) != len(data):
                self._keeps = False
                return
        except (ValueError, OSError):
            self._keeps = False
            return
        self._groups.append((self._size_on_disk, len(data)))
        self._size_on_disk += len(data)
        self._last = []

    def _load(self, number: int) -> list[Row]:
        assert self._file is not None
        begin, length = self._groups[number]
        return marshal.loads(os.pread(self._file, length, begin))


@contextmanager
def reading_once() -> Generator[None]:
    """Have what is opened by `opened_once` be read once inside the block, by whomever."""
    before = _held.set({})
    try:
        yield
    finally:
        _held.reset(before)


def opened_once(key: Hashable, read: Callable[[], Iterable[Row]]) -> Iterable[Row]:
    """The rows of an input; inside `reading_once` those that were read from it before, and what is left of it.

    Args:
        key: What is opened, and how.
        read: Opens it.
    """
    held = _held.get()
    return read() if held is None else held.setdefault(key, KeptRows(read))


def _nameless_file() -> int:
    """A file that goes when it is closed, or with the process."""
    file, name = mkstemp()
    Path(name).unlink()
    return file
