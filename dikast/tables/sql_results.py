"""Whether results are right where the data sets do not judge by denotation: SQA by coordinates, WikiSQL by result.

    same_result(["Roderick Strong", "2"], ["2.0", "roderick strong"])    # True
    judge_sequences({"nu-356/0": {0: {(5, 2)}}}, predicted).questions_correct

SQA (Iyyer, Yih and Chang 2017, doi 10.18653/v1/P17-1167): a question is right if exactly the gold cells were named, a
sequence if all its questions are. WikiSQL (Zhong, Xiong and Socher 2017, arXiv 1709.00103): execution accuracy; here
results are compared without order, since its SQL has none, and numbers to nine digits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

RELATIVE_TOLERANCE = 1e-9
"""Sums of 64-bit floats in another order differ less for tables of millions of rows."""

Coordinate = tuple[int, int]
"""Row from 0 below the header, column from 0."""

Sequences = Mapping[str, Mapping[int, AbstractSet[Coordinate]]]
"""Sequence -> position -> the cells that answer the question."""


@dataclass(frozen=True, slots=True)
class SequenceAccuracy:
    """Counts over a set of question sequences."""

    questions: int
    questions_correct: int
    sequences: int
    sequences_correct: int


def judge_sequences(gold: Sequences, predicted: Sequences) -> SequenceAccuracy:
    """Judge SQA predictions; a question without a prediction is wrong, a prediction without a question is ignored."""
    right = {
        sequence: [predicted.get(sequence, {}).get(position) == cells for position, cells in questions.items()]
        for sequence, questions in gold.items()
    }
    return SequenceAccuracy(
        questions=sum(map(len, right.values())),
        questions_correct=sum(map(sum, right.values())),
        sequences=len(right),
        sequences_correct=sum(map(all, right.values())),
    )


def same_result(gold: Sequence[str], predicted: Sequence[str]) -> bool:
    """Whether two SQL results are the same in any order; case, thousands separators and missing cells do not count."""
    gold_numbers, gold_texts = _split(gold)
    numbers, texts = _split(predicted)
    return (
        gold_texts == texts
        and len(gold_numbers) == len(numbers)
        and all(math.isclose(*pair, rel_tol=RELATIVE_TOLERANCE) for pair in zip(gold_numbers, numbers, strict=True))
    )


def _split(cells: Sequence[str]) -> tuple[list[float], Counter[str]]:
    numbers: list[float] = []
    texts: Counter[str] = Counter()
    for cell in filter(str.strip, cells):
        number = _number(cell)
        if number is None:
            texts[" ".join(cell.split()).casefold()] += 1
        else:
            numbers.append(number)
    return sorted(numbers), texts


def _number(cell: str) -> float | None:
    try:
        number = float(cell.replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in cell else None
