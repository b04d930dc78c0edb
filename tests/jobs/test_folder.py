"""Locks where the file system has none: `flock` says so on Lustre without its option, and on some NFS."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dikast import jobs
from dikast.errors import DataError, UsageError
from dikast.jobs.folder import HELD, NO_LOCKS, open_folder
from tests.jobs.graphs import graph_of, same, values


@pytest.fixture(params=sorted(NO_LOCKS), autouse=True)
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(handle: int, operation: int) -> Any:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


async def test_a_job_runs_and_leaves_no_lock_behind(tmp_path: Path) -> None:
    active: list[bool] = []

    async def node(value: int) -> int:
        active.append(jobs.Run.open(tmp_path / "x").active)
        with pytest.raises(UsageError, match=rf"is being written by process {os.getpid()} on .*lock\.held"):
            await jobs.run(graph_of(same), values(1), None, tmp_path / "x")
        return value

    await jobs.run(graph_of(same), values(1), None, tmp_path / "x")
    await jobs.run(graph_of(node), values(2), None, tmp_path / "x")
    assert active == [True]
    assert not jobs.Run.open(tmp_path / "x").active
    assert not (tmp_path / "x" / HELD).exists()


async def test_a_new_run_beside_the_old_one_has_its_own_lock(tmp_path: Path) -> None:
    await jobs.run(graph_of(same), values(1), None, tmp_path / "x")
    await jobs.run(graph_of(same), values(2), None, tmp_path / "x", force_new=True)
    assert (tmp_path / "x.old-1" / "rows.jsonl").exists()
    assert not (tmp_path / "x.old-1" / HELD).exists()
    assert not (tmp_path / "x" / HELD).exists()


async def test_the_lock_of_a_process_that_has_ended_is_taken_over(tmp_path: Path) -> None:
    await jobs.run(graph_of(same), values(1), None, tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    (tmp_path / HELD).write_text(f"process {ended.pid} on {socket.gethostname()}\n")
    assert not jobs.Run.open(tmp_path).active
    assert (await jobs.run(graph_of(same), values(2), None, tmp_path)).done == 1


@pytest.mark.parametrize("holder", ["process 1 on another-host", "", "junk"])
async def test_a_lock_of_which_nobody_knows_stays_and_the_message_names_the_file(tmp_path: Path, holder: str) -> None:
    await jobs.run(graph_of(same), values(1), None, tmp_path)
    (tmp_path / HELD).write_text(holder)
    with pytest.raises(UsageError, match=r"if it has ended, delete .*lock\.held: this file system has no locks"):
        await jobs.run(graph_of(same), values(2), None, tmp_path)
    assert (tmp_path / HELD).exists()


async def test_another_error_of_the_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(handle: int, operation: int) -> Any:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(DataError, match="Input/output error"):
        await jobs.run(graph_of(same), values(1), None, tmp_path / "x")


def test_a_place_that_cannot_be_is_not_called_deleted(tmp_path: Path) -> None:
    with pytest.raises(DataError) as told, open_folder(Path("/proc/nowhere/run"), None):
        pass
    assert "choose another folder" in told.value.hint
