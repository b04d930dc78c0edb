from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dikast.sandbox import cgroup


def test_a_folder_that_is_no_cgroup_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tmpfs mounted over /sys/fs/cgroup takes new folders and files, and limits nothing."""
    own = cgroup._own_groups()
    for controller, path in own.items():
        (tmp_path / controller / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(cgroup, "_ROOT", tmp_path)
    group = cgroup.make(os.getpid(), 1 << 30)
    assert group.version == "none"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_group_that_is_made_bounds_memory_and_is_removed() -> None:
    child = os.fork()
    if child == 0:
        os.read(os.pipe()[0], 1)
    try:
        group = cgroup.make(child, 1 << 30)
        if group.version == "none":
            pytest.skip("needs a cgroup that this process may write to")
        limits = [file.read_text() for folder in group.folders for file in folder.glob("memory.*max*")]
        limits += [file.read_text() for folder in group.folders for file in folder.glob("memory.limit_in_bytes")]
        assert f"{1 << 30}\n" in limits
        assert all(str(child) in (folder / "cgroup.procs").read_text().split() for folder in group.folders)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    group.remove()
    assert not any(folder.exists() for folder in group.folders)


def test_what_a_killed_host_left_is_swept_away(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    stale, live, other = (
        tmp_path / name for name in (f"dikast-{ended.pid}-x", f"dikast-{os.getpid()}-x", "user.slice")
    )
    for folder in (stale, live, other):
        folder.mkdir()
    cgroup._sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([live, other])
