from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.hidden_tables.code import Problem, extract_code

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


def test_a_long_reply_takes_no_time_to_speak_of() -> None:
    assert extract_code("`" * 200_000 + "\n" + "``` " * 50_000).problem is not None
