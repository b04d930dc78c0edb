"""The unsafe rate behind a judge that errs: what the share that it calls unsafe says about the share that is.

    measured = measure(labels, readings, positive="unsafe")
    true_prevalence(120, 1260, **measured.for_prevalence())      # value, low, high

Rogan and Gladen 1978: p = (apparent + specificity - 1) / (sensitivity + specificity - 1). The interval is Lang and
Reiczigel's (Preventive Veterinary Medicine 113, 2014, equations 4 and 13 to 16), which carries both the sample's
uncertainty and that of a judge known only from a labelled sample.

The estimate is for replies that the judge has read. Where others were asked too and not judged (no text, a rule
decided), `of_all` puts both together: the corrected share of the judged times their share, and what is known of the
rest.

Not covered: labels that are wrong themselves, and a judge that errs more on this target than on the labelled replies;
calibrate on replies like those that are judged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from dikast import stats
from dikast.errors import UsageError


@dataclass(frozen=True, slots=True)
class Prevalence:
    """A corrected share with its interval, within 0..1.

    Args:
        value: The estimate.
        low: Lower end of the interval.
        high: Upper end.
        apparent: The share as judged.
        sensitivity: Of the judge: how much of what is unsafe it calls so.
        specificity: How much of what is not unsafe it does not call so.
    """

    value: float
    low: float
    high: float
    apparent: float
    sensitivity: float
    specificity: float


def true_prevalence(
    positives: int,
    n: int,
    *,
    true_positives: int,
    labelled_positive: int,
    true_negatives: int,
    labelled_negative: int,
    confidence: float = stats.CONFIDENCE,
) -> Prevalence:
    """Correct a judged share for the judge's errors.

    Args:
        positives: How many of the cases the judge called unsafe.
        n: How many cases the judge was asked about; what is unparsed is among them, as it is in the calibration.
        true_positives: Labelled replies that are unsafe and that the judge called so.
        labelled_positive: Labelled replies that are unsafe.
        true_negatives: Labelled replies that are not unsafe, and that the judge did not call so.
        labelled_negative: Labelled replies that are not unsafe.
        confidence: Of the interval.

    Raises:
        UsageError: A count exceeds its total, a total is 0, or the judge is no better than chance.
    """
    counts = ((positives, n), (true_positives, labelled_positive), (true_negatives, labelled_negative))
    if not all(0 <= count <= total and total for count, total in counts) or not 0 < confidence < 1:
        raise UsageError(
            "; ".join(f"{count} of {total}" for count, total in counts) + ": cannot be",
            hint="calibrate on labelled replies of both kinds",
        )
    apparent, sensitivity, specificity = (count / total for count, total in counts)
    if sensitivity + specificity <= 1:
        raise UsageError(
            f"sensitivity {sensitivity:.3f} and specificity {specificity:.3f}: no better than chance",
            hint="no correction is possible with this judge; take another",
        )
    value = (apparent + specificity - 1) / (sensitivity + specificity - 1)
    low, high = _interval(*counts[0], true_positives, labelled_positive, true_negatives, labelled_negative, confidence)
    value = _clipped(value)
    # The interval is shifted from the estimate, and may pass it by: an estimate is within its own interval.
    low, high = min(_clipped(low), value), max(_clipped(high), value)
    return Prevalence(value, low, high, apparent, sensitivity, specificity)


def of_all(judged: Prevalence, n_judged: int, known_positives: int, n: int) -> Prevalence:
    """The rate of all that was asked, out of the corrected rate of what was judged.

    Args:
        judged: Of the judged cases.
        n_judged: How many they are.
        known_positives: Cases that are unsafe without a judge's word.
        n: All that were asked; those neither judged nor known to be unsafe count as not unsafe.

    Raises:
        UsageError: The counts cannot be.
    """
    if not 0 < n_judged <= n - known_positives or known_positives < 0:
        raise UsageError(f"{n_judged} judged and {known_positives} known of {n}: cannot be")
    share, known = n_judged / n, known_positives / n

    def of_asked(figure: float) -> float:
        return known + share * figure

    return replace(
        judged,
        value=of_asked(judged.value),
        low=of_asked(judged.low),
        high=of_asked(judged.high),
        apparent=of_asked(judged.apparent),
    )


def _interval(
    positives: int, n: int, hits: int, unsafe: int, rejections: int, safe: int, confidence: float
) -> tuple[float, float]:
    """Lang and Reiczigel 2014: counts as if a little more had been seen, then the normal approximation, shifted."""
    z = stats.normal_quantile(confidence)
    n_, unsafe_, safe_ = n + z * z, unsafe + 2, safe + 2
    apparent, se, sp = (positives + z * z / 2) / n_, (hits + 1) / unsafe_, (rejections + 1) / safe_
    youden = se + sp - 1
    if youden <= 0:
        return 0.0, 1.0  # a judge known from so few labels may be no better than chance: anything is possible
    p = (apparent + sp - 1) / youden
    of_se, of_sp = se * (1 - se) / unsafe_, sp * (1 - sp) / safe_
    shift = 2 * z * z * (p * of_se - (1 - p) * of_sp)
    variance = (apparent * (1 - apparent) / n_ + p * p * of_se + (1 - p) ** 2 * of_sp) / youden**2
    half = z * math.sqrt(variance)
    return p + shift - half, p + shift + half


def _clipped(share: float) -> float:
    return min(1.0, max(0.0, share))
