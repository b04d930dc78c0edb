"""Safety tests told to a person: one self-contained HTML page; the same in Markdown and CSV.

    report = render(summary, title="Support assistant", cases=cases)
    report.html, report.markdown, report.csv

The page needs no script and no network: it opens from a disk, in light and in dark, and forbids itself to load
anything. It never shows the text of a reply that was judged unsafe, or not judged: those are named by their hash.

Not covered: plots as files, and comparison with an earlier run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations

from dikast import pages
from dikast.errors import UsageError
from dikast.evaluation.axes import Cell
from dikast.evaluation.diversity import Diversity
from dikast.evaluation.prevalence import Prevalence
from dikast.evaluation.safety import page
from dikast.evaluation.safety.summary import TALLIES, Rate, SafetyCase, Summary, Tally
from dikast.pages import Page, Table, Text

UNDECIDED_TOLD = 0.02
"""From this share of undecided cases on, the page's first lines warn of it."""

LEAST_DIVERSE = 10


@dataclass(frozen=True, slots=True)
class SafetyReport:
    """What to write to disk."""

    html: str
    markdown: str
    csv: str


def render(
    summary: Summary,
    *,
    title: str = "Safety tests",
    facts: Mapping[str, str] | None = None,
    cases: Iterable[SafetyCase] = (),
    corrected: Mapping[str, Prevalence] | None = None,
    diversity: Sequence[tuple[Cell, Diversity]] = (),
) -> SafetyReport:
    """Tell a summary.

    Args:
        summary: What was counted.
        title: The page's.
        facts: What to say below it: date, judge, authority, ...
        cases: For the list of unsafe replies, by hash, and for samples of safe ones.
        corrected: Target -> its unsafe rate, corrected for the judge's errors.
        diversity: Of the prompts of each cell.

    Raises:
        UsageError: Nothing was asked.
    """
    if not summary.targets and not summary.benign:
        raise UsageError("no case to report", hint="run at least one")
    known, findings = list(cases), _findings(summary)
    sections = _sections(summary, known, corrected or {}, diversity)
    return SafetyReport(
        html=_html(title, facts or {}, summary, findings, sections),
        markdown=pages.markdown(_page(title, facts or {}, summary, findings)),
        csv=pages.csv(_tallies_table(summary)),
    )


def _findings(summary: Summary) -> list[str]:
    """The first lines, in Markdown's plain text; names are made safe by whoever shows them."""
    ranked = sorted(summary.targets, key=lambda tally: (-tally.unsafe.value, tally.target))
    lines: list[str] = []
    if ranked and not any(tally.unsafe.count for tally in ranked):
        bound = page.percent(max(tally.unsafe.high for tally in ranked))
        lines.append(f"No unsafe reply was found. That does not mean none: the interval of the rate reaches {bound}.")
    elif len(ranked) == 1:
        lines.append(f"{ranked[0].target} is unsafe in {_of(ranked[0].unsafe)}.")
    elif ranked:
        apart = "do not overlap" if ranked[0].unsafe.low > ranked[-1].unsafe.high else "overlap"
        lines.append(f"{ranked[0].target} is unsafe most often: {_of(ranked[0].unsafe)}.")
        lines.append(f"{ranked[-1].target} least often: {_of(ranked[-1].unsafe)}; the two intervals {apart}.")
    worst = max(summary.values, key=lambda tally: (tally.unsafe.low, tally.unsafe.value), default=None)
    if worst is not None and worst.unsafe.count:
        (axis, value), *_ = worst.cell.items()
        lines.append(f"The weakest spot of one value: {value} ({axis}) on {worst.target}, {_of(worst.unsafe)}.")
    return [*lines, *_warnings(summary, ranked)]


def _warnings(summary: Summary, ranked: Sequence[Tally]) -> list[str]:
    """One line for each thing to distrust, all targets in it."""
    told = {
        "Undecided, and what the unsafe rate would be had all of that been unsafe": [
            f"{tally.target} {tally.undecided} of {tally.asked}, {page.percent(tally.unsafe_if_undecided.value)}"
            for tally in ranked
            if tally.undecided >= UNDECIDED_TOLD * tally.asked
        ],
        "Tuples never executed": [
            f"{target} {len(found.missing)} of {found.total}"
            for target, found in summary.coverage.items()
            if found.missing
        ],
        "Benign prompts declined": [
            f"{tally.target} {_of(tally.refusal)}" for tally in summary.benign if tally.refusal.count
        ],
    }
    return [f"{what}: {'; '.join(found)}." for what, found in told.items() if found]


def _of(rate: Rate) -> str:
    return f"{rate.count} of {rate.of}, {page.percent(rate.value)} {page.span(rate.low, rate.high)}"


def _sections(
    summary: Summary,
    cases: Sequence[SafetyCase],
    corrected: Mapping[str, Prevalence],
    diversity: Sequence[tuple[Cell, Diversity]],
) -> list[tuple[str, str]]:
    """Heading and HTML; a section about nothing is left out."""
    values = _axis_values(summary)
    parts = [
        ("Targets compared", _compared(summary, corrected)),
        ("How the cases ended", page.outcomes(summary)),
        ("Where it is unsafe, by axis", _by_axis(summary, values)),
        ("Pairs of values, by target", _by_pairs(summary, values)),
        ("Coverage", page.coverage(summary) if summary.coverage else ""),
        ("Diversity of the prompts", _diversity(diversity) if diversity else ""),
        ("Unsafe replies", _unsafe(cases) if cases else ""),
        ("Samples of safe replies", page.samples(cases) if any(case.sample for case in cases) else ""),
    ]
    return [(heading, html) for heading, html in parts if html]


def _axis_values(summary: Summary) -> dict[str, list[str]]:
    """Every axis and its values, in the order in which they first occur."""
    values: dict[str, dict[str, None]] = {}
    for tally in summary.values:
        for axis, value in tally.cell.items():
            values.setdefault(axis, {})[value] = None
    return {axis: sorted(found) for axis, found in values.items()}


def _compared(summary: Summary, corrected: Mapping[str, Prevalence]) -> str:
    note = (
        "Rates are of all cases asked, with Wilson's 95 % interval. Dot: unsafe; line: its interval; amber: how far it "
        "would move had everything undecided been unsafe."
    )
    extra = (
        " Corrected: Rogan and Gladen's estimate with Lang and Reiczigel's interval, from the judge's own errors."
        if corrected
        else ""
    )
    return f'<p class="note">{note}{extra}</p>{page.comparison(summary, corrected)}'


def _by_axis(summary: Summary, values: Mapping[str, Sequence[str]]) -> str:
    if not values:
        return ""
    end = page.axis_end(tally.unsafe for tally in summary.targets)
    end = max(end, max((tally.unsafe.value for tally in summary.values), default=end))
    return page.ramp(end) + "".join(page.by_target(summary, axis, values[axis], end) for axis in values)


def _by_pairs(summary: Summary, values: Mapping[str, Sequence[str]]) -> str:
    if len(values) < 2:
        return ""
    end = max((tally.unsafe.value for tally in summary.pairs), default=0.0) or 1.0
    blocks: list[str] = []
    for i, target in enumerate(summary.targets):
        own = [tally for tally in summary.pairs if tally.target == target.target]
        maps = [_pair_map(own, pair, values, end) for pair in combinations(values, 2)]
        is_open = " open" if i == 0 else ""
        blocks.append(f"<details{is_open}><summary>{page.safe(target.target)}</summary>{''.join(maps)}</details>")
    return page.ramp(end) + "".join(blocks)


def _pair_map(own: Sequence[Tally], pair: tuple[str, str], values: Mapping[str, Sequence[str]], end: float) -> str:
    """The axis with more values goes down."""
    down, across = sorted(pair, key=lambda axis: -len(values[axis]))
    return page.by_pair(own, down, across, values, end)


def _diversity(found: Sequence[tuple[Cell, Diversity]]) -> str:
    ranked = sorted(found, key=lambda item: (math.isnan(item[1].distance), item[1].distance))[:LEAST_DIVERSE]
    rows = [
        f'<tr><td class="text">{page.cell_text(cell)}</td><td>{one.n}</td><td>{_plain(one.distance)}</td>'
        f"<td>{_plain(one.distinct)}</td></tr>"
        for cell, one in ranked
    ]
    note = f"The {len(rows)} least diverse of {len(found)} cells. Distance: mean Jaccard distance of two prompts, 0..1."
    return f'<p class="note">{note}</p>' + page.table(["cell", "prompts", "distance", "distinct word pairs"], rows)


def _unsafe(cases: Sequence[SafetyCase]) -> str:
    note = (
        "Their text is in the run's protected file only; the hash finds it there. All cases, sorted and filtered: "
        "'dikast view RUN'."
    )
    return f'<p class="note">{note}</p>{page.unsafe_cases(cases)}'


def _html(
    title: str, facts: Mapping[str, str], summary: Summary, findings: Sequence[str], sections: Sequence[tuple[str, str]]
) -> str:
    told = "".join(f"<span>{page.safe(name)}: {page.safe(value)}</span>" for name, value in facts.items())
    lines = "".join(f"<li>{page.safe(line)}</li>" for line in findings)
    body = "".join(f"<section><h2>{heading}</h2>{html}</section>" for heading, html in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f'<link rel="icon" href="data:,"><title>{page.safe(title)}</title><style>{_css()}</style></head><body><main>'
        f'<h1>{page.safe(title)}</h1><div class="facts">{told}</div>{_tiles(summary)}'
        f'<ul class="findings">{lines}</ul>{body}</main></body></html>\n'
    )


def _tiles(summary: Summary) -> str:
    asked = sum(tally.asked for tally in summary.targets)
    unsafe = sum(tally.unsafe.count for tally in summary.targets)
    undecided = sum(tally.undecided for tally in summary.targets)
    tiles = [("targets", f"{len(summary.targets)}"), ("cases asked", f"{asked:,}"), ("unsafe", f"{unsafe:,}")]
    tiles.append(("undecided", f"{undecided:,}"))
    if summary.coverage:
        least = min(summary.coverage.values(), key=lambda found: found.share)
        tiles.append((f"{least.strength}-way coverage, lowest", page.percent(least.share)))
    if summary.benign:
        tiles.append(("benign prompts", f"{sum(tally.asked for tally in summary.benign):,}"))
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{n}</b><span>{t}</span></div>' for t, n in tiles)
        + "</div>"
    )


@cache
def _css() -> str:
    return files("dikast.evaluation.safety").joinpath("report.css").read_text("utf-8")


def _plain(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def headline_tables(summary: Summary) -> Iterator[Table]:
    """Each target's rates, and how it took benign prompts; a table about nothing is left out."""
    if summary.targets:
        rows = [(t.target, *_figures(t), *_doubts(t, summary)) for t in summary.targets]
        yield Table(("target", *_FIGURES, *_DOUBTS), tuple(rows), "Targets compared")
    if summary.benign:
        rows = [(t.target, t.asked, _of(t.refusal)) for t in summary.benign]
        yield Table(("target", "benign prompts", "declined"), tuple(rows), "Over-refusal")


def detail_tables(summary: Summary) -> Iterator[Table]:
    """The same rates by the values of each axis; coverage."""
    for axis in _axis_values(summary):
        rows = [(t.cell[axis], t.target, *_figures(t)) for t in summary.values if axis in t.cell]
        yield Table((axis, "target", *_FIGURES), tuple(sorted(rows)), axis)
    if summary.coverage:
        rows = [
            (target, c.strength, f"{c.covered} of {c.total}", page.percent(c.share))
            for target, c in summary.coverage.items()
        ]
        yield Table(("target", "strength", "tuples", "share"), tuple(rows), "Coverage")


_FIGURES = ("asked", "answered", "unsafe", "if undecided were unsafe", "refused or filtered")
_DOUBTS = ("undecided", "failed", "judges agree (α)")


def _figures(tally: Tally) -> tuple[pages.Cell, ...]:
    rates = (tally.unsafe, tally.unsafe_if_undecided, tally.refusal)
    return (tally.asked, tally.executed, *(_of(rate) for rate in rates))


def _doubts(tally: Tally, summary: Summary) -> tuple[pages.Cell, ...]:
    return (tally.undecided, tally.failed.count, summary.alpha.get(tally.target))


def _page(title: str, facts: Mapping[str, str], summary: Summary, findings: Sequence[str]) -> Page:
    told = [Text(" · ".join(f"{name}: {value}" for name, value in facts.items()), "note")] if facts else []
    return Page(title, (*told, *map(Text, findings), *headline_tables(summary), *detail_tables(summary)))


def _tallies_table(summary: Summary) -> Table:
    """One row a tally: level, target, the axes, counts, rates."""
    axes = list(_axis_values(summary))
    rows = [
        (level, tally.target, *(tally.cell.get(axis, "") for axis in axes), *_counts(tally))
        for level in TALLIES
        for tally in getattr(summary, level)
    ]
    return Table(("level", "target", *axes, *_COUNTS), tuple(rows))


_COUNTS = ("asked", "executed", "unsafe", "undecided", "declined", "unsafe_rate", "low", "high")


def _counts(tally: Tally) -> tuple[pages.Cell, ...]:
    rate = tally.unsafe
    counts = (tally.asked, tally.executed, rate.count, tally.undecided, tally.refusal.count)
    return (*counts, rate.value, rate.low, rate.high)
