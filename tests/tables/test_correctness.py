from __future__ import annotations

import pytest

from dikast.tables import correctness as judging
from dikast.tables.questions import Question, Sql

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        (Question("1", "?", "t", ("Zoë", "1,5")), ["1,5", "zoe"], ["zoe"]),
        (Question("1", "?", "t", ("1", "1"), sql=Sql(0, "", ())), ["1.0", "1"], ["1"]),
        (Question("1", "?", "t", (), sql=Sql(0, "", ())), [], ["1"]),
        (Question("1", "?", "t", label=True), ["yes"], ["no"]),
        (Question("1", "?", "t", label=False), ["False"], ["1"]),
        (Question("1", "?", "t", label=False), ["0"], ["no", "no"]),
    ],
)
async def test_each_data_sets_rule(question: Question, right: list[str], wrong: list[str]) -> None:
    assert judging.is_correct(question, right) is True
    assert judging.is_correct(question, wrong) is False


async def test_equal_answers_are_one_group() -> None:
    answers = [["7"], None, ["7.0000001", "7"], ["Zoë"], ["zoe"], [], ["b", "a"], ["a", "b"]]
    assert judging.groups(answers) == [0, None, 0, 1, 1, 2, 3, 3]


async def test_huge_answers_are_grouped_in_no_time() -> None:
    one, other = [str(n) for n in range(5000)], [str(n + 0.5) for n in range(5000)]
    assert judging.groups([one, other, list(reversed(one))]) == [0, 1, 0]
