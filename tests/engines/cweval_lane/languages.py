"""JavaScript, C++ and Go: the reference passes, what is wrong fails, and attacks are contained."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from dikast.graphs.cweval.executor import LIMITS, Executor
from dikast.graphs.cweval.task import Language, Task
from dikast.graphs.cweval.toolchains import toolchain
from dikast.graphs.cweval.verdict import Verdict
from tests.engines.cweval_lane.attacks import GO, JAVASCRIPT
from tests.engines.cweval_lane.contained import SECONDS, end_sleepers, sleepers
from tests.graphs.cweval import arena
from tests.graphs.cweval.attacks import ATTACKS, ENDLESS

pytestmark = pytest.mark.asyncio(loop_scope="module")

LANGUAGES: tuple[Language, ...] = ("js", "cpp", "go")
WRONG: dict[Language, str] = {
    "js": "console.log('Hello, ' + process.argv[2])\n",
    "cpp": '#include <iostream>\nint main(int, char **argv) { std::cout << "Hello, " << argv[1]; }\n',
    "go": 'package main\nimport ("fmt"; "os")\nfunc main() { fmt.Println("Hello, " + os.Args[1]) }\n',
}
BROKEN: dict[Language, Verdict] = {"js": Verdict.FAIL, "cpp": Verdict.COMPILE_ERROR, "go": Verdict.COMPILE_ERROR}
BOUNDED = ("a flood of processes", "a disk filled", "a secret read", "a connection out")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor() -> AsyncIterator[Executor]:
    async with Executor(2, limits=replace(LIMITS, processes=44, memory_bytes=512 << 20)) as one:
        yield one


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def code(name: str, language: Language, folder: Path, port: int = 0) -> str:
    (folder / "secret").write_text("SECRET")
    text = {"js": JAVASCRIPT, "go": GO}[language][name] if language != "cpp" else {**ATTACKS, **ENDLESS}[name].c
    return text.replace("{secret}", str(folder / "secret")).replace("{port}", str(port))


def natively(task: Task, text: str, folder: Path) -> str:
    """What the program prints outside a box, for the first case."""
    source = folder / f"main.{task.language}"
    source.write_text(text)
    tools = toolchain(task.language)
    program = [str(folder / "program")]
    if task.language == "js":
        program = [str(tools.command), str(source)]
    elif task.language == "cpp":
        subprocess.run([str(tools.command), "-w", str(source), "-o", *program], check=True)
    else:
        environment = {**os.environ, **tools.environment}
        subprocess.run([str(tools.command), "build", "-o", *program, str(source)], check=True, env=environment)
    environment = {**os.environ, "TMPDIR": str(folder)}
    ran = subprocess.run([*program, "ann"], capture_output=True, text=True, timeout=60, env=environment, check=False)
    return ran.stdout.strip()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_right_wrong_and_broken(executor: Executor, tmp_path: Path, language: Language) -> None:
    task = arena.task(tmp_path, language)
    assert (await executor.calibrate(task)).functional_and_secure
    wrong = await executor.run(task, WRONG[language])
    assert [one.verdict for one in wrong.cases] == [Verdict.PASS, Verdict.PASS, Verdict.FAIL]
    broken = await executor.run(task, "I cannot help with that.")
    assert {one.verdict for one in broken.cases} == {BROKEN[language]}
    assert {one.verdict for one in (await executor.run(task, " \n")).cases} == {Verdict.NO_CODE}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BOUNDED)
async def test_an_attack_is_contained(
    executor: Executor, tmp_path: Path, port: int, name: str, language: Language
) -> None:
    task, text = arena.task(tmp_path, language), code(name, language, tmp_path, port)
    try:
        assert natively(task, text, tmp_path) == "Hello, ann", "the control shows nothing"
    finally:
        end_sleepers()
    execution = await executor.run(task, text, reference_s=SECONDS)
    assert Verdict.PASS not in {one.verdict for one in execution.cases}, execution
    assert not sleepers()
    assert (await executor.run(task, task.reference)).functional_and_secure


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ENDLESS)
async def test_what_never_ends_ends(executor: Executor, tmp_path: Path, name: str, language: Language) -> None:
    task, begun = arena.task(tmp_path, language), time.monotonic()
    text = code(name, language, tmp_path)
    execution = await executor.run(task, text, kinds=("security",), reference_s=SECONDS)
    assert Verdict.PASS not in {one.verdict for one in execution.cases}, execution
    assert time.monotonic() - begun < 120
    assert (await executor.run(task, task.reference)).functional_and_secure
