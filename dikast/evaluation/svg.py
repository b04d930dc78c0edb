"""Plots as SVG text: dots with intervals on one axis, a row a judge. No plotting package, no fonts, no scripts.

Path("accuracy.svg").write_text(dot_plot("Accuracy", [Dot("gpt-4", 0.83, 0.75, 0.89, 0.85)], low=0, high=1))
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dikast.pages import visible

LABEL_WIDTH = 230
PLOT_WIDTH = 420
VALUE_WIDTH = 190
ROW_HEIGHT = 26
TITLE_HEIGHT = 34
AXIS_HEIGHT = 34
TICKS = 5
LABEL_CHARACTERS = 34
INK, MUTED, ACCENT, SOFT = "#1a1a1a", "#6b6b6b", "#1f5fa8", "#e08a00"


@dataclass(frozen=True, slots=True)
class Dot:
    """One row.

    Args:
        label: Whose it is; shortened where it does not fit.
        value: The figure; NaN draws none.
        low: Lower end of its interval; NaN draws none.
        high: Upper end.
        bound: A second mark, open: what the figure would be had all unparsed verdicts been right; NaN draws none.
    """

    label: str
    value: float
    low: float = math.nan
    high: float = math.nan
    bound: float = math.nan


def dot_plot(title: str, dots: Sequence[Dot], *, low: float, high: float, mark: float | None = None) -> str:
    """A complete SVG document.

    Args:
        title: Drawn on top, and read out by screen readers.
        dots: The rows, top to bottom.
        low: Left end of the axis.
        high: Right end.
        mark: Where to draw a vertical line: no bias, or chance.
    """
    width = LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH
    bottom = TITLE_HEIGHT + ROW_HEIGHT * len(dots)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + AXIS_HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="13"><title>{_safe(title)}</title>'
        f'<rect width="{width}" height="{bottom + AXIS_HEIGHT}" fill="#ffffff"/>'
        f'<text x="10" y="22" font-weight="bold" fill="{INK}">{_safe(title)}</text>'
    )

    def x(value: float) -> float:
        inside = min(max(value, low), high)
        return LABEL_WIDTH + PLOT_WIDTH * (inside - low) / (high - low)

    ticks = "".join(_tick(x(at), at, bottom) for i in range(TICKS) for at in [low + (high - low) * i / (TICKS - 1)])
    line = "" if mark is None else _vertical(x(mark), bottom, MUTED, 'stroke-dasharray="4 3"')
    rows = "".join(
        _row(dot, TITLE_HEIGHT + ROW_HEIGHT * i + ROW_HEIGHT / 2, x(dot.value), x(dot.low), x(dot.high), x(dot.bound))
        for i, dot in enumerate(dots)
    )
    return f"{head}{ticks}{line}{rows}</svg>\n"


def _row(dot: Dot, y: float, at: float, low: float, high: float, bound: float) -> str:
    label = dot.label if len(dot.label) <= LABEL_CHARACTERS else dot.label[: LABEL_CHARACTERS - 1] + "…"
    parts = [f'<text x="{LABEL_WIDTH - 12}" y="{y + 4:.1f}" text-anchor="end" fill="{INK}">{_safe(label)}</text>']
    if not math.isnan(dot.low) and not math.isnan(dot.high):
        parts.append(
            f'<line x1="{low:.1f}" y1="{y:.1f}" x2="{high:.1f}" y2="{y:.1f}" stroke="{ACCENT}" stroke-width="2"/>'
        )
    if not math.isnan(dot.bound) and dot.bound != dot.value:
        parts.append(f'<circle cx="{bound:.1f}" cy="{y:.1f}" r="4" fill="#ffffff" stroke="{SOFT}" stroke-width="2"/>')
    if not math.isnan(dot.value):
        parts.append(f'<circle cx="{at:.1f}" cy="{y:.1f}" r="5" fill="{ACCENT}"/>')
    x = LABEL_WIDTH + PLOT_WIDTH + 14
    return (
        "".join(parts)
        + f'<text x="{x}" y="{y + 4:.1f}" fill="{INK}">{_safe(interval(dot.value, dot.low, dot.high))}</text>'
    )


def interval(value: float, low: float, high: float) -> str:
    """`0.832 [0.750, 0.891]`; without brackets where the interval is not defined, a dash where the figure is not."""
    if math.isnan(value):
        return "–"
    shown = [f"{figure:.3f}".replace("-0.000", "0.000") for figure in (value, low, high)]
    return shown[0] if math.isnan(low) else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _tick(x: float, value: float, bottom: float) -> str:
    text = f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle" fill="{MUTED}">{value:g}</text>'
    return _vertical(x, bottom, "#e3e3e3", "") + text


def _vertical(x: float, bottom: float, color: str, more: str) -> str:
    return f'<line x1="{x:.1f}" y1="{TITLE_HEIGHT}" x2="{x:.1f}" y2="{bottom}" stroke="{color}" {more}/>'


def _safe(text: str) -> str:
    """Escaped, and without what XML cannot hold; names of judges come from files."""
    return escape(visible(text))
