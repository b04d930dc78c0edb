"""What gold queries give, kept for a while: the rows that programs' answers are compared with.

golds = GoldResults()
golds.judge(question, path, result, judging)      # True, False; None where the gold query does not run
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from dikast.sandbox import Result
from dikast.tables import execution
from dikast.tables.correctness import is_ordered
from dikast.tables.gold_sql import GoldError, Rows, run_gold
from dikast.tables.judging import Judging
from dikast.tables.library import Stamp, stamp
from dikast.tables.questions import Query, Question
from dikast.tables.secret import Secret

MOST_RESULTS = 64
"""Results that are kept; one that is gone is computed again."""


class GoldResults:
    """Results of gold queries, by question and by the state of the database's file."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Stamp], Secret[Rows | None]] = OrderedDict()

    def judge(self, question: Question, query: Query, path: Path, result: Result, judging: Judging) -> bool | None:
        """Whether a program's answer is the gold result; `None` if the gold query does not run."""
        gold = self.rows(question, query, path)
        if gold is None:
            return None
        ordered = is_ordered(question, judging)
        return execution.is_same(gold, result.answer, result.table, query.rule, judging, ordered=ordered)

    def rows(self, question: Question, query: Query, path: Path) -> Rows | None:
        """What a gold query gives; `None` if it does not run, so that its question is not judged."""
        key = (question.id, stamp(path))
        kept = self._kept.get(key)
        if kept is None:
            try:
                kept = Secret[Rows | None](run_gold(path, query.text))
            except GoldError:
                kept = Secret[Rows | None](None)  # the report counts these
            self._kept[key] = kept
            while len(self._kept) > MOST_RESULTS:
                self._kept.popitem(last=False)
        return kept.reveal()
