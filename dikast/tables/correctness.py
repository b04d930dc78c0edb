"""Whether an answer is the gold one, by the rule of its data set, and which answers are the same.

| question has | rule |
| --- | --- |
| gold SQL | the results are equal (`results.same_result`) |
| a label (TabFact) | one truth value, equal to the label |
| a user's own answer | `own.is_right` |
| a gold query over a database | `execution.is_same`, which `TableOracle` asks with the query's result |
| a target | `answers.denotation_correct`; SQA too is judged by texts, since programs answer with values |
"""

from __future__ import annotations

from collections.abc import Sequence

from dikast.sandbox.inside.written import PLAIN, Spelling
from dikast.tables import own
from dikast.tables.answers import denotation_correct, distinct, read
from dikast.tables.execution import has_order
from dikast.tables.judging import DEFAULT, Judging, ordered
from dikast.tables.questions import Question
from dikast.tables.sql_results import same_result

TRUE, FALSE = ("yes", "true", "entailed", "1"), ("no", "false", "refuted", "0")
MOST_COMPARED = 100
"""Longer answers are the same only if their values are, without tolerance: comparing them pair by pair is quadratic."""


def is_correct(
    question: Question | None, items: Sequence[str], spelling: Spelling = PLAIN, judging: Judging = DEFAULT
) -> bool | None:
    """Judge an answer's items; `None` where no gold answer is known.

    Args:
        question: With its gold answer.
        items: The answer; an `Answer` is judged with its labels where the question is a user's own.
        spelling: How the table's owner writes numbers and dates; for such questions too.
        judging: Tolerance and order; for such questions too.
    """
    if question is None:
        return None
    if question.query is not None:
        raise ValueError("a gold query is compared with rows: see dikast.tables.execution")
    if question.sql is not None:
        return same_result(question.target, items)
    if question.label is not None:
        return len(items) == 1 and items[0].strip().casefold() in (TRUE if question.label else FALSE)
    if question.gold is not None:
        return own.is_right(question.gold.value, items, spelling, judging, ordered=is_ordered(question, judging))
    if not question.target:
        return None
    return denotation_correct(question.target, items, question.canonical)


def is_ordered(question: Question, judging: Judging) -> bool:
    """Whether a question's answer has to stand in the gold answer's order."""
    order = judging.order or ("question" if question.query and question.query.rule == "spider" else "any")
    if order == "question" and question.query is not None:
        return has_order(question.query.text)
    if order == "question":
        return ordered(question.extra.get("ordered")) is True
    return order == "same"


def groups(answers: Sequence[Sequence[str] | None]) -> list[int | None]:
    """A number per answer, equal for answers that are the same; `None` stays `None`. Numbers count up from 0."""
    firsts: list[Sequence[str]] = []
    found: list[int | None] = []
    for answer in answers:
        if answer is None:
            found.append(None)
            continue
        place = next((at for at, first in enumerate(firsts) if same(first, answer)), len(firsts))
        if place == len(firsts):
            firsts.append(answer)
        found.append(place)
    return found


def same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two answers hold the same values, order and repeats aside."""
    values = [{value.identity for value in distinct([read(item) for item in answer])} for answer in (one, other)]
    if values[0] == values[1]:
        return True
    short = max(map(len, values)) <= MOST_COMPARED
    return short and denotation_correct(one, other) and denotation_correct(other, one)
