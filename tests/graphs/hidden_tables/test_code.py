from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.hidden_tables.code import Problem, _read_fence, extract_code

BLOCK = "```python\nanswer = 1\n```"


@pytest.mark.parametrize(
    ("reply", "program"),
    [
        (BLOCK, "answer = 1\n"),
        (f"Sure, here it is:\n\n{BLOCK}\n\nIt counts.", "answer = 1\n"),
        ("```\nanswer = 1\n```", "answer = 1\n"),
        ("~~~py\nanswer = 1\n~~~", "answer = 1\n"),
        ("````python\nx = '''\n```\n'''\nanswer = 1\n````", "x = '''\n```\n'''\nanswer = 1\n"),
        (f"{BLOCK}\nIt prints:\n```\n1\n```", "answer = 1\n"),
        (f"```bash\npip install x\n```\n{BLOCK}", "answer = 1\n"),
        (f"``` ```\n{BLOCK}", "answer = 1\n"),
        ("x = 2\nanswer = x", "x = 2\nanswer = x\n"),
        ("```sql\nselect 1\n```", "select 1\n"),
    ],
)
def test_one_program(reply: str, program: str) -> None:
    assert extract_code(reply) == (program, None, "")


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("The answer is 7.", Problem.NO_CODE),
        ("answer", Problem.NO_CODE),
        ("I think answer = the most common", Problem.NO_CODE),
        ("", Problem.NO_CODE),
        ("```python\n\n```", Problem.NO_CODE),
        ("\n".join([BLOCK] * 10), Problem.MANY_BLOCKS),
        ("```\na\n```\n```\nb\n```", Problem.MANY_BLOCKS),
        ("```python\nanswer = df[df['a'] ==", Problem.CUT),
    ],
)
def test_no_program_is_told_why(reply: str, problem: Problem) -> None:
    found = extract_code(reply)
    assert (found.program, found.problem) == ("", problem)
    assert found.reason


def test_ten_blocks_are_counted() -> None:
    assert "10 code blocks" in extract_code("\n".join([BLOCK] * 10)).reason


@given(st.text())
def test_any_reply_is_read(reply: str) -> None:
    found = extract_code(reply)
    assert bool(found.program.strip()) == (found.problem is None)


HOSTILE: dict[str, Callable[[int], str]] = {
    "tildes and a backtick": lambda length: "~" * length + "`",  # cubic until November 2026: 15 s for 1,500 characters
    "a fence of equal signs": lambda length: "```" + "=" * length + "`",
    "fences without an end": lambda length: "```x\n" * (length // 25) + "x" * (4 * length // 5),
    "backticks": lambda length: "`" * length,
    "blanks": lambda length: " " * length + "`",
    "a block of blank lines": lambda length: "```python\n" + (" " * 22 + "\n") * (length // 23) + "```",
}
SHORT, LONG = 100_000, 1_000_000


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_reply_is_read_in_linear_time(text: Callable[[int], str]) -> None:
    """Python-Markdown #1130 is the same kind. Processor time of this thread; a quadratic reader takes 100 times."""
    assert cpu_s(text(LONG)) < 30 * max(cpu_s(text(SHORT)), 0.002)


def cpu_s(reply: str) -> float:
    def once() -> float:
        begun = time.thread_time()
        extract_code(reply)
        return time.thread_time() - begun

    return min(once() for _ in range(3))


@pytest.mark.parametrize(
    "reply", ["x" * 2_000_000, "\n" * 60_000, "\u2028" * 60_000, "answer = 1\n" * 2_000], ids=["x", "n", "u2028", "py"]
)
def test_a_reply_beyond_all_bounds_is_not_read(reply: str) -> None:
    assert extract_code(reply).problem is Problem.NO_CODE


@given(st.text(st.sampled_from("`~ \tpy\n=")))
def test_a_fence_is_commonmarks(text: str) -> None:
    """As the pattern said it that was found to be cubic."""
    for line in text.splitlines():
        old = re.fullmatch(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*", line)
        assert _read_fence(line) == (None if old is None else (old[1], old[2]))


def test_a_long_reply_takes_no_time_to_speak_of() -> None:
    assert extract_code("`" * 200_000 + "\n" + "``` " * 50_000).problem is not None
