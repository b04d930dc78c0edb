"""Checks: what is read without a gold answer, what is verified with it, and programs in the sandbox."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import UsageError
from dikast.graphs.rest_mcts.checks import FunctionCheck, ProgramCheck, checking, code_blocks, load_check
from dikast.records import Outcome
from dikast.sandbox import Policy
from tests.games import needs_sandbox

PROGRAM = "Eggs first.\n```python\nleft = 16 - 3 - 4\nanswer = {}\n```"


@pytest.mark.parametrize("form", ["numeric", "choice", "exact", "program"])
def test_a_check_is_its_name(form: str) -> None:
    check = load_check(form)
    assert check.spec == form
    assert check.fingerprint()
    assert check.ending


async def test_numbers_are_read_and_verified() -> None:
    check = load_check("numeric")
    read = await check.read("so 9 * 2 = 18\n#### $18.00")
    assert (read.answer, read.ended, read.outcome) == ("18", True, Outcome.OK)
    none = await check.read("I do not know.")
    assert (none.answer, none.ended, none.outcome) == (None, False, Outcome.UNPARSED)
    assert (await check.verify("q", "#### 1,018", "1018")).right is True
    assert (await check.verify("q", "#### 18", "1018")).right is False
    assert (await check.verify("q", "I do not know.", "0")).right is False


async def test_programs_are_run_in_the_sandbox() -> None:
    needs_sandbox()
    check = ProgramCheck(Policy(wall_s=1.0))
    try:
        read, wrong, broken, forever, none = await asyncio.gather(
            check.read(PROGRAM.format("left * 2")),
            check.verify("q", PROGRAM.format("left * 3"), "18"),
            check.read(PROGRAM.format("left / 0")),
            check.read(PROGRAM.format("[0 for _ in iter(int, 1)]")),
            check.read("no program"),
        )
        assert (read.answer, read.ended) == ("18", True)
        assert wrong.right is False
        assert (broken.answer, broken.outcome) == (None, Outcome.UNPARSED)
        assert "ZeroDivisionError" in broken.reason
        assert "timeout" in forever.reason or "memory" in forever.reason
        assert none.reason == "no code block"
        assert (await check.verify("q", PROGRAM.format("18.0"), "18")).right is True
        assert (await check.verify("q", PROGRAM.format("'Nile'"), "nile")).right is True
    finally:
        await check.aclose()
    assert check.is_end(PROGRAM.format("1"))
    assert not check.is_end("```python\nanswer = 1")


def agrees(question: str, solution: str, gold: str) -> bool:
    return gold in solution


async def test_a_function_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = checking(agrees)
    assert (await check.verify("q", "the Nile, I think", "Nile")).right is True
    assert (await check.verify("q", "the Po", "Nile")).right is False

    def broken(question: str, solution: str, gold: str) -> bool:
        raise ZeroDivisionError

    raised = await FunctionCheck(broken).verify("q", "x", "y")
    assert (raised.right, raised.outcome) == (None, Outcome.ERROR)
    assert "ZeroDivisionError" in raised.reason
    says_yes: Any = "yes".format
    odd = await FunctionCheck(says_yes).verify("q", "x", "y")
    assert (odd.right, odd.outcome) == (None, Outcome.UNPARSED)

    (tmp_path / "own_check.py").write_text(
        "from dikast.graphs.rest_mcts.checks import checking\n\n\n"
        "@checking\nasync def half(question, solution, gold):\n    return gold[:2] in solution\n\n\n"
        "def plain(question, solution, gold):\n    return True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = load_check("function:own_check:half")
    assert own.spec == "function:own_check:half"
    assert (await own.verify("q", "Ni", "Nile")).right is True
    with pytest.raises(UsageError, match="not marked"):
        load_check("function:own_check:plain")
    sys.modules.pop("own_check")


def test_what_is_no_check_is_refused() -> None:
    with pytest.raises(UsageError, match="is no check"):
        load_check("guess")


@pytest.mark.parametrize(
    ("solution", "blocks"),
    [
        ("So:\n```python\nanswer = 1\n```", ["answer = 1"]),
        ("```\na\n```\n```py\n\nb\n  ```\n", ["a", "\nb"]),
        ("Here: ```Python\nx = 2```", ["x = 2"]),
        ("```js\nlet x\n```\nthen\n```python\ny\n```", ["y"]),
        ("use ```x``` and\n```python\nz", []),
        ("no code", []),
    ],
)
def test_code_blocks_are_those_that_are_closed(solution: str, blocks: list[str]) -> None:
    assert code_blocks(solution) == blocks
