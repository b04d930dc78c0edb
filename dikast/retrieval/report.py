"""Comparison tables as Markdown, LaTeX or CSV.

    print(render(compare(qrels, runs, baseline="bm25"), "latex"))

Markdown and LaTeX round for reading; CSV gives every figure as it is. LaTeX needs the `booktabs` package.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dikast.disk import refused
from dikast.errors import UsageError
from dikast.retrieval.compare import Row
from dikast.retrieval.files import replacing

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
PAIR_HEADER = ("measure", "system", "other", "difference", "interval", "p (Tukey)")
SMALLEST_P = 0.001  # smaller ones are shown as "< .001"
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$"},
}


def render_pairs(pairs: Sequence[Mapping[str, Any]], form: str) -> str:
    """All pairs of systems as text, ending in a line break.

    Args:
        pairs: From `tukey_pairs`.
        form: As for `render`.
    """
    lines = list(map(pair_cells, pairs))
    if form == "csv":
        figures = [(*list(pair.values())[:4], *pair["interval"].values(), pair["p"]) for pair in pairs]
        return _as_csv((*PAIR_HEADER[:4], "low", "high", "p_tukey"), figures)
    return _markdown_of(PAIR_HEADER, lines) if form == "markdown" else _latex_of(PAIR_HEADER, lines)


def pair_cells(pair: Mapping[str, Any]) -> tuple[str, ...]:
    """A pair as people read it, below `PAIR_HEADER`."""
    low, high = pair["interval"].values()
    interval = f"[{low:+.4f}, {high:+.4f}]"
    return (pair["measure"], pair["first"], pair["second"], f"{pair['difference']:+.4f}", interval, _p(pair["p"]))


def write_values(path: Path, values: Mapping[str, Mapping[str, Mapping[str, float]]], measures: Sequence[str]) -> None:
    """Every query's value as CSV: measure, system, query, value.

    Raises:
        DataError: It cannot be written.
    """
    lines = [
        (what, name, qid, value) for what in measures for name in values for qid, value in values[name][what].items()
    ]
    try:
        with replacing(path) as file:
            file.write(_as_csv(("measure", "system", "query", "value"), lines).encode())
    except OSError as error:
        raise refused(error, path, "written") from error


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
    return _markdown_of(HEADER, list(map(cells, rows)))


def _markdown_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ("---", "---", *("---:",) * (len(header) - 2)), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def _latex(rows: Sequence[Row]) -> str:
    return _latex_of(HEADER, list(map(cells, rows)))


def _latex_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" & ".join(map(_escape, line)) + r" \\" for line in (header, *rows)]
    head = rf"\begin{{tabular}}{{ll{'r' * (len(header) - 2)}}}"
    return "\n".join([head, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}", ""])


def _escape(cell: str) -> str:
    return re.sub(r"[&%$#_{}\\~^<]", lambda found: _LATEX[found[0]], cell)


def _csv(rows: Sequence[Row]) -> str:
    return _as_csv(CSV_HEADER, list(map(_figures, rows)))


def _as_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
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
