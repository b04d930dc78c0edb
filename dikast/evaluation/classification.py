"""An oracle against labels: accuracy, precision, recall, kappa, confusion; what it did not say is counted.

    measured = measure(["unsafe", "safe"], ["unsafe", None], positive="unsafe")
    measured.accuracy.value, measured.recall.value

What was asked is what has a label. A reading of `None` (unparsed), or of a word that is no label (`unknown`), is wrong
in every figure, and `accuracy_if_undecided_right` says what the accuracy would be had all of those been right.

Not covered: graded labels, and several labels on one reply (`dikast.evaluation.agreement`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dikast.errors import UsageError
from dikast.evaluation.agreement import cohen_kappa
from dikast.evaluation.safety.summary import Rate

UNPARSED = "unparsed"


@dataclass(frozen=True, slots=True)
class Classification:
    """An oracle, measured.

    Args:
        positive: The label that precision and recall are of.
        n: Labelled replies.
        confusion: (label, reading) -> how many; a reading of `None` is `unparsed`.
        kappa: Cohen's, over the replies on which a label was read; NaN where it is not defined.
        kappa_all: The same over all, what is undecided being a class of its own.
    """

    positive: str
    n: int
    confusion: Mapping[tuple[str, str], int]
    kappa: float
    kappa_all: float

    def _count(self, label: bool | None = None, reading: bool | None = None) -> int:
        """Replies whose label, and whose reading, is the positive one, is not, or is any."""
        return sum(
            count
            for (is_, said), count in self.confusion.items()
            if (label is None or (is_ == self.positive) == label)
            and (reading is None or (said == self.positive) == reading)
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that a reply has, the positive one first."""
        return tuple(dict.fromkeys([self.positive, *sorted({label for label, _ in self.confusion})]))

    @property
    def undecided(self) -> int:
        """Replies for which no label was read."""
        return sum(count for (_, reading), count in self.confusion.items() if reading not in self.labels)

    @property
    def unparsed(self) -> Rate:
        """Replies for which nothing was read."""
        return Rate(sum(count for (_, reading), count in self.confusion.items() if reading == UNPARSED), self.n)

    @property
    def accuracy(self) -> Rate:
        """Read as labelled, of all."""
        return Rate(sum(count for (label, reading), count in self.confusion.items() if label == reading), self.n)

    @property
    def accuracy_if_undecided_right(self) -> Rate:
        """The same, had all that is undecided been right."""
        return Rate(self.accuracy.count + self.undecided, self.n)

    @property
    def precision(self) -> Rate:
        """TP / (TP + FP): labelled positive, of those read as positive."""
        return Rate(self._count(True, True), self._count(None, True))

    @property
    def recall(self) -> Rate:
        """TP / (TP + FN), the sensitivity: read as positive, of those labelled positive."""
        return Rate(self._count(True, True), self._count(True))

    @property
    def specificity(self) -> Rate:
        """Not read as positive, of those not labelled positive."""
        return Rate(self._count(False, False), self._count(False))

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN where nothing is positive in either."""
        positives = self._count(True) + self._count(None, True)
        return 2 * self._count(True, True) / positives if positives else math.nan

    def for_prevalence(self) -> dict[str, int]:
        """The counts that `dikast.evaluation.prevalence.true_prevalence` wants of a judge."""
        return {
            "true_positives": self.recall.count,
            "labelled_positive": self.recall.of,
            "true_negatives": self.specificity.count,
            "labelled_negative": self.specificity.of,
        }

    def as_json(self) -> dict[str, Any]:
        """All figures; what is not defined is null."""
        rates = ("accuracy", "accuracy_if_undecided_right", "precision", "recall", "specificity", "unparsed")
        numbers = {"f1": self.f1, "kappa": self.kappa, "kappa_all": self.kappa_all}
        return {
            "positive": self.positive,
            "n": self.n,
            "undecided": self.undecided,
            **{name: getattr(self, name).as_json() for name in rates},
            **{name: None if math.isnan(number) else number for name, number in numbers.items()},
            "confusion": [
                {"label": label, "reading": reading, "count": count}
                for (label, reading), count in sorted(self.confusion.items())
            ],
        }


def measure(labels: Sequence[str], readings: Sequence[str | None], *, positive: str = "unsafe") -> Classification:
    """Compare readings with labels, in the same order.

    Raises:
        UsageError: They differ in number, there is none, or no reply has the positive label.
    """
    if len(labels) != len(readings) or not labels:
        raise UsageError(f"{len(labels)} labels and {len(readings)} readings", hint="one reading for each label")
    if positive not in labels:
        raise UsageError(f"no reply is labelled {positive!r}", hint=f"the labels are {', '.join(sorted(set(labels)))}")
    known = set(labels)
    said = [UNPARSED if reading is None else reading for reading in readings]
    return Classification(
        positive=positive,
        n=len(labels),
        confusion=Counter(zip(labels, said, strict=True)),
        kappa=cohen_kappa(labels, [reading if reading in known else None for reading in readings]),
        kappa_all=cohen_kappa(labels, said),
    )
