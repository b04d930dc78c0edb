"""A pointwise judge, or a metric, against people's scores: rank correlation, pooled and within groups.

    calibrate_scores({"d1/s1": 4.0, "d1/s2": None}, {"d1/s1": 3.7, "d1/s2": 2.0}, groups={...})

What was asked is what people scored. An unparsed score cannot be ranked, so correlations are over the parsed ones and
the count of the others stands beside them.

Not covered: scales. Ranks do not see that a judge gives 8 where people give 4; `mean_difference` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from dikast.errors import DataError
from dikast.evaluation.agreement import GroupedCorrelation, grouped, kendall_tau_b, krippendorff_alpha, spearman
from dikast.evaluation.calibration import RESAMPLES, Estimate, estimate


@dataclass(frozen=True, slots=True)
class ScoreCalibration:
    """One judge's scores against people's.

    Args:
        judge: Its name.
        n: Texts asked.
        unparsed: Of these, without a score from the judge.
        tau_b: Kendall's tau-b over all parsed texts.
        spearman: Spearman's correlation over the same.
        tau_b_in_groups: Mean of tau-b within each group; NaN without groups.
        spearman_in_groups: The same of Spearman's.
        alpha: Krippendorff's alpha at the interval level: agreement in value, not only in rank.
        mean_difference: Judge minus people, on the judge's scale.
        unlabelled: Texts that no person has scored; they are in no figure.
    """

    judge: str
    n: int
    unparsed: int
    tau_b: Estimate
    spearman: Estimate
    tau_b_in_groups: GroupedCorrelation
    spearman_in_groups: GroupedCorrelation
    alpha: float
    mean_difference: float
    unlabelled: int = 0


def calibrate_scores(
    scores: Mapping[str, float | None],
    gold: Mapping[str, float],
    *,
    judge: str = "judge",
    groups: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
) -> ScoreCalibration:
    """Measure a judge that scores.

    Args:
        scores: Text id -> score, or `None` if unparsed; an id of `gold` that is not here counts as unparsed.
        gold: Text id -> people's score: what was asked.
        judge: A name for tables.
        groups: Text id -> document or prompt, to correlate within.
        resamples: For the intervals.

    Raises:
        DataError: A score without a human one, a text without a group, or nothing asked.
    """
    unknown = next((id_ for id_ in scores if id_ not in gold), None)
    if unknown is not None or not gold:
        raise DataError(f"no human score for {unknown!r}" if gold else "no text with a human score")
    both = {id_: (score, gold[id_]) for id_ in gold if (score := scores.get(id_)) is not None}
    points = list(both.values())
    machine, human = [a for a, _ in points], [b for _, b in points]
    names = [_group(groups, id_) for id_ in both]

    return ScoreCalibration(
        judge=judge,
        n=len(gold),
        unparsed=len(gold) - len(both),
        tau_b=estimate(points, lambda at, often: kendall_tau_b(*_repeated(at, often)), resamples),
        spearman=estimate(points, lambda at, often: spearman(*_repeated(at, often)), resamples),
        tau_b_in_groups=grouped(kendall_tau_b, names, machine, human),
        spearman_in_groups=grouped(spearman, names, machine, human),
        alpha=krippendorff_alpha(points, "interval"),
        mean_difference=fmean(machine) - fmean(human) if both else math.nan,
    )


def _repeated(points: Sequence[tuple[float, float]], often: Sequence[int]) -> tuple[list[float], list[float]]:
    drawn = [point for point, count in zip(points, often, strict=True) for _ in range(count)]
    return [a for a, _ in drawn], [b for _, b in drawn]


def _group(groups: Mapping[str, str] | None, id_: str) -> str:
    """Without groups every text is one of its own, within which no correlation is defined."""
    if groups is None:
        return id_
    if id_ not in groups:
        raise DataError(f"no group for {id_!r}")
    return groups[id_]
