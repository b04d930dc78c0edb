"""Results by kind of question: how many were asked, how many were right, how each ended.

    for row in by_category(turns, oracle.gold, oracle.load): ...

A share's denominator is what was asked: a question whose game is not finished, or ended without an answer, is not
right. Questions without a gold answer are asked and not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dikast.tables.questions import Question
from dikast.tables.table import Table
from dikast.tables.taxonomy import Label, labels

ALL = "all"
UNFINISHED = "owed"


@dataclass
class Category:
    """Questions with one value of one label.

    Args:
        label: The label's name; `all` for all questions.
        value: Its value.
        asked: How many questions.
        judged: Those with a gold answer.
        correct: Those that were answered by it.
        statuses: How many ended how; `owed` for those that are not finished.
    """

    label: str
    value: str
    asked: int = 0
    judged: int = 0
    correct: int = 0
    statuses: Counter[str] = field(default_factory=Counter[str])

    @property
    def accuracy(self) -> float | None:
        """Right ones among the judged; `None` if none is."""
        return self.correct / self.judged if self.judged else None

    def add(self, turn: Mapping[str, Any] | None, *, judged: bool) -> None:
        """Count one question."""
        self.asked += 1
        self.judged += judged
        self.correct += judged and turn is not None and turn["correct"] is True
        self.statuses[UNFINISHED if turn is None else str(turn["status"])] += 1

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "label": self.label,
            "value": self.value,
            "asked": self.asked,
            "judged": self.judged,
            "correct": self.correct,
            "accuracy": self.accuracy,
            "statuses": dict(self.statuses.most_common()),
        }


def by_category(
    turns: Mapping[str, Mapping[str, Any]], asked: Iterable[Question], load: Callable[[str], Table | None]
) -> list[Category]:
    """Count questions by each of their labels.

    Args:
        turns: A game's records of its questions, by question id.
        asked: What was asked.
        load: Opens a question's table, for the labels that depend on it; `None` where there are several.

    Returns:
        `all` first, then labels in their order and values by name.
    """
    whole = Category(ALL, "")
    found: dict[tuple[str, str], Category] = {}
    order: dict[str, int] = {}
    for question, given in labelled(asked, load):
        turn = turns.get(question.id)
        judged = has_gold(question) and not is_unjudged(question, turn)
        whole.add(turn, judged=judged)
        for name, value in given.items():
            order.setdefault(name, len(order))
            for one in values_of(value):
                found.setdefault((name, one), Category(name, one)).add(turn, judged=judged)
    return [whole, *sorted(found.values(), key=lambda one: (order[one.label], one.value))]


def labelled(
    asked: Iterable[Question], load: Callable[[str], Table | None]
) -> Iterator[tuple[Question, Mapping[str, Label]]]:
    """Each question with its labels; a table is opened once where its questions come together."""
    name: str | None = None
    table = None
    for question in asked:
        if question.table != name:
            name, table = question.table, load(question.table)
        yield question, labels(question, table)


def has_gold(question: Question) -> bool:
    """Whether an answer to it can be judged."""
    golds = (question.gold, question.sql, question.label, question.query)
    return any(gold is not None for gold in golds) or bool(question.target)


def is_unjudged(question: Question, turn: Mapping[str, Any] | None) -> bool:
    """Whether a question was answered and nobody knows how rightly, though it has a gold query: that did not run."""
    return question.query is not None and turn is not None and turn["correct"] is None


def values_of(value: Label) -> list[str]:
    """A label's values as text; each of a list counts by itself."""
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
