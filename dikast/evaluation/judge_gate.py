"""A condition under which CI fails because of a judge: `accuracy<0.8`, tried on every judge that is reported.

    check_judges("accuracy<0.8", calibrations, scores).failed

The same rule as for safety runs (`dikast.evaluation.gate`): each metric has bounds, whatever the unparsed verdicts had
been, and a gate that cannot tell fails. What is measured over parsed verdicts alone (kappa, correlations) has no bound
but its range as soon as one verdict is unparsed; the position's bias has one, since it is a mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from dikast.errors import UsageError
from dikast.evaluation.calibration import Calibration, Estimate, Share
from dikast.evaluation.gate import Gate, Span, check_spans, exactly, parse_gate
from dikast.evaluation.pointwise import ScoreCalibration

Judges = Mapping[str, Callable[[Calibration], Span]]


def _share(share: Share) -> Span:
    return Span(share.value, share.value, share.if_unparsed_right)


def _over_parsed(estimate: Estimate, unparsed: int) -> Span:
    return Span(estimate.value, -1.0, 1.0) if unparsed else exactly(estimate.value)


def _unparsed(found: Calibration) -> int:
    return found.unparsed_ab + found.unparsed_ba


def _position(found: Calibration) -> Span:
    """The size of the bias, to whichever place; a pair that is not parsed may have gone either way."""
    lost = min(1.0, _unparsed(found) / found.n)
    value, kept = found.bias.position.value, 1 - lost
    size = abs(value)
    return Span(size, max(0.0, size * kept - lost), min(1.0, size * kept + lost))


PAIRS: Judges = {
    "accuracy": lambda found: _share(found.accuracy.mean),
    "accuracy_low": lambda found: exactly(found.accuracy.mean.low),
    "accuracy_both": lambda found: _share(found.accuracy.both),
    "accuracy_final": lambda found: _share(found.accuracy.final),
    "same_in_both": lambda found: _share(found.agreement.orders),
    "kappa": lambda found: _over_parsed(found.agreement.kappa, _unparsed(found)),
    "position_bias": _position,
    "length_bias": lambda found: _over_parsed(
        Estimate(abs(found.bias.length.value), math.nan, math.nan), _unparsed(found)
    ),
    "unparsed_rate": lambda found: exactly(_unparsed(found) / (2 * found.n)),
    "asked": lambda found: exactly(found.n),
}
"""Of a judge of pairs; the biases by their size. What is unparsed counts as wrong, at most as right."""
SCORES: Mapping[str, Callable[[ScoreCalibration], Span]] = {
    "tau_b": lambda found: _over_parsed(found.tau_b, found.unparsed),
    "spearman": lambda found: _over_parsed(found.spearman, found.unparsed),
    "unparsed_rate": lambda found: exactly(found.unparsed / found.n),
    "asked": lambda found: exactly(found.n),
}
KNOWN = tuple(dict.fromkeys((*PAIRS, *SCORES)))


def check_judges(expression: str, pairs: Sequence[Calibration], scores: Sequence[ScoreCalibration]) -> Gate:
    """Try a condition on every judge.

    Raises:
        UsageError: The expression is none, or its metric was not measured for one of the judges.
    """
    metric, _, _ = parse_gate(expression, KNOWN)
    spans = {one.judge: PAIRS[metric](one) if metric in PAIRS else exactly(math.nan) for one in pairs}
    spans |= {one.judge: SCORES[metric](one) if metric in SCORES else exactly(math.nan) for one in scores}
    if len(spans) < len(pairs) + len(scores):
        raise UsageError("two judges have the same name", hint="call their folders or files differently")
    return check_spans(expression, spans, "of pairs: " + ", ".join(PAIRS) + "; of scores: " + ", ".join(SCORES), KNOWN)
