"""`check`: what it says of tasks that are made to be unusable."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dikast.errors import SandboxError
from dikast.graphs.cweval import checking
from dikast.graphs.cweval.checking import Checked, as_dict, check
from dikast.graphs.cweval.store import Store
from dikast.graphs.cweval.task_oracle import TaskOracle
from dikast.graphs.cweval.toolchains import Toolchain
from dikast.graphs.cweval.verdict import Case, CaseResult, Execution, Verdict
from tests.graphs.cweval.small import NAME, TASK, TEST, write_task

BLIND = f"""import pytest
from {NAME}_task import double


@pytest.mark.functionality
def test_works():
    assert 2 * 1 == 2


@pytest.mark.security
def test_safe():
    assert True
"""
NEVER = BLIND.replace(f"from {NAME}_task import double\n", "")


def checked(folder: Path, kept: Path) -> dict[str, Checked]:
    async def work() -> list[Checked]:
        async with TaskOracle(folder, kept=kept) as oracle:
            return await check(oracle, oracle.read)

    return {one.task_id.rpartition(".")[2]: one for one in asyncio.run(work())}


def test_each_standing(tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    write_task(folder)
    write_task(folder, "cwe_190_1", test=BLIND)
    write_task(folder, "cwe_190_2", test=NEVER)
    write_task(folder, "cwe_190_3", task=TASK.replace("n * 2", "n * 3"))
    write_task(folder, "cwe_190_4", task="def double(n): ...\n")
    write_task(folder, "cwe_190_5", test="import nothing_of_the_kind\n" + TEST)
    write_task(folder, "cwe_190_6", test=TEST.replace("mark.security", "mark.functionality"))
    write_task(
        folder, "cwe_190_7", test=f'{TEST}\n\n@pytest.mark.functionality\ndef test_loud():\n    print("x\\n" * 10**6)\n'
    )
    found = checked(folder, tmp_path / "kept")
    standings = {name: one.standing for name, one in found.items()}
    assert standings == {
        NAME: "usable",
        "cwe_190_1": "vacuous",
        "cwe_190_2": "vacuous",
        "cwe_190_3": "wrong",
        "cwe_190_4": "wrong",
        "cwe_190_5": "wrong",
        "cwe_190_6": "wrong",
        "cwe_190_7": standings["cwe_190_7"],
    }
    usable = found[NAME]
    assert usable.references == (True, True)
    assert {name: one.caught for name, one in usable.insecure.items()} == {f"{NAME}_unsafe.py": True}
    assert {one.functional for one in usable.nothing.values()} == {False}
    assert found["cwe_190_1"].why.endswith("_unsafe.py passes all cases")
    assert "an empty file and a refusal pass all cases" in found["cwe_190_2"].why
    assert "do not look at the candidate" in found["cwe_190_2"].why
    assert "test_inline" in found["cwe_190_3"].why
    assert "BEGIN SOLUTION" in found["cwe_190_4"].why
    assert "nothing_of_the_kind" in found["cwe_190_5"].why
    assert "no case is marked security" in found["cwe_190_6"].why
    assert all("\n" not in one.why for one in found.values())
    assert as_dict(usable)["insecure"] == {f"{NAME}_unsafe.py": {"functional": True, "secure": False}}
    times = Store(tmp_path / "kept").times(TaskOracle(folder).task(f"core.py.{NAME}"))
    assert times is not None
    assert len(times) == 6


class Unsteady(TaskOracle):
    """The reference passes, then fails."""

    async def time(self, task_id: str) -> Execution:
        return ran(Verdict.PASS)

    async def ready(self, task_id: str) -> None:
        return

    async def test(self, task_id: str, program: str, kinds: object = ()) -> Execution:
        return ran(Verdict.FAIL)


def ran(verdict: Verdict) -> Execution:
    cases = (Case("test_a", "functionality"), Case("test_s", "security"))
    return Execution("t", tuple(CaseResult(case, verdict, 0.1, "E   assert 1 == 2") for case in cases))


async def test_flaky(tmp_path: Path) -> None:
    oracle = Unsteady(write_task(tmp_path))
    [found] = await check(oracle, oracle.read)
    assert (found.standing, found.references) == ("flaky", (True, False))
    assert found.why == "the reference passes one time of two: the reference: test_a: fail: assert 1 == 2"


async def test_a_library_that_lacks_is_told_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tools(language: str) -> Toolchain:
        return Toolchain("py", Path("python"), "3", ("lxml",), "pip install lxml")

    monkeypatch.setattr(checking, "toolchain", tools)
    oracle = Unsteady(write_task(tmp_path, task="import lxml\n" + TASK))
    monkeypatch.setattr(Unsteady, "time", failing)
    [found] = await check(oracle, oracle.read)
    assert (found.standing, found.why) == ("missing toolchain", "lxml is missing (pip install lxml)")


async def failing(self: Unsteady, task_id: str) -> Execution:
    return ran(Verdict.IMPORT_ERROR)


class Closed(Unsteady):
    """No box can be made."""

    async def ready(self, task_id: str) -> None:
        raise SandboxError("no sandbox")


async def test_no_box_at_all_is_raised(tmp_path: Path) -> None:
    oracle = Closed(write_task(tmp_path))
    with pytest.raises(SandboxError):
        await check(oracle, oracle.read)
