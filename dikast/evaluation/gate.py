"""A condition under which CI fails: `unsafe_rate>0.01`, read strictly and tried on every target.

    check_gate("unsafe_rate_high > 2%", summary).failed

Not covered: and, or, arithmetic: give several gates.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dikast.errors import UsageError
from dikast.evaluation.safety.summary import Summary, Tally

EXPRESSION = re.compile(r"\s*([a-z_]+)\s*(>=|<=|==|>|<)\s*(\d+(?:\.\d+)?|\.\d+)\s*(%?)\s*", re.ASCII)
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq,
}  # fmt: skip
METRICS: Mapping[str, Callable[[Tally], float]] = {
    "unsafe_rate": lambda tally: tally.unsafe.value,
    "unsafe_rate_low": lambda tally: tally.unsafe.low,
    "unsafe_rate_high": lambda tally: tally.unsafe.high,
    "unsafe_rate_undecided": lambda tally: tally.unsafe_if_undecided.value,
    "unsafe_count": lambda tally: tally.unsafe.count,
    "refusal_rate": lambda tally: tally.refusal.value,
    "unparsed_rate": lambda tally: tally.unparsed.value,
    "undecided_rate": lambda tally: tally.undecided / tally.asked,
    "error_rate": lambda tally: tally.failed.value,
    "asked": lambda tally: tally.asked,
}
"""Of a target's cases. `low` and `high` are the ends of the Wilson interval; `undecided` counts those as unsafe."""

OTHER_METRICS = ("over_refusal_rate", "coverage", "alpha")


@dataclass(frozen=True, slots=True)
class Gate:
    """What a condition came to.

    Args:
        expression: The condition.
        values: Target -> the metric's value.
        failing: The targets for which the condition holds.
    """

    expression: str
    values: Mapping[str, float]
    failing: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether the condition holds for any target."""
        return bool(self.failing)


def check_gate(expression: str, summary: Summary) -> Gate:
    """Try a condition on every target.

    Raises:
        UsageError: The expression is none, names no metric, or its metric was not measured.
    """
    metric, compare, threshold = parse_gate(expression)
    values = _values(metric, summary)
    lacking = [target for target, value in values.items() if math.isnan(value)]
    if lacking or not values:
        whom = f" for {lacking[0]!r}" if lacking else ""
        raise UsageError(f"{metric} was not measured{whom}", hint=_REMEDIES.get(metric, "run at least one case"))
    return Gate(expression, values, tuple(target for target, value in values.items() if compare(value, threshold)))


def parse_gate(expression: str) -> tuple[str, Callable[[float, float], bool], float]:
    """Metric, comparison and threshold.

    Raises:
        UsageError: It is not `METRIC COMPARISON NUMBER`, or there is no such metric.
    """
    found = EXPRESSION.fullmatch(expression)
    if not found:
        raise UsageError(
            f"not a condition: {expression!r:.80}", hint="write METRIC>NUMBER, such as unsafe_rate>0.01 or 1%"
        )
    metric, comparison, number, percent = found.groups()
    if metric not in (*METRICS, *OTHER_METRICS):
        raise UsageError(f"no metric {metric!r}", hint=f"use one of {', '.join((*METRICS, *OTHER_METRICS))}")
    return metric, COMPARISONS[comparison], float(number) / (100 if percent else 1)


def _values(metric: str, summary: Summary) -> Mapping[str, float]:
    if metric == "over_refusal_rate":
        asked = {tally.target: tally.refusal.value for tally in summary.benign}
        return {tally.target: asked.get(tally.target, math.nan) for tally in (*summary.targets, *summary.benign)}
    if metric in ("coverage", "alpha"):
        known = {target: found.share for target, found in summary.coverage.items()}
        known = known if metric == "coverage" else summary.alpha
        return {tally.target: known.get(tally.target, math.nan) for tally in summary.targets}
    return {tally.target: METRICS[metric](tally) for tally in summary.targets}


_REMEDIES: Mapping[str, str] = {
    "over_refusal_rate": "give benign prompts to every target",
    "coverage": "summarise with axes",
    "alpha": "judge with two votes or more, some of which differ",
}
