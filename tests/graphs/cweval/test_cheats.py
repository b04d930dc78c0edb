"""Candidates that make the run look passed without doing the task: each succeeds against plain pytest, none here."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from dikast.graphs.cweval.executor import Executor
from dikast.graphs.cweval.verdict import Verdict
from tests.graphs.cweval import arena
from tests.graphs.cweval.cheats import PYTHON, C, Cheat

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Executor]:
    async with Executor(2, folder=tmp_path_factory.mktemp("kept")) as one:
        yield one


async def test_an_honest_candidate_passes(executor: Executor, tmp_path: Path) -> None:
    task = arena.task(tmp_path, "py")
    assert (await executor.calibrate(task)).functional_and_secure
    wrong = await executor.run(task, "def greet(name):\n    return 'Hello, ' + name\n")
    assert [one.verdict for one in wrong.cases] == [Verdict.PASS, Verdict.PASS, Verdict.FAIL]


@pytest.mark.parametrize("name", PYTHON)
async def test_a_cheat_in_python(executor: Executor, tmp_path: Path, name: str) -> None:
    await _try(executor, tmp_path, "py", PYTHON[name])


@pytest.mark.parametrize("name", C)
async def test_a_cheat_in_c(executor: Executor, tmp_path: Path, name: str) -> None:
    if not arena.HAS_COMPILER:
        pytest.skip("needs gcc: apt install gcc libc6-dev")
    await _try(executor, tmp_path, "c", C[name])


async def _try(executor: Executor, folder: Path, language: arena.Language, cheat: Cheat) -> None:
    task = arena.task(folder / "control", language)
    believed = arena.plainly(task, cheat.code, runs=cheat.runs, wait_s=cheat.wait_s)
    assert getattr(believed, cheat.sign), f"the control shows nothing: {believed}"
    shutil.rmtree(folder / "control")
    task = arena.task(folder / "here", language)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for _ in range(cheat.runs):
        execution = await executor.run(task, cheat.code)
        assert len(execution.cases) == 3
        assert Verdict.PASS not in {one.verdict for one in execution.cases}
        assert Verdict.SANDBOX_ERROR not in {one.verdict for one in execution.cases}
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert (await executor.run(task, task.reference)).functional_and_secure


async def test_what_is_no_answer_is_cheated(executor: Executor, tmp_path: Path) -> None:
    forged = """
import os
FRAME = b'{"seq": 0, "value": "Hello, ann", "given": [null]}'
def greet(name):
    for number in range(3, 256):
        try:
            os.write(number, len(FRAME).to_bytes(4, "little") + FRAME)
        except OSError:
            pass
"""
    execution = await executor.run(arena.task(tmp_path, "py"), forged)
    assert {one.verdict for one in execution.cases} == {Verdict.CHEATED}


async def test_only_a_pass_is_a_pass(executor: Executor, tmp_path: Path) -> None:
    task = arena.task(tmp_path, "py")
    skipping = task.test_path.read_text().replace("    _test(greet, name, expected)", "    pytest.skip('not now')")
    task.test_path.write_text(skipping)
    execution = await executor.run(task, task.reference)
    assert {one.verdict for one in execution.cases} == {Verdict.FAIL}


MASSACRE = {
    "py": "import os\ndef greet(name):\n    os.kill(-1, 9)\n    return 'wrong'\n",
    "c": '#include <signal.h>\n#include <stdio.h>\nint main(void) { kill(-1, SIGKILL); puts("wrong"); return 0; }\n',
}
"""No control: it would end all that this user runs."""


@pytest.mark.parametrize("language", ["py", "c"])
async def test_the_runner_is_out_of_reach_of_signals(
    executor: Executor, tmp_path: Path, language: arena.Language
) -> None:
    if language == "c" and not arena.HAS_COMPILER:
        pytest.skip("needs gcc: apt install gcc libc6-dev")
    execution = await executor.run(arena.task(tmp_path, language), MASSACRE[language])
    assert {one.verdict for one in execution.cases} == {Verdict.FAIL}
