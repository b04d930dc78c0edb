"""Comparison tables as Markdown, LaTeX or CSV.

    print(render(compare(qrels, runs, baseline="bm25"), "latex"))

Markdown and LaTeX round for reading; CSV gives every figure as it is. LaTeX needs the `booktabs` package.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence

from dikast.errors import UsageError
from dikast.retrieval.compare import Row

HEADER = ("measure", "system", "asked", "scored", "mean", "difference", "interval", "p (t)", "p (rand.)", "w/t/l")
CSV_HEADER = (
    "measure",
    "system",
    "asked",
    "scored",
    "mean",
    "difference",
    "low",
    "high",
    "p_t",
    "p_randomisation",
    "wins",
    "ties",
    "losses",
)
SMALLEST_P = 0.001  # smaller ones are shown as "< .001"
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$"},
}


def render(rows: Sequence[Row], form: str) -> str:
    """The table as text, ending in a line break.

    Args:
        rows: From `compare`.
        form: `markdown`, `latex` or `csv`.

    Raises:
        UsageError: `form` is none of these.
    """
    if form not in _FORMS:
        raise UsageError(f"table form {form!r} is unknown", hint=f"one of {', '.join(_FORMS)}")
    return _FORMS[form](rows)


def _markdown(rows: Sequence[Row]) -> str:
    lines = [HEADER, ("---", "---", *("---:",) * (len(HEADER) - 2)), *map(cells, rows)]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def _latex(rows: Sequence[Row]) -> str:
    lines = [" & ".join(map(_escape, line)) + r" \\" for line in (HEADER, *map(cells, rows))]
    head = rf"\begin{{tabular}}{{ll{'r' * (len(HEADER) - 2)}}}"
    return "\n".join([head, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}", ""])


def _escape(cell: str) -> str:
    return re.sub(r"[&%$#_{}\\~^<]", lambda found: _LATEX[found[0]], cell)


def _csv(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    writer.writerows(map(_figures, rows))
    return out.getvalue()


def _figures(row: Row) -> tuple[object, ...]:
    start = (row.measure, row.system, row.asked, row.scored, row.mean)
    pair = row.paired
    if pair is None:
        return (*start, *("",) * (len(CSV_HEADER) - len(start)))
    tests = (pair.difference, *pair.interval, "" if pair.p_t is None else pair.p_t, pair.p_randomisation)
    return (*start, *tests, pair.wins, pair.ties, pair.losses)


def cells(row: Row) -> tuple[str, ...]:
    """A row as people read it, below `HEADER`."""
    start = (row.measure, row.system, str(row.asked), str(row.scored), f"{row.mean:.4f}")
    pair = row.paired
    if pair is None:
        return (*start, *("",) * (len(HEADER) - len(start)))
    interval = f"[{pair.interval.low:+.4f}, {pair.interval.high:+.4f}]"
    counts = f"{pair.wins}/{pair.ties}/{pair.losses}"
    return (*start, f"{pair.difference:+.4f}", interval, _p(pair.p_t), _p(pair.p_randomisation), counts)


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return f"< {SMALLEST_P}" if value < SMALLEST_P else f"{value:.3f}"


_FORMS: Mapping[str, Callable[[Sequence[Row]], str]] = {"markdown": _markdown, "latex": _latex, "csv": _csv}
