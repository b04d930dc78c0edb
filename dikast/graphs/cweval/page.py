"""The page about runs: func@k, sec@k, func-sec@k, by language and weakness, verdicts, rounds, a static scanner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dikast.evaluation.svg import Dot, dot_plot
from dikast.graphs.cweval.measured import Measured
from dikast.graphs.cweval.scores import Axis, Change, Figure, Scores
from dikast.graphs.cweval.static import Compared
from dikast.pages import Cell, Page, Table, Text
from dikast.pages import Figure as Drawing

KINDS = {"func": "functional", "sec": "secure", "func-sec": "func_secure"}
"""What tables call a score -> where `Scores` has it."""
AXES: tuple[Axis, ...] = ("language", "cwe", "suite")
TITLES: Mapping[Axis, str] = {"language": "by language", "cwe": "by weakness", "suite": "by suite"}


def page_of(
    runs: Sequence[Measured], title: str = "Code that works and is safe", scanned: Mapping[str, Compared] | None = None
) -> Page:
    """Everything about some runs.

    Args:
        runs: The runs.
        title: The heading.
        scanned: Run -> how far a static scanner agrees with what was measured.
    """
    parts: list[Text | Table | Drawing] = [told_of(one) for one in runs]
    parts.append(scores_table(runs))
    parts += [table for axis in AXES if (table := grouped_table(runs, axis)) is not None]
    parts += [verdicts_table(runs), cases_table(runs), *rounds_table(runs), *static_table(scanned or {})]
    return Page(title, (*parts, *figures(runs)))


def told_of(one: Measured) -> Text:
    """How many samples were asked for, and how many were tested."""
    whole = one.report.whole
    told = f"{one.name}: {whole.asked - whole.missing} tested of {whole.asked} asked"
    tasks = f"{len(one.tasks)} tasks, {one.asked} samples each"
    ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(one.outcomes.items()))
    lacking = f"; {whole.missing} have no result, and count as failures" if whole.missing else ""
    return Text(f"{told}: {tasks}{lacking} (rows: {ended or 'none finished'})")


def scores_table(runs: Sequence[Measured]) -> Table:
    """The scores at each k that the samples allow."""
    rows: list[tuple[Cell, ...]] = []
    for one in runs:
        whole = one.report.whole
        for k in whole.functional:
            rows.append((one.name, k, *(told(getattr(whole, name)[k]) for name in KINDS.values())))
    return Table(("run", "k", *(f"{name}@k" for name in KINDS)), tuple(rows), "scores, 95 % intervals over tasks")


def told(figure: Figure) -> str:
    """`0.513 [0.430, 0.590]`."""
    return f"{figure.mean:.3f} [{figure.interval.low:.3f}, {figure.interval.high:.3f}]"


def grouped_table(runs: Sequence[Measured], axis: Axis) -> Table | None:
    """The scores at k = 1 by language, weakness or suite; nothing where all is one."""
    rows: list[tuple[Cell, ...]] = []
    for one in runs:
        groups = {**one.report.by(axis), "all": one.report.whole} if axis == "language" else one.report.by(axis)
        for name, scores in groups.items():
            rows.append((one.name, name, len(scores.tasks), scores.asked, *at_one(scores), *given(scores)))
    if len({row[1] for row in rows}) < 2:
        return None
    columns = ("run", axis, "tasks", "samples", *(f"{name}@1" for name in KINDS), "sec given func", "that work")
    return Table(columns, tuple(rows), TITLES[axis])


def at_one(scores: Scores) -> list[str]:
    """The three scores at k = 1."""
    return [told(getattr(scores, name)[1]) for name in KINDS.values()]


def given(scores: Scores) -> tuple[Cell, Cell]:
    """Of the samples that work the share that is safe, and how many work."""
    return scores.secure_given_functional, scores.working


def verdicts_table(runs: Sequence[Measured]) -> Table:
    """How the samples ended; each run's column adds up to what was asked for."""
    names = sorted({name for one in runs for name in one.report.outcomes})
    rows = tuple((name, *(one.report.outcomes.get(name, 0) for one in runs)) for name in names)
    return Table(("verdict", *(one.name for one in runs)), rows, "verdicts of samples")


def cases_table(runs: Sequence[Measured]) -> Table:
    """How the cases of the last round ended."""
    names = sorted({name for one in runs for name in one.cases})
    rows = tuple((*name, *(one.cases.get(name, 0) for one in runs)) for name in names)
    return Table(("kind", "verdict", *(one.name for one in runs)), rows, "verdicts of cases")


def rounds_table(runs: Sequence[Measured]) -> Iterator[Table]:
    """func-sec@1 of the first and the last round."""
    rows = tuple(
        (one.name, found.before, found.after, told(found.difference), found.p, found.gained, found.lost, found.broken)
        for one in runs
        if (found := one.change) is not None
    )
    if rows:
        columns = ("run", "first round", "last round", "difference", "p", "gained", "lost", "made insecure")
        yield Table(columns, rows, "func-sec@1 before and after revision")


def static_table(scanned: Mapping[str, Compared]) -> Iterator[Table]:
    """A static scanner beside what was measured."""
    rows = tuple(
        (name, one.scanned, one.agreement, one.kappa, one.hits, one.false_alarms, one.misses, one.silent, one.unscanned)
        for name, one in scanned.items()
    )
    if rows:
        heads = ("run", "samples", "agreement", "kappa", "caught", "false alarms", "missed", "rightly silent", "unread")
        yield Table(heads, rows, "Bandit's findings beside the security cases, Python that works")


def figures(runs: Sequence[Measured]) -> Iterator[Drawing]:
    """func@1 and func-sec@1 of each run."""
    dots = [
        Dot(f"{one.name}, {name}", found[1].mean, found[1].interval.low, found[1].interval.high)
        for one in runs
        for name in ("func", "func-sec")
        if 1 in (found := getattr(one.report.whole, KINDS[name]))
    ]
    if dots:
        plot = dot_plot("Works, and works and is safe", dots, low=0, high=1)
        yield Drawing(plot, "scores.svg", "func@1 and func-sec@1 of each run, 95 % intervals over tasks")


def data_of(one: Measured, scanned: Compared | None = None) -> dict[str, Any]:
    """All figures of a run, for JSON."""
    found: dict[str, Any] = {
        "run": one.name,
        "samples_a_task": one.asked,
        **scores_as_dict(one.report.whole),
        "verdicts": dict(one.report.outcomes),
        "cases": [[*name, count] for name, count in sorted(one.cases.items())],
        "outcomes": dict(one.outcomes),
        "by": {axis: {name: scores_as_dict(it) for name, it in one.report.by(axis).items()} for axis in AXES},
    }
    if one.change is not None:
        found["rounds"] = change_as_dict(one.change)
    if scanned is not None:
        found["static"] = static_as_dict(scanned)
    return found


def scores_as_dict(scores: Scores) -> dict[str, Any]:
    """Scores with their intervals, by k."""
    found: dict[str, Any] = {"tasks": len(scores.tasks), "asked": scores.asked, "missing": scores.missing}
    for name, place in KINDS.items():
        for k, figure in getattr(scores, place).items():
            found[f"{name}@{k}"] = figure.mean
            found[f"{name}@{k}_interval"] = list(figure.interval)
    return {**found, "secure_given_functional": scores.secure_given_functional, "working": scores.working}


def change_as_dict(change: Change) -> dict[str, Any]:
    """What revision changed."""
    plain = {name: getattr(change, name) for name in ("before", "after", "p", "gained", "lost", "broken")}
    return {**plain, "difference": change.difference.mean, "difference_interval": list(change.difference.interval)}


def static_as_dict(one: Compared) -> dict[str, Any]:
    """A static scanner's agreement; what is not defined is null."""
    names = ("hits", "false_alarms", "misses", "silent", "unscanned", "scanned", "agreement", "kappa")
    found = {name: getattr(one, name) for name in names}
    return {name: None if value != value else value for name, value in found.items()}
