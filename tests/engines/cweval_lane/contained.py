"""Candidates that attack the machine: each bounded attack goes through with this user's rights, and none in the box."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from dikast.graphs.cweval.executor import LIMITS, Executor
from dikast.graphs.cweval.task import Language
from dikast.graphs.cweval.verdict import Verdict
from tests.graphs.cweval import arena
from tests.graphs.cweval.attacks import ATTACKS, ENDLESS, MARK, Attack

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = {f"test_greet[{number}]": 0.6 for number in range(3)}
"""So that a case may take 3 s."""
LANGUAGES = ("py", "c")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Executor]:
    limits = replace(LIMITS, processes=44, memory_bytes=512 << 20)
    async with Executor(2, limits=limits, folder=tmp_path_factory.mktemp("kept")) as one:
        yield one


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def code(attack: Attack, language: Language, folder: Path, port: int = 0) -> str:
    if language == "c" and not arena.HAS_COMPILER:
        pytest.skip("needs gcc: apt install gcc libc6-dev")
    (folder / "secret").write_text("SECRET")
    text = attack.python if language == "py" else attack.c
    return text.replace("{secret}", str(folder / "secret")).replace("{port}", str(port))


def sleepers() -> list[int]:
    found: list[int] = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and MARK.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def end_sleepers() -> None:
    """End what a control left; it may still be starting more while this looks."""
    while found := sleepers():
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
    time.sleep(0.2)
    if sleepers():
        end_sleepers()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_contained(
    executor: Executor, tmp_path: Path, port: int, name: str, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = code(ATTACKS[name], language, tmp_path, port)
    try:
        assert arena.plainly(arena.task(tmp_path / "control", language), text).exit, "the control shows nothing"
    finally:
        end_sleepers()
        for big in Path("/tmp").glob("big[0-9]*"):
            big.unlink()
    task = arena.task(tmp_path / "here", language)
    execution = await executor.run(task, text, reference_s=SECONDS)
    assert Verdict.PASS not in {one.verdict for one in execution.cases}, execution
    assert not sleepers()
    assert not list(Path("/tmp").glob("big[0-9]*"))
    assert (await executor.run(task, task.reference)).functional_and_secure


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ENDLESS)
async def test_what_never_ends_ends(executor: Executor, tmp_path: Path, name: str, language: Language) -> None:
    task, begun = arena.task(tmp_path, language), time.monotonic()
    text = code(ENDLESS[name], language, tmp_path)
    execution = await executor.run(task, text, kinds=("security",), reference_s=SECONDS)
    assert Verdict.PASS not in {one.verdict for one in execution.cases}, execution
    assert time.monotonic() - begun < 120
    assert execution.peak_bytes < 1 << 30
    assert (await executor.run(task, task.reference)).functional_and_secure
