"""The index file: named arrays after one another, checked when opened, read where they lie.

    preamble (64 bytes): magic, format version, where the table is, its CRC, size of the whole file
    sections: one array each, little-endian, aligned to 64 bytes
    table (JSON): name -> type, offset, length, CRC of each section; `meta`, what the writer wants remembered

The preamble is written last, so a file whose writing was cut short has none. Nothing in it is executed or unpickled.

Not checked when opened: sections named in `unchecked`, whose reader checks them piece by piece.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from dikast.disk import cause_of, remedy_of
from dikast.errors import RetrievalError

MAGIC = b"DIKASTIX"
VERSION = 1
ALIGNMENT = 64
SCHEMES: Mapping[str, str] = {"bm25": "bm25", "dense": "faiss"}
"""Kind of index, as `meta` names it (`bm25` where it says nothing) -> the retriever that searches it."""
_PREAMBLE = struct.Struct("<8sIIQQ")  # magic, version, CRC of table, offset of table, length of file
_REBUILD = "build it again with `dikast index build`"


class Writer:
    """Writes sections one after another to a seekable file; `finish` makes it valid."""

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.table: dict[str, list[Any]] = {}
        self.name, self.start, self.crc = "", 0, 0
        self.position = out.write(bytes(ALIGNMENT))

    def begin(self, name: str, kind: str = "|u1") -> None:
        """Start a section whose bytes come by `write`."""
        self.position += self.out.write(bytes(-self.position % ALIGNMENT))
        self.name, self.start, self.crc = name, self.position, 0
        self.table[name] = [kind]

    def write(self, data: bytes | memoryview) -> int:
        """Append to the section under way; returns where in the section the data begins."""
        where = self.position - self.start
        self.crc = zlib.crc32(data, self.crc)
        self.out.write(data)
        self.position += len(data)
        return where

    def end(self) -> None:
        """Close the section under way."""
        self.table[self.name] += [self.start, self.position - self.start, self.crc]

    def section(self, name: str, array: NDArray[Any]) -> None:
        """Write a whole array."""
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        self.begin(name, little.dtype.str)
        self.write(little.view(np.uint8).data if little.size else b"")
        self.end()

    def text(self, name: str, lines: Collection[str]) -> None:
        """Write strings that hold no line break."""
        self.begin(name)
        self.write("\n".join(lines).encode())
        self.end()

    def finish(self, meta: Mapping[str, Any]) -> None:
        """Write the table, then the preamble that makes the file valid."""
        table = json.dumps({"meta": meta, "sections": self.table}).encode()
        self.out.write(table)
        self.out.seek(0)
        length = self.position + len(table)
        self.out.write(_PREAMBLE.pack(MAGIC, VERSION, zlib.crc32(table), self.position, length))
        self.out.flush()


class Stored(NamedTuple):
    """An index file as read: what the writer wanted remembered, and the sections, read-only and not copied."""

    meta: dict[str, Any]
    sections: dict[str, NDArray[Any]]

    def of_kind(self, kind: str, origin: str) -> Stored:
        """This, if it is an index of that kind.

        Raises:
            RetrievalError: It is of another kind: `bm25` holds postings, `dense` vectors.
        """
        found = self.meta.get("kind", "bm25")
        if found != kind:
            hint = f"search it as {SCHEMES[found]}:{origin}" if found in SCHEMES else _REBUILD
            raise RetrievalError(f"{origin}: this is a {found} index, not a {kind} one", hint=hint)
        return self

    def text(self, name: str) -> list[str]:
        """A section that `Writer.text` wrote."""
        joined = self.sections[name].tobytes().decode()
        return joined.split("\n") if joined else []


def is_index(path: Path) -> bool:
    """Whether a file begins as an index does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) in (MAGIC, bytes(len(MAGIC)))


def meta_of(path: Path) -> dict[str, Any]:
    """What the writer of an index file wanted remembered, without reading the rest; raises as `open_file`."""
    return _table(_mapped(path), str(path))["meta"]


def open_file(path: Path, unchecked: Collection[str] = ()) -> Stored:
    """Map an index file into memory.

    Raises:
        RetrievalError: The file is missing, not an index, of another version, cut short or damaged.
    """
    return read(_mapped(path), str(path), unchecked)


def _mapped(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            if not file.seek(0, 2):
                raise RetrievalError(f"{path}: the file is empty", hint=_REBUILD)
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        hint = _REBUILD if isinstance(error, FileNotFoundError) else remedy_of(error, path)
        raise RetrievalError(f"{path}: cannot read the index: {cause_of(error)}", hint=hint) from error


def read(data: mmap.mmap | bytes | memoryview, origin: str, unchecked: Collection[str] = ()) -> Stored:
    """Check and read an index that lies in memory; `origin` names it in errors."""
    table = _table(data, origin)
    sections: dict[str, NDArray[Any]] = {}
    for name, (kind, start, length, crc) in table["sections"].items():
        if name not in unchecked and zlib.crc32(memoryview(data)[start : start + length]) != crc:
            raise RetrievalError(f"{origin}: section {name!r} is damaged (its checksum is wrong)", hint=_REBUILD)
        dtype = np.dtype(kind)
        sections[name] = np.frombuffer(data, dtype, length // dtype.itemsize, start)
    return Stored(table["meta"], sections)


def _table(data: mmap.mmap | bytes | memoryview, origin: str) -> dict[str, Any]:
    if len(data) < ALIGNMENT or data[: len(MAGIC)] not in (MAGIC, bytes(len(MAGIC))):
        raise RetrievalError(f"{origin}: not a dikast index", hint=_REBUILD)
    magic, version, crc, offset, total = _PREAMBLE.unpack(data[: _PREAMBLE.size])
    if magic == MAGIC and version != VERSION:
        raise RetrievalError(f"{origin}: index format {version}, this dikast reads {VERSION}", hint=_REBUILD)
    if magic != MAGIC or total != len(data):
        raise RetrievalError(f"{origin}: the index is torn: {len(data):,} bytes of {total:,}", hint=_REBUILD)
    table = data[offset:]
    if zlib.crc32(table) != crc:
        raise RetrievalError(f"{origin}: the index's table is damaged (its checksum is wrong)", hint=_REBUILD)
    return json.loads(bytes(table))


@contextmanager
def whole_file(path: Path) -> Generator[BinaryIO]:
    """A file to write to, which appears under its name when it is whole and on disk; an older one stays until then.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as out:
        try:
            yield cast(BinaryIO, out)
            os.fsync(out.fileno())
            Path(out.name).chmod(0o666 & ~_umask())
            Path(out.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(out.name).unlink()
            raise


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
