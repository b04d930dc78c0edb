"""Which of several judges is better: paired tests on the same pairs, corrected for their number.

for row in compare([calibration_a, calibration_b]):
    print(row.first, row.second, row.difference, row.p_adjusted)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from dikast import stats
from dikast.errors import DataError
from dikast.evaluation.agreement import fleiss_kappa, krippendorff_alpha
from dikast.evaluation.calibration import Calibration
from dikast.evaluation.items import Pair
from dikast.evaluation.orders import majority


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two judges on the same pairs.

    Args:
        first: A judge.
        second: Another.
        difference: Accuracy of the second minus that of the first, mean over both orders.
        low: Lower end of its 95 % interval (`dikast.stats.bounded_mean`).
        high: Upper end.
        p: Two-sided paired randomisation test over pairs.
        p_adjusted: Holm's correction for all comparisons made together.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float


def compare(calibrations: Sequence[Calibration]) -> list[Comparison]:
    """Every judge with every other.

    Raises:
        DataError: The judges were not asked the same pairs, or two have the same name.
    """
    if len({calibration.judge for calibration in calibrations}) < len(calibrations):
        raise DataError("two judges have the same name")
    rows = [_pair(first, second) for first, second in combinations(calibrations, 2)]
    adjusted = stats.holm([p for *_, p in rows])
    return [Comparison(*row, p_adjusted=p) for row, p in zip(rows, adjusted, strict=True)]


def _pair(first: Calibration, second: Calibration) -> tuple[str, str, float, float, float, float]:
    if first.credits.keys() != second.credits.keys():
        raise DataError(
            f"{first.judge!r} and {second.judge!r} were asked different pairs",
            hint="calibrate both with the same labels: what one was not asked counts as unparsed",
        )
    ids = list(first.credits)
    before, after = [first.credits[id_] for id_ in ids], [second.credits[id_] for id_ in ids]
    test = stats.randomisation(before, after)
    interval = stats.bounded_mean([b - a for a, b in zip(before, after, strict=True)], -1, 1, pseudo=1)
    return first.judge, second.judge, test.statistic, interval.low, interval.high, test.p


@dataclass(frozen=True, slots=True)
class AnnotatorAgreement:
    """How far people agree: what no judge can be expected to exceed.

    Args:
        n: Pairs with annotations.
        no_majority: Pairs on which no verdict has most votes.
        fleiss_kappa: Over pairs with the full number of annotations.
        alpha: Krippendorff's alpha over all of them.
        against_others: Mean accuracy of one annotator against the majority of the others, where they have one.
    """

    n: int
    no_majority: int
    fleiss_kappa: float
    alpha: float
    against_others: float


def annotator_agreement(pairs: Sequence[Pair]) -> AnnotatorAgreement:
    """Agreement among the annotators of the pairs.

    Raises:
        DataError: No pair has annotations.
    """
    labels = [pair.annotations for pair in pairs if pair.annotations]
    if not labels:
        raise DataError("no pair has the verdicts of single annotators")
    most = max(len(item) for item in labels)
    full = [item for item in labels if len(item) == most and None not in item]
    hits = [
        item[i] == others
        for item in labels
        for i in range(len(item))
        if item[i] is not None and (others := majority([*item[:i], *item[i + 1 :]], no_majority=None)) is not None
    ]
    return AnnotatorAgreement(
        n=len(labels),
        no_majority=sum(majority(item, no_majority=None) is None for item in labels),
        fleiss_kappa=fleiss_kappa(full) if most > 1 else float("nan"),
        alpha=krippendorff_alpha(labels),
        against_others=sum(hits) / len(hits) if hits else float("nan"),
    )
