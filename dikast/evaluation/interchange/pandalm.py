"""PandaLM (Wang et al., arXiv 2306.05087): pairs with the verdicts of three annotators, ties allowed.

pairs = read_pairs("testset.json")
pairs[0].annotations        # ("2", "2", "tie")
pairs[0].gold               # their majority; None where all three differ
"""

from __future__ import annotations

import re
from pathlib import Path

from dikast.evaluation.interchange.winners import read_winner
from dikast.evaluation.items import Pair
from dikast.evaluation.orders import majority
from dikast.row import Row
from dikast.rows import read_rows
from dikast.verdicts import Winner

ANNOTATOR = re.compile(r"annotator\d+")


def read_pairs(path: str | Path) -> list[Pair]:
    """The file's pairs: `{"idx", "instruction", "input", "response1", "response2", "annotator1", ...}`, 0 = tie.

    Raises:
        DataError: A field is missing or a label is no verdict; says file, line and field.
    """
    return [_pair(record) for record in read_rows(path)]


def _pair(record: Row) -> Pair:
    annotators = sorted(name for name in record.values if ANNOTATOR.fullmatch(name))
    if not annotators:
        raise record.error("annotator1", "no annotator's verdict")
    labels: tuple[Winner, ...] = tuple(read_winner(record, name) for name in annotators)
    given = record.text("input", default="")
    return Pair(
        id=record.text("idx"),
        instruction=record.text("instruction") + (f"\n\n{given}" if given else ""),
        response_1=record.text("response1"),
        response_2=record.text("response2"),
        gold=majority(labels, no_majority=None),
        group=record.text("motivation_app", default=""),
        annotations=labels,
    )
