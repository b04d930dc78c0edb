"""The graph over real boxes: verdicts in Python and C, and security tests that no prompt ever shows."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dikast.errors import DataError, MissingExtraError, UsageError
from dikast.graphs import cweval
from dikast.graphs.cweval import task_oracle
from dikast.graphs.cweval.reading import unsafe_paths
from dikast.graphs.cweval.store import Store
from dikast.graphs.cweval.task import Task
from dikast.graphs.cweval.task_oracle import TaskOracle, load_task_oracle
from dikast.graphs.cweval.verdict import KINDS
from dikast.jobs.fingerprint import fingerprint
from tests.graphs.cweval.small import BROKEN, CANARY, INSECURE, REFERENCE, TASK_ID, Reader, Writer, fenced, write_task

C_TASK = "lang.c.cwe_787_100_c"


@pytest_asyncio.fixture
async def oracle(tmp_path: Path) -> AsyncIterator[TaskOracle]:
    found = TaskOracle(write_task(tmp_path / "tasks"), kept=tmp_path / "kept")
    yield found
    await found.aclose()


async def play(oracle: TaskOracle, task_id: str, replies: list[Any], **knobs: Any) -> tuple[Any, Writer]:
    writer = Writer(replies)
    context = cweval.Context(solver=writer, executor=oracle, **knobs)
    return await cweval.graph.ainvoke({"task_id": task_id, "sample": 0}, context=context), writer


async def test_verdicts_of_python(oracle: TaskOracle) -> None:
    told: dict[str, tuple[str, bool, bool]] = {
        REFERENCE: ("pass", True, True),
        INSECURE: ("fail", True, False),
        BROKEN: ("fail", False, True),
        "def double(n):\n    return n *\n": ("import_error", False, False),
        "def halve(n):\n    return n / 2\n": ("import_error", False, False),
    }
    for code, expected in told.items():
        output, _ = await play(oracle, TASK_ID, [fenced(code)])
        last = output["last"]
        assert (last["verdict"], last["functional"], last["secure"]) == expected, code
        assert output["outcome"] == "ok"


async def test_a_candidate_that_ends_the_process_passes_nothing(oracle: TaskOracle) -> None:
    output, _ = await play(oracle, TASK_ID, [fenced("import os\nos._exit(0)\n")])
    assert not output["functional"]
    assert not output["secure"]


async def test_security_tests_are_in_no_prompt(oracle: TaskOracle) -> None:
    critic = Reader()
    replies = [fenced("def double(n):\n    return n + 0.5\n"), fenced(BROKEN), fenced(INSECURE)]
    output, writer = await play(oracle, TASK_ID, replies, rounds=3, critic=critic)
    said = "\n".join([*writer.asked, *critic.shown])
    assert len(writer.asked) == 3
    assert CANARY not in said
    assert "1000" not in said
    assert "test_inline[0]" in said  # functional failures are shown
    assert "1.5" in critic.shown[0]
    # Without the filter they would be: names and accounts of security cases are in the result, and pytest's account of
    # a functional case quotes the parameters of security ones.
    assert CANARY in json.dumps(output["rounds"][-1])
    reasons = [one["reason"] for one in output["rounds"][0]["tested"]["cases"] if one["kind"] == "functionality"]
    assert any(CANARY in reason for reason in reasons)
    assert (output["functional"], output["secure"]) == (True, False)


async def test_the_reference_is_timed_before_the_first_candidate(oracle: TaskOracle, tmp_path: Path) -> None:
    store, task = Store(tmp_path / "kept"), oracle.task(TASK_ID)
    assert store.times(task) is None
    await oracle.test(TASK_ID, BROKEN, KINDS)
    times = store.times(task)
    assert times is not None
    assert len(times) == 6
    assert all(0 < seconds < 60 for seconds in times.values())


async def test_c(tmp_path: Path) -> None:
    if not shutil.which("gcc"):
        pytest.skip("needs gcc")
    oracle = TaskOracle(cweval.OWN_TASKS, kept=tmp_path)
    try:
        task = oracle.task(C_TASK)
        code = task.reference.replace("// BEGIN PROMPT", "")
        output, _ = await play(oracle, C_TASK, [f"```c\n{code}\n```"])
        assert (output["outcome"], output["last"]["verdict"]) == ("ok", "pass")
        output, _ = await play(oracle, C_TASK, [f"```c\n{unsafe_paths(task)[0].read_text()}\n```"])
        assert (output["functional"], output["secure"]) == (True, False)
        output, _ = await play(oracle, C_TASK, ["```c\nint nonsense(\n```"])
        assert output["last"]["verdict"] == "compile_error"
    finally:
        await oracle.aclose()


async def test_a_missing_toolchain_is_the_rows_error(oracle: TaskOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(task: Task) -> None:
        raise MissingExtraError(f"what runs {task.language}", hint="apt install it")

    monkeypatch.setattr(task_oracle, "needed", lacking)
    output, writer = await play(oracle, TASK_ID, [fenced(REFERENCE)])
    assert (output["outcome"], output["reason"]) == ("error", "what runs py is not installed (apt install it)")
    assert writer.asked == []


async def test_an_unknown_task_and_one_that_is_broken(oracle: TaskOracle, tmp_path: Path) -> None:
    write_task(tmp_path / "tasks", "cwe_190_8", task="def double(n): ...\n")
    again = TaskOracle(tmp_path / "tasks")
    assert list(again.tasks) == [TASK_ID]
    with pytest.raises(DataError, match="BEGIN SOLUTION"):
        again.task("core.py.cwe_190_8")
    with pytest.raises(DataError, match="no task"):
        oracle.task("core.py.nothing")


def test_a_fingerprint_is_of_content_and_not_of_places(tmp_path: Path) -> None:
    first, second = (TaskOracle(write_task(tmp_path / name)) for name in ("a", "b"))
    assert first.fingerprint() == second.fingerprint()
    assert str(tmp_path) not in json.dumps(first.fingerprint())
    test = tmp_path / "b" / "core" / "py" / "cwe_190_9_test.py"
    test.write_text(test.read_text() + "\n")
    assert first.fingerprint() != TaskOracle(tmp_path / "b").fingerprint()


def test_it_is_made_again_from_its_spec(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "tasks with spaces")
    oracle = TaskOracle(folder)
    assert list(load_task_oracle(oracle.spec).tasks) == [TASK_ID]
    for wrong in ("folder", "tasks:"):
        with pytest.raises(UsageError):
            load_task_oracle(wrong)


def test_more_samples_are_the_same_run(tmp_path: Path) -> None:
    oracle = TaskOracle(write_task(tmp_path))
    one, many = (cweval.Context(solver=Writer([""]), executor=oracle, samples=samples) for samples in (1, 5))
    assert fingerprint("cweval", one, 1) == fingerprint("cweval", many, 1)
