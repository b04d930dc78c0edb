from __future__ import annotations

import mmap
import os
from typing import Any

import pandas as pd
import pytest

from dikast.errors import UsageError
from dikast.sandbox import Table
from dikast.sandbox.memory import fixed, sealed


def test_a_sealed_file_can_be_read_and_not_changed() -> None:
    descriptor = sealed("x", b"data")
    try:
        assert os.pread(descriptor, 10, 0) == b"data"
        with pytest.raises(PermissionError):
            os.pwrite(descriptor, b"D", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 0)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 100)
        with pytest.raises(PermissionError):
            mmap.mmap(descriptor, 0)
    finally:
        os.close(descriptor)


def test_a_fixed_file_can_be_written_and_not_resized() -> None:
    descriptor = fixed("x", 10)
    try:
        os.pwrite(descriptor, b"data", 0)
        assert os.pread(descriptor, 20, 0) == b"data" + bytes(6)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 11)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 9)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("arrow", [False, True])
def test_nobody_can_change_a_table(arrow: bool) -> None:
    library: Any = pytest.importorskip("pyarrow", reason="needs pyarrow") if arrow else pd
    make = library.table if arrow else library.DataFrame
    with Table.of(make({"a": [1, 2]})) as table:
        assert table.arrow == arrow
        assert table.size == os.fstat(table.descriptor).st_size
        with pytest.raises(PermissionError):
            os.pwrite(table.descriptor, b"EVIL", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(table.descriptor, 0)


def test_a_table_lets_its_memory_go_once() -> None:
    with Table.of(pd.DataFrame({"a": [1]})) as table:
        descriptor = table.descriptor
        os.fstat(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    table.close()


def test_a_closed_table_names_no_file() -> None:
    """Its number may by then be that of the host's next file."""
    table = Table.of(pd.DataFrame({"a": [1]}))
    table.close()
    with pytest.raises(UsageError, match="this table is closed"):
        _ = table.descriptor
