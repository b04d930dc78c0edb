"""A calibration told to a person: one page, with two plots.

    page = calibration_page([calibration_a, calibration_b], title="My judges")
    files_of(page)                                            # `dikast.pages`: Markdown, HTML, JSON, CSV, SVG

The first lines say who is best, by how much, whether that could be chance, and what to distrust; the tables follow.

Not covered: figures beyond a calibration's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dikast.errors import UsageError
from dikast.evaluation.calibration import Calibration, Estimate, Share
from dikast.evaluation.comparison import Comparison, compare
from dikast.evaluation.svg import Dot, dot_plot, interval
from dikast.pages import Figure, Page, Table, Text

LEVEL = 0.05
"""Below this adjusted p value, a difference is told as one."""


def calibration_page(
    calibrations: Sequence[Calibration],
    *,
    title: str = "Judges against people",
    winners: Mapping[str, float] | None = None,
) -> Page:
    """The page, best judge first.

    Args:
        calibrations: One a judge, all of the same pairs.
        title: The page's.
        winners: Judge -> share of the pairs on which its run's own final verdict is people's, where that is known.

    Raises:
        UsageError: There is no calibration.
        DataError: The judges were not asked the same pairs.
    """
    if not calibrations:
        raise UsageError("no calibration to report")
    ranked = sorted(calibrations, key=lambda calibration: -calibration.accuracy.mean.value)
    comparisons = compare(ranked)
    parts = (
        *map(Text, _findings(ranked, comparisons)),
        Figure(_accuracy_plot(ranked), "accuracy.svg", "Accuracy by judge, 95 % intervals"),
        _accuracy_table(ranked, winners or {}),
        Figure(_bias_plot(ranked), "bias.svg", "Position and length bias by judge, 95 % intervals"),
        _bias_table(ranked),
        _agreement_table(ranked),
        *([_comparison_table(comparisons)] if comparisons else []),
        Text(_legend(ranked[0]), "note"),
    )
    return Page(title, parts)


def _findings(ranked: Sequence[Calibration], comparisons: Sequence[Comparison]) -> list[str]:
    best = ranked[0]
    lines = [
        f"{best.judge} agrees with people most often: {_share(best.accuracy.mean)} of {best.n} pairs, "
        "mean of both orders."
    ]
    lines += [_next_best(comparison) for comparison in comparisons[:1]]
    for calibration in ranked:
        lines += _warnings(calibration)
    return lines


def _next_best(comparison: Comparison) -> str:
    """The first comparison is that of the best judge with the next."""
    gap = f"{-comparison.difference:.3f} (adjusted p = {comparison.p_adjusted:.3g})"
    if comparison.p_adjusted < LEVEL:
        return f"It is ahead of {comparison.second}, the next, by {gap}."
    return f"Its lead over {comparison.second}, the next, may be chance: {gap}."


def _warnings(calibration: Calibration) -> list[str]:
    lines: list[str] = []
    name, bias = calibration.judge, calibration.bias
    if _is_sure(bias.position):
        lines.append(
            f"{name} favours the {'first' if bias.position.value > 0 else 'second'} place: {_estimate(bias.position)}."
        )
    if _is_sure(bias.length):
        lines.append(
            f"{name} favours the {'longer' if bias.length.value > 0 else 'shorter'} response: {_estimate(bias.length)}."
        )
    unparsed = calibration.unparsed_ab + calibration.unparsed_ba
    if unparsed:
        best = calibration.accuracy.mean.if_unparsed_right
        lines.append(f"{name}: {unparsed} of {2 * calibration.n} verdicts unparsed; at best it would have {best:.3f}.")
    return lines


def _is_sure(estimate: Estimate) -> bool:
    """The interval leaves out 0."""
    return estimate.low > 0 or estimate.high < 0


def _accuracy_table(ranked: Sequence[Calibration], winners: Mapping[str, float]) -> Table:
    rows = [
        (
            c.judge,
            c.n,
            c.unparsed_ab + c.unparsed_ba,
            _share(c.accuracy.mean),
            c.accuracy.mean.if_unparsed_right,
            c.accuracy.ab.value,
            c.accuracy.ba.value,
            c.accuracy.both.value,
            c.accuracy.final.value,
            *([winners.get(c.judge)] if winners else []),
        )
        for c in ranked
    ]
    columns = ("judge", "pairs", "unparsed", "accuracy", "at best", "1 first", "2 first", "both orders", "one verdict")
    return Table((*columns, *(["run's winner"] if winners else [])), tuple(rows), "How often right")


def _bias_table(ranked: Sequence[Calibration]) -> Table:
    rows = [
        (
            c.judge,
            _estimate(c.bias.position),
            _estimate(c.bias.length),
            c.bias.longer_share,
            c.bias.longer_share_gold,
        )
        for c in ranked
    ]
    columns = ("judge", "position", "length", "longer wins", "longer wins, people")
    return Table(columns, tuple(rows), "Which way it leans")


def _agreement_table(ranked: Sequence[Calibration]) -> Table:
    rows = [
        (
            c.judge,
            _share(c.agreement.orders),
            _estimate(c.agreement.kappa_orders),
            _estimate(c.agreement.kappa),
            _estimate(c.agreement.alpha),
            _estimate(c.agreement.tau_b),
            _estimate(c.agreement.spearman),
        )
        for c in ranked
    ]
    columns = ("judge", "same in both orders", "κ of orders", "κ with people", "α", "τ-b", "ρ")
    return Table(columns, tuple(rows), "Agreement")


def _comparison_table(comparisons: Sequence[Comparison]) -> Table:
    rows = [
        (f"{c.first} → {c.second}", interval(c.difference, c.low, c.high), f"{c.p:.3g}", f"{c.p_adjusted:.3g}")
        for c in comparisons
    ]
    return Table(("judges", "accuracy, second − first", "p", "p, Holm"), tuple(rows), "Differences")


def _legend(calibration: Calibration) -> str:
    left_out = f" {calibration.left_out} pairs that people call a tie were left out." if calibration.left_out else ""
    left_out += (
        f" {calibration.unlabelled} pairs have no label, and are in no figure." if calibration.unlabelled else ""
    )
    return (
        f"Every share is of all pairs asked; what is unparsed counts as wrong, 'at best' as right.{left_out} "
        "In brackets: 95 % intervals over pairs; where there are none, all pairs are alike. "
        "Position: by how much the first place wins more often than "
        "the second; length: accuracy where the longer response is better minus where the shorter is; 0 is none. "
        "'one verdict': a conflict between the orders is a tie. p: two-sided paired randomisation test. A dash: not "
        "defined."
    )


def _accuracy_plot(ranked: Sequence[Calibration]) -> str:
    dots = [Dot(c.judge, m.value, m.low, m.high, m.if_unparsed_right) for c in ranked for m in [c.accuracy.mean]]
    return dot_plot("Accuracy, mean of both orders (open: if all unparsed were right)", dots, low=0, high=1, mark=0.5)


def _bias_plot(ranked: Sequence[Calibration]) -> str:
    dots = [
        Dot(f"{name}: {c.judge}", e.value, e.low, e.high)
        for c in ranked
        for name, e in (("position", c.bias.position), ("length", c.bias.length))
        if not math.isnan(e.value)
    ]
    return dot_plot("Bias (right: first place, longer response)", dots, low=-1, high=1, mark=0)


def _share(share: Share) -> str:
    return interval(share.value, share.low, share.high)


def _estimate(estimate: Estimate) -> str:
    return interval(estimate.value, estimate.low, estimate.high)
