"""Where a judge and people part: how often it is right in each group of pairs, and the pairs on which they differ.

A group is what a pair's input calls it, in the first of the columns `group`, `category`, `subset`, `task`, `dataset`
that any pair has. What is compared with people is the run's own final verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from dikast.evaluation.calibration import Ties, credit_of
from dikast.evaluation.svg import interval
from dikast.graphs.reviseval.results import JudgedRun, id_of, labels_of, once, verdicts_of, winners_of
from dikast.pages import Table, Text
from dikast.stats import bounded_mean

GROUPS = ("group", "category", "subset", "task", "dataset")
UNGROUPED = "(none)"
SHOWN = 50
"""Pairs of each run that are listed."""
BEGINNING = 100
"""Characters of an instruction that are told."""
PSEUDO = 2
"""Of Agresti and Coull's interval; see `dikast.stats.bounded_mean`."""


def by_group(runs: Sequence[JudgedRun], gold: str, ties: Ties) -> Iterator[Table]:
    """How often each run's winner is people's, group by group; nothing where no pair says of which group it is."""
    column = next((name for name in GROUPS if any(row["input"].get(name) for run in runs for row in run.rows)), None)
    if column is None:
        return
    lines = [line for run in runs for line in _groups(run, column, gold, ties)]
    yield Table(("judge", column, "pairs", "without a verdict", "right"), tuple(lines), f"How often right, by {column}")


def _groups(run: JudgedRun, column: str, gold: str, ties: Ties) -> Iterator[tuple[str, str, int, int, str]]:
    groups = {id_of(row): str(row["input"].get(column) or UNGROUPED) for row in once(run)}
    found: dict[str, list[float | None]] = {}
    for id_, credit in _credits(run, gold, ties).items():
        found.setdefault(groups[id_], []).append(credit)
    for group, credits in sorted(found.items()):
        values = [credit or 0.0 for credit in credits]
        low, high = bounded_mean(values, 0, 1, pseudo=PSEUDO)
        yield run.name, group, len(values), credits.count(None), interval(fmean(values), low, high)


def _credits(run: JudgedRun, gold: str, ties: Ties) -> dict[str, float | None]:
    """Row id -> how right the run's winner is, of the pairs that people were asked; `None` without a verdict."""
    winners = winners_of(run)
    return {
        id_: credit_of(winners[id_], label, ties)
        for id_, label in labels_of(run, gold).items()
        if ties != "leave-out" or label != "tie"
    }


def differing(runs: Sequence[JudgedRun], gold: str, ties: Ties) -> Iterator[Table | Text]:
    """The pairs on which a run's winner is not people's, those without a verdict among them."""
    lines: list[tuple[str, ...]] = []
    left_out = 0
    for run in runs:
        found = [id_ for id_, credit in _credits(run, gold, ties).items() if credit != 1]
        lines += _pairs(run, found[:SHOWN], gold)
        left_out += len(found[SHOWN:])
    if lines:
        columns = ("judge", "pair", "people", "judge says", "1 first", "2 first", "instruction")
        yield Table(columns, tuple(lines), "Where judge and people differ")
    if left_out:
        yield Text(f"and {left_out} more; 'dikast view RUN' shows every pair.", "note")


def _pairs(run: JudgedRun, ids: Sequence[str], gold: str) -> Iterator[tuple[str, ...]]:
    people, winners = labels_of(run, gold), winners_of(run)
    said = {one.id: one for one in verdicts_of(run)}
    asked = {id_of(row): " ".join(str(row["input"].get("instruction", "")).split()) for row in once(run)}
    for id_ in ids:
        text = asked[id_] if len(asked[id_]) <= BEGINNING else f"{asked[id_][:BEGINNING]}…"
        yield (
            run.name,
            id_,
            people[id_],
            *(verdict or "-" for verdict in (winners[id_], said[id_].ab, said[id_].ba)),
            text,
        )
