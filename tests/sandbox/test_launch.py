from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dikast.errors import MissingExtraError
from dikast.sandbox import launch
from dikast.sandbox.inside.zygote import Orders


@pytest.fixture(autouse=True)
def fresh_search() -> Iterator[None]:
    launch.bwrap.cache_clear()
    yield
    launch.bwrap.cache_clear()


def fake_bwrap(folder: Path, version: str) -> Path:
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\necho bubblewrap {version}\n")
    path.chmod(0o755)
    return path


def test_the_systems_bubblewrap_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake_bwrap(tmp_path, "0.9.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.bwrap() == (path, "0.9.1")


def test_one_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fake_bwrap(tmp_path, "0.6.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(launch, "_bwraps", lambda: iter([old]))
    with pytest.raises(MissingExtraError, match=r"bubblewrap 0.8 or newer is not installed .*dikast\[sandbox\]"):
        launch.bwrap()


def test_without_any_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_bwraps", lambda: iter(()))
    with pytest.raises(MissingExtraError, match="apt install bubblewrap"):
        launch.bwrap()


def test_bubblewrap_is_told_to_give_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "bwrap", lambda: (tmp_path / "bwrap", "0.9"))
    command = launch._bwrap_command(launch._folders(arrow=False))
    for flag in ("user", "ipc", "pid", "net", "uts"):
        assert f"--unshare-{flag}" in command
    for flag in ("--disable-userns", "--new-session", "--die-with-parent", "--clearenv"):
        assert flag in command
    assert command[command.index("--cap-drop") + 1] == "ALL"
    assert command[command.index("--uid") + 1] != "0"
    assert not {"--bind", "--dev-bind", "--dev", "--proc", "--share-net"} & set(command)
    bound = {target for flag, target in itertools.pairwise(command) if flag == "--ro-bind"}
    assert not bound & {"/", "/etc", "/home", "/root", "/tmp", "/proc", "/sys", "/dev", str(Path.home())}


def test_the_command_line_says_where_things_are_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "canary-7f3a")
    command = launch._command(Orders(3, False, True, 0))
    assert "canary-7f3a" not in "".join([*command, *launch._ENVIRONMENT, *launch._ENVIRONMENT.values()])
    assert command[0] == str(Path(sys.executable).resolve())
    assert json.loads(next(word for word in command if word.startswith("{")))["locked"] is True
