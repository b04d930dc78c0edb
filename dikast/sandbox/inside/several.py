"""Several tables in one buffer: written outside the box, split inside it without a copy.

    parts(data)     # {"orders": <memoryview>, "people": <memoryview>}; None for one table by itself

Layout: a magic in 64 bytes, each table at a multiple of 64, a JSON list of names, offsets and sizes, and that list's
length in the last eight bytes. Neither a packed frame nor an Arrow stream begins with the magic.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

ALIGNMENT = 64
_MAGIC = b"DKTS"
_LENGTH = struct.Struct("<Q")


class Writer:
    """Writes tables one after the other.

    Args:
        file: At its start.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._index: list[dict[str, Any]] = []
        file.write(_MAGIC)
        self._pad()

    def add(self, name: str, write: Callable[[], object]) -> int:
        """Let `write` write a table to the file, under a name that no other has; its bytes."""
        start = self._file.tell()
        write()
        size = self._file.tell() - start
        self._index.append({"name": name, "start": start, "size": size})
        self._pad()
        return size

    def finish(self) -> None:
        """Write which table is where."""
        listed = json.dumps(self._index).encode()
        self._file.write(listed + _LENGTH.pack(len(listed)))

    def _pad(self) -> None:
        self._file.write(bytes(-self._file.tell() % ALIGNMENT))


def parts(data: memoryview) -> dict[str, memoryview] | None:
    """The tables by name, in the order they were written; `None` where the buffer is one table."""
    if bytes(data[: len(_MAGIC)]) != _MAGIC:
        return None
    end = len(data) - _LENGTH.size
    (length,) = _LENGTH.unpack(data[end:])
    index = json.loads(bytes(data[end - length : end]))
    return {one["name"]: data[one["start"] : one["start"] + one["size"]] for one in index}
