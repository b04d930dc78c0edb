"""Memory files: how a table, a program and its answer travel between host and box without a path.

with Table.of(frame) as table:
    await box.run(program, table=table)      # any number of programs, one copy of the data
"""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self, cast

from dikast.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


class ArrowTable(Protocol):
    """What is asked of a `pyarrow.Table`, whose library has no types."""

    @property
    def schema(self) -> Any:
        """The columns' names and types."""
        ...

    def combine_chunks(self) -> Any:
        """The same table in one piece."""
        ...


class Table:
    """A table in a memory file that nobody can change any more, this process included.

    Args:
        descriptor: The memory file; closed by `close`, at the end of `with`, or with the object.
        size: Its bytes.
        arrow: Whether it is an Arrow stream, to be read by the kind of box that has Arrow and DuckDB.
    """

    def __init__(self, descriptor: int, size: int, *, arrow: bool) -> None:
        self._descriptor, self.size, self.arrow = descriptor, size, arrow
        self._closer = weakref.finalize(self, os.close, descriptor)

    @property
    def descriptor(self) -> int:
        """The memory file.

        Raises:
            UsageError: The table is closed: the number may by now be another file's, which no program may get.
        """
        if not self._closer.alive:
            raise UsageError("this table is closed", hint="run programs inside `with Table.of(...) as table`")
        return self._descriptor

    @classmethod
    def of(cls, source: pd.DataFrame | ArrowTable) -> Table:
        """Copy a data frame (for thousands of rows) or an Arrow table (for millions) and seal the copy."""
        if hasattr(source, "combine_chunks"):
            return cls._of_arrow(cast(ArrowTable, source))
        from dikast.sandbox.inside import columns

        data = columns.pack(cast("pd.DataFrame", source))
        return cls(sealed("table", data), len(data), arrow=False)

    @classmethod
    def of_several(
        cls, sources: Iterable[tuple[str, pd.DataFrame | ArrowTable]], spend: Callable[[int], object]
    ) -> Table:
        """Copy tables, all of one kind, and seal the copy; a program gets them as `tables`, by name.

        Args:
            sources: Names, all different, and tables, taken one by one.
            spend: Told each table's bytes; stops the copying by raising.
        """
        from dikast.sandbox.inside import several

        made = cls(_memory_file("table"), 0, arrow=False)
        try:
            with os.fdopen(made.descriptor, "wb", closefd=False) as file:
                writer = several.Writer(file)
                for name, source in sources:
                    made.arrow = hasattr(source, "combine_chunks")
                    spend(writer.add(name, partial(_write, file, source)))
                writer.finish()
        except BaseException:
            made.close()
            raise
        _seal(made.descriptor, fcntl.F_SEAL_WRITE)
        made.size = os.fstat(made.descriptor).st_size
        return made

    @classmethod
    def _of_arrow(cls, source: ArrowTable) -> Table:
        descriptor = _memory_file("table")
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            _write(file, source)
        _seal(descriptor, fcntl.F_SEAL_WRITE)
        return cls(descriptor, os.fstat(descriptor).st_size, arrow=True)

    def close(self) -> None:
        """Let the memory go; a program that runs keeps its own mapping."""
        self._closer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _write(file: BinaryIO, source: pd.DataFrame | ArrowTable) -> None:
    """Write a frame as the box without Arrow reads it, an Arrow table as a stream."""
    if not hasattr(source, "combine_chunks"):
        from dikast.sandbox.inside import columns

        file.write(columns.pack(cast("pd.DataFrame", source)))
        return
    table = cast(ArrowTable, source)
    with import_module("pyarrow").ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table.combine_chunks())


def sealed(name: str, data: bytes) -> int:
    """A memory file with these bytes, which nobody can change."""
    descriptor = _memory_file(name)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    _seal(descriptor, fcntl.F_SEAL_WRITE)
    return descriptor


def fixed(name: str, size: int) -> int:
    """A memory file of zeros that can be written and neither grow nor shrink, so that reading it is always safe."""
    descriptor = _memory_file(name)
    os.ftruncate(descriptor, size)
    _seal(descriptor, 0)
    return descriptor


def _memory_file(name: str) -> int:
    return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _seal(descriptor: int, besides: int) -> None:
    """Fix the size for good, and what is asked `besides`; no seal can be added or taken away after."""
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL | besides
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
