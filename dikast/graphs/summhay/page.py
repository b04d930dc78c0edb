"""The page about systems: scores, what is more honest, by topic and domain, paired tests, a curve of positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import Any

from dikast.evaluation.svg import Dot, dot_plot
from dikast.graphs.summhay.scores import Scores, bounds
from dikast.graphs.summhay.systems import MEASURES, System, compare, interval_of
from dikast.pages import Cell, Figure, Page, Table, Text
from dikast.stats import wilson

MOST_COMPARED = 12
"""Systems that are compared with each other; a file of the authors has 78, which would be 3,003 comparisons."""


def page_of(systems: Sequence[System], title: str = "Summaries of haystacks") -> Page:
    """Everything about some systems, best joint score first."""
    ordered = sorted(systems, key=lambda one: -(one.pooled().joint or 0.0))
    parts = [*told_of(ordered), scores_table(ordered), more_table(ordered)]
    parts += [table for by in ("topic", "domain") if (table := grouped_table(ordered, by))]
    parts += [*bounds_table(ordered), *comparisons(ordered), *figures(ordered)]
    return Page(title, tuple(parts))


def told_of(systems: Sequence[System]) -> Iterator[Text]:
    """How many summaries were asked for, and how many have a score."""
    for system in systems:
        ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(system.outcomes.items()))
        told = f"{system.name}: {len(system.summaries)} scored of {system.asked} asked"
        if len(system.summaries) != system.asked or set(system.outcomes) - {"ok"}:
            yield Text(told + (f" ({ended})" if ended else ""))


def scores_table(systems: Sequence[System]) -> Table:
    """The three scores with their intervals."""
    rows: list[tuple[Cell, ...]] = []
    for system in systems:
        pooled = system.pooled()
        cells = [with_interval(system, pooled, measure) for measure in MEASURES]
        rows.append((system.name, len(system.summaries), pooled.insights, *cells))
    columns = ("system", "summaries", "insights", *MEASURES)
    return Table(columns, tuple(rows), "scores, 95 % intervals over subtopics")


def with_interval(system: System, pooled: Scores, measure: Any) -> str | None:
    """`0.513 [0.430, 0.590]`; nothing where there is no score."""
    value = getattr(pooled, measure)
    if value is None:
        return None
    interval = interval_of(system, measure)
    return f"{value:.3f}" + (f" [{interval.low:.3f}, {interval.high:.3f}]" if interval else "")


def more_table(systems: Sequence[System]) -> Table:
    """What the three scores do not see."""
    names = ("precision", "recall", "bullet_precision", "redundancy", "length_adjusted_joint", "spread")
    heads = ("cited rightly", "gold cited", "bullets matched", "redundant", "length-adjusted joint", "spread")
    rows = [
        (one.name, *(getattr(pooled, name) for name in names), pooled.spread_citation, pooled.words_a_bullet)
        for one in systems
        for pooled in [one.pooled()]
    ]
    return Table(("system", *heads, "citation of spread", "words a bullet"), tuple(rows), "more about the summaries")


def grouped_table(systems: Sequence[System], by: str) -> Table | None:
    """The joint score by topic or domain; nothing where all is one."""
    groups = list(dict.fromkeys(getattr(one, by) for system in systems for one in system.summaries))
    if len(groups) < 2:
        return None
    rows: list[tuple[Cell, ...]] = []
    for system in systems:
        found = [system.pooled(lambda one, group=group: getattr(one, by) == group).joint for group in groups]
        rows.append((system.name, *found))
    return Table(("system", *groups), tuple(rows), f"joint by {by}")


def bounds_table(systems: Sequence[System]) -> Iterator[Table]:
    """What the scores would be, had all insights without a verdict been covered, or none."""
    rows: list[tuple[Cell, ...]] = []
    for system in systems:
        missing, found = system.pooled().unlabelled, bounds(one.score for one in system.summaries)
        if missing:
            rows.append(
                (system.name, missing, *(f"{found[m][0]:.3f} to {found[m][1]:.3f}" for m in ("coverage", "joint")))
            )
    if rows:
        yield Table(("system", "insights without a verdict", "coverage", "joint"), tuple(rows), "bounds")


def comparisons(systems: Sequence[System]) -> Iterator[Table | Text]:
    """Paired tests between systems."""
    if len(systems) > MOST_COMPARED:
        yield Text(f"no paired tests: {len(systems)} systems; at most {MOST_COMPARED} are compared", "note")
        return
    rows = tuple(
        (f"{one.second} - {one.first}", one.subtopics, f"{one.difference:+.3f}", one.p, one.adjusted)
        for one in compare(systems)
    )
    if rows:
        yield Table(("difference in joint", "subtopics", "mean", "p", "p (Holm)"), rows, "paired randomisation tests")


def figures(systems: Sequence[System]) -> Iterator[Figure]:
    """The joint scores, and each run's curve of positions."""
    dots = [dot_of(system) for system in systems if system.pooled().joint is not None]
    if dots:
        yield Figure(dot_plot("Joint score", dots, low=0, high=1), "joint.svg", "joint score of each system")
    placed = [system for system in systems if any(held for held, _ in system.positions)]
    for number, system in enumerate(placed, start=1):
        title = f"Cited, by where a document stood: {system.name}"
        plot = dot_plot(title, [tenth(*one) for one in enumerate(system.positions)], low=0, high=1)
        caption = f"{title}: the share of the documents there that hold a covered insight"
        yield Figure(plot, f"positions-{number}.svg", caption)


def dot_of(system: System) -> Dot:
    """A system's joint score as a row of the plot."""
    interval = interval_of(system, "joint")
    low, high = (interval.low, interval.high) if interval else (nan, nan)
    return Dot(system.name, system.pooled().joint or 0.0, low, high)


def tenth(place: int, counts: tuple[int, int]) -> Dot:
    """A tenth of what was shown: what share of the documents there that hold a covered insight is cited for it."""
    held, cited = counts
    label = f"{place * 10}-{place * 10 + 10} % ({held})"
    return Dot(label, cited / held, *wilson(cited, held)) if held else Dot(label, nan)


def data_of(systems: Sequence[System]) -> list[dict[str, Any]]:
    """All figures, for JSON, in the order of the systems."""
    return [
        {
            "system": system.name,
            "asked": system.asked,
            "scored": len(system.summaries),
            "outcomes": dict(system.outcomes),
            **system.pooled().as_dict(),
            "intervals": {m: list(found) if (found := interval_of(system, m)) else None for m in MEASURES},
            "bounds": {name: list(pair) for name, pair in bounds(one.score for one in system.summaries).items()},
            "topics": grouped(system, "topic"),
            "domains": grouped(system, "domain"),
            "positions": [list(one) for one in system.positions],
        }
        for system in systems
    ]


def grouped(system: System, by: str) -> Mapping[str, Mapping[str, float | int | None]]:
    """The scores by topic or domain."""
    groups = dict.fromkeys(getattr(one, by) for one in system.summaries)
    return {group: system.pooled(lambda one, group=group: getattr(one, by) == group).as_dict() for group in groups}
