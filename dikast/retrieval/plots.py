"""Figures of retrieval experiments: per-query differences, a quantity swept, systems side by side.

    save(differences({"q1": 0.3, "q2": -0.1}, "nDCG@10"), Path("differences.svg"))

The same figures give the same SVG, byte for byte. Needs matplotlib (extra `evaluation`), which is imported when a
figure is drawn; no window is opened, and what is set in matplotlib's own configuration is put back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dikast.errors import MissingExtraError, UsageError
from dikast.retrieval.compare import TIE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMS = (".svg", ".png")
DPI = 150
WIDTH, HEIGHT = 6.4, 4.0
"""Inches: matplotlib's own width, a little lower."""
BETTER, WORSE, LINE = "#1b7837", "#762a83", "#4d4d4d"
"""Told apart by people who cannot tell red from green (ColorBrewer's PRGn)."""
COLOURS = (BETTER, WORSE, LINE, "#2166ac", "#e08214")
NAMED = 25
"""Queries up to which each bar is named."""


@dataclass(frozen=True, slots=True)
class Point:
    """A mean with its interval.

    Args:
        name: What was measured: a system's name, or the swept quantity's value.
        mean: Over queries.
        low: Lower end of the interval.
        high: Upper end.
    """

    name: str
    mean: float
    low: float
    high: float


def differences(by_query: Mapping[str, float], measure: str, title: str = "") -> Figure:
    """One bar a query, the largest gain first (as in figure 4 of GenQREnsemble, ECIR 2024).

    Args:
        by_query: Query id -> value after minus value before.
        measure: Its name.
        title: Above the figure.
    """
    figure = _figure()
    axes = figure.add_subplot()
    ordered = sorted(by_query.items(), key=lambda item: (-item[1], item[0]))
    places = range(len(ordered))
    values = [value for _, value in ordered]
    better, worse = sum(value > TIE for value in values), sum(value < -TIE for value in values)
    axes.bar(places, values, width=0.9, color=[BETTER if value > 0 else WORSE for value in values])
    axes.axhline(0, color=LINE, linewidth=0.8)
    mean = sum(values) / len(values) if values else 0.0
    axes.axhline(mean, color=LINE, linewidth=0.8, linestyle="--")
    axes.set_ylabel(f"difference in {measure}")
    counts = f"{better} better, {len(values) - better - worse} the same, {worse} worse"
    axes.set_xlabel(f"queries: {counts}; mean {mean:+.4f} (dashed)")
    axes.set_xticks(list(places) if len(ordered) <= NAMED else [])
    if len(ordered) <= NAMED:
        axes.set_xticklabels([plain(qid) for qid, _ in ordered], rotation=90, fontsize=7)
    axes.set_title(plain(title))
    return figure


def sweep(points: Sequence[Point], measure: str, swept: str, baseline: float | None = None, title: str = "") -> Figure:
    """A measure against a quantity, with intervals.

    Args:
        points: In order; their names are the quantity's values.
        measure: The measure's name.
        swept: What is swept.
        baseline: Drawn as a level, if given.
        title: Above the figure.
    """
    figure = _figure()
    axes = figure.add_subplot()
    places, means = [float(point.name) for point in points], [point.mean for point in points]
    axes.fill_between(places, [one.low for one in points], [one.high for one in points], color=BETTER, alpha=0.15)
    axes.plot(places, means, color=BETTER, marker="o", markersize=4, label="mean, 95 % interval")
    if baseline is not None:
        axes.axhline(baseline, color=LINE, linestyle="--", linewidth=0.8, label=f"original query {baseline:.4f}")
    axes.set_xticks(places)
    axes.set_xlabel(swept)
    axes.set_ylabel(measure)
    axes.legend(frameon=False)
    axes.set_title(plain(title))
    return figure


def ablation(points: Sequence[Point], measure: str, baseline: float | None = None, title: str = "") -> Figure:
    """Systems below each other, each a dot with its interval.

    Args:
        points: From top to bottom.
        measure: The measure's name.
        baseline: Drawn as a level, if given.
        title: Above the figure.
    """
    figure = _figure(height=1.2 + 0.28 * len(points))
    axes = figure.add_subplot()
    places = list(range(len(points)))
    axes.hlines(places, [one.low for one in points], [one.high for one in points], color=BETTER, linewidth=1.5)
    axes.plot([one.mean for one in points], places, "o", color=BETTER, markersize=5)
    if baseline is not None:
        axes.axvline(baseline, color=LINE, linestyle="--", linewidth=0.8, label=f"original query {baseline:.4f}")
        figure.legend(frameon=False, loc="outside lower right")
    axes.set_yticks(places)
    axes.set_yticklabels([plain(point.name) for point in points])
    axes.invert_yaxis()
    axes.set_xlabel(f"{measure}: mean, 95 % interval")
    axes.set_title(plain(title))
    return figure


def curve(points: Sequence[tuple[float, float]], measure: str, along: str, title: str = "") -> Figure:
    """A quantity along another: a training's loss by step.

    Args:
        points: Place and value, in order.
        measure: The quantity's name.
        along: The other's.
        title: Above the figure.
    """
    return curves({"": points}, measure, along, title)


def curves(lines: Mapping[str, Sequence[tuple[float, float]]], measure: str, along: str, title: str = "") -> Figure:
    """Several quantities of one unit along another, told apart by a legend.

    Args:
        lines: Name -> place and value, in order; at most as many as there are `COLOURS`.
        measure: What all of them are, with the unit.
        along: The other quantity's name.
        title: Above the figure.

    Raises:
        UsageError: There are more.
    """
    if len(lines) > len(COLOURS):
        raise UsageError(f"{len(lines)} lines in one figure", hint=f"{len(COLOURS)} can be told apart")
    figure = _figure()
    axes = figure.add_subplot()
    for (name, points), colour in zip(lines.items(), COLOURS, strict=False):
        places, values = [place for place, _ in points], [value for _, value in points]
        axes.plot(places, values, color=colour, linewidth=1.2, label=plain(name))
    if any(lines):
        axes.legend(frameon=False)
    axes.set_xlabel(along)
    axes.set_ylabel(measure)
    axes.set_title(plain(title))
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG or PNG, by the file's ending.

    Raises:
        UsageError: The ending is neither.
    """
    import matplotlib

    form = path.suffix.lower()
    if form not in FORMS:
        raise UsageError(f"{path}: a figure is written as {' or '.join(FORMS)}")
    # Without a date and with a fixed salt for its ids, the same figure is the same file.
    configure: Any = matplotlib  # the type of `rc_context` is unknown in part
    with configure.rc_context({"svg.hashsalt": "dikast", "svg.fonttype": "none"}):
        figure.savefig(path, dpi=DPI, metadata={"Date": None} if form == ".svg" else {"Software": None})


def plain(text: str) -> str:
    """The text as it is: a dollar sign does not begin a formula."""
    return text.replace("$", r"\$")


def _figure(height: float = HEIGHT) -> Figure:
    """An empty figure.

    Raises:
        MissingExtraError: matplotlib is absent.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", extra="evaluation") from error
    return Figure(figsize=(WIDTH, height), layout="constrained")
