"""A case that runs out of time is tried once more, alone; the cases after it have their turn all the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dikast.graphs.cweval.executor import (
    Executor,
    _Candidate,  # pyright: ignore[reportPrivateUsage]  # its sessions are what is scripted here
)
from dikast.graphs.cweval.reading import read_tasks
from dikast.graphs.cweval.session import Session
from dikast.graphs.cweval.task import Task
from dikast.graphs.cweval.tasks import OWN_TASKS
from dikast.graphs.cweval.verdict import Case, Verdict

Script = Callable[[Sequence[str], bool], Session]


def candidate(script: Script) -> tuple[Any, list[tuple[tuple[str, ...], bool]]]:
    """A candidate whose sessions are a script, and what was asked of it."""
    asked: list[tuple[tuple[str, ...], bool]] = []
    one: Any = _Candidate.__new__(_Candidate)
    one._verdicts, one._seconds, one.tests_s, one.peak_bytes = {}, {}, 0.0, 0

    async def session(names: Sequence[str], *, alone: bool) -> Session:
        assert len(asked) < 20, "it asks for ever"
        asked.append((tuple(names), alone))
        return script(names, alone)

    one._session = session
    return one, asked


def passed(*names: str, **more: Any) -> Session:
    return Session(ended={name: (True, 0.1, "") for name in names}, loaded=True, **more)


def verdicts(one: Any, names: str) -> dict[str, Verdict]:
    return {name: one.result(Case(name, "functionality")).verdict for name in names}


@pytest.mark.parametrize("slow", ["a", "b", "d"])
async def test_what_passes_alone_leaves_the_others_their_turn(slow: str) -> None:
    def script(names: Sequence[str], alone: bool) -> Session:
        if alone or slow not in names:
            return passed(*names, done=True)
        before = names[: names.index(slow)]
        return passed(*before, current=slow, timed_out=True)

    one, asked = candidate(script)
    await one.run(list("abcd"))
    assert verdicts(one, "abcd") == dict.fromkeys("abcd", Verdict.PASS)
    assert ((slow,), True) in asked
    assert sum(alone for _, alone in asked) == 1


async def test_what_runs_out_of_time_alone_too_is_a_timeout() -> None:
    def script(names: Sequence[str], alone: bool) -> Session:
        if "b" not in names:
            return passed(*names, done=True)
        return passed(*names[: names.index("b")], current="b", timed_out=True)

    one, _ = candidate(script)
    await one.run(list("abc"))
    assert verdicts(one, "abc") == {"a": Verdict.PASS, "b": Verdict.TIMEOUT, "c": Verdict.PASS}


async def test_what_the_runner_leaves_out_is_no_pass() -> None:
    one, _ = candidate(lambda names, alone: passed(*[name for name in names if name != "b"], done=True))
    await one.run(list("abc"))
    assert verdicts(one, "abc") == {"a": Verdict.PASS, "b": Verdict.SANDBOX_ERROR, "c": Verdict.PASS}


async def test_a_reference_is_timed_as_a_whole_program(tmp_path: Path) -> None:
    """In C a reference needs its entry point, too."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    [task] = [one for one in read_tasks(OWN_TASKS) if isinstance(one, Task) and one.task_id == "core.c.cwe_190_100_c"]
    async with Executor(folder=tmp_path) as executor:
        timed = await executor.calibrate(task)
        assert timed.functional_and_secure, [(one.case.name, one.verdict, one.reason) for one in timed.cases]
        again = await executor.run(task, task.program)
    assert again.functional_and_secure
