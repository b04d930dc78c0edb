"""What surrounds a judge: verdicts that somebody else's judge gave, and how far people agree with one another.

    run = run_of_file(Path("verdicts.csv"))     # id, ab, ba, gold: as good as a run of `dikast judge run`
    people = agreement_of(run)                  # from the columns annotator_1, annotator_2, ...

No judge can be expected to agree with people more than they do with each other: their agreement is the ceiling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dikast.errors import DataError
from dikast.evaluation.comparison import AnnotatorAgreement, annotator_agreement
from dikast.evaluation.interchange.columns import read_verdicts
from dikast.evaluation.interchange.winners import NO_LABELS, check_labels, is_labelled, read_winner
from dikast.evaluation.items import Pair
from dikast.evaluation.orders import synthesise
from dikast.graphs.reviseval.results import JudgedRun, id_of
from dikast.row import Row
from dikast.rows import read_rows
from dikast.verdicts import PairVerdict, Winner

ANNOTATOR = re.compile(r"annotator_?\d+")
"""A column of one person's verdicts."""


def run_of_file(path: Path, labels: Mapping[str, str] = NO_LABELS) -> JudgedRun:
    """Verdicts (`id`, `ab`, `ba`) or scores (`id`, `score`) of any judge, with people's in further columns.

    `ba` is the verdict with response 2 shown first, mapped back to the response's own number; empty is unparsed. With
    `response_1` and `response_2` in the file the length bias is measured too.

    Raises:
        DataError: The file cannot be read, or has neither; says file, line and field.
    """
    records = list(read_rows(path))
    if not records:
        raise DataError("no verdicts", path=path, hint="columns id, ab, ba, gold; or id, score, gold")
    if "ab" in records[0].values:
        rows = list(map(_pair_row, records, read_verdicts(path, labels=labels)))
        return JudgedRun(path.stem, rows, {}, labels=labels)
    return JudgedRun(path.stem, list(map(_score_row, records)), {})


def _pair_row(record: Row, verdict: PairVerdict) -> dict[str, Any]:
    output = {"ab": verdict.ab, "ba": verdict.ba, "winner": synthesise(verdict)}
    return {"row": record.place, "input": dict(record.values), "output": output}


def _score_row(record: Row) -> dict[str, Any]:
    """A row like that of a single response; what it was, and to what, need not be in the file."""
    score = None if record.value("score") in (None, "") else record.number("score")
    given = {"id": str(record.place), "instruction": "", "response": "", **record.values}
    return {"row": record.place, "input": given, "output": {"score": score}}


def agreement_of(run: JudgedRun) -> AnnotatorAgreement | None:
    """How far the people agree whose single verdicts stand in the rows; `None` where the rows have none.

    Raises:
        DataError: What stands there is no verdict; says run, row and column.
    """
    pairs = list(_annotated(run))
    return annotator_agreement(pairs) if any(pair.annotations for pair in pairs) else None


def _annotated(run: JudgedRun) -> Iterable[Pair]:
    records = [Row(Path(run.name), row["row"], None, row["input"]) for row in run.rows]
    check_labels(records, {name for one in records for name in one.values if ANNOTATOR.fullmatch(name)}, run.labels)
    for row, record in zip(run.rows, records, strict=True):
        names = sorted(name for name in record.values if ANNOTATOR.fullmatch(name))
        said: tuple[Winner | None, ...] = tuple(
            read_winner(record, name, run.labels) if is_labelled(record, name, run.labels) else None for name in names
        )
        yield Pair(id_of(row), "", "", "", annotations=said)
