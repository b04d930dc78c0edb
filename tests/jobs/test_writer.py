from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.jobs.files import LineFile
from dikast.jobs.threads import row_threads
from dikast.jobs.writer import Writer

FAILED: list[DataError] = []


def opened(folder: Path) -> tuple[Writer, LineFile]:
    rows = LineFile(folder / "rows.jsonl")
    return Writer(rows, LineFile(folder / "errors.jsonl"), FAILED.append), rows


async def test_a_row_is_in_the_file_as_soon_as_it_is_finished(tmp_path: Path) -> None:
    writer, _ = opened(tmp_path)
    writer.add(b"row\n", b"trace\n")
    assert (tmp_path / "rows.jsonl").read_bytes() == b"row\n"
    assert (tmp_path / "errors.jsonl").read_bytes() == b"trace\n"
    await writer.close()


# swarms #1759
async def test_nodes_that_hold_every_thread_do_not_hold_up_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed, released = threading.Event(), threading.Event()

    def fsync(handle: int) -> None:
        flushed.set()

    monkeypatch.setattr(os, "fsync", fsync)
    writer, _ = opened(tmp_path)
    with row_threads(1):
        node = asyncio.create_task(asyncio.to_thread(released.wait, 60))
        await asyncio.sleep(0)
        writer.add(b"row\n")
        while not flushed.is_set():
            await asyncio.sleep(0)
        assert not node.done()
        released.set()
        await node
    await writer.close()


async def test_a_disk_that_is_slow_to_flush_holds_up_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, released = threading.Event(), threading.Event()

    def fsync(handle: int) -> None:
        begun.set()
        released.wait(60)

    monkeypatch.setattr(os, "fsync", fsync)
    writer, _ = opened(tmp_path)
    writer.add(b"1\n")
    while not begun.is_set():
        await asyncio.sleep(0)
    writer.add(b"2\n")
    assert (tmp_path / "rows.jsonl").read_bytes() == b"1\n2\n"
    released.set()
    await writer.close()


async def test_what_was_added_last_is_flushed_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        sizes.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    writer, _ = opened(tmp_path)
    for _ in range(5):
        writer.add(b"row\n")
    await writer.close()
    assert sizes[-1] == 20


async def test_after_a_disk_has_failed_nothing_more_is_written(tmp_path: Path) -> None:
    FAILED.clear()
    writer, rows = opened(tmp_path)
    rows.close()
    writer.add(b"1\n")
    writer.add(b"2\n")
    await writer.close()
    assert len(FAILED) == 1
    assert (tmp_path / "rows.jsonl").read_bytes() == b""
