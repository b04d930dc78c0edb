"""Where a judge and people part: how often it is right in each group of pairs, and the pairs on which they differ most.

A group is what a pair's input calls it, in the column that is named, else in the first of the columns `group`,
`category`, `subset`, `task`, `dataset` that any pair has. What is compared with people is the run's own final verdict.
The largest flips come first: how far apart two verdicts are is the difference between what they make of response 1's
chance, 1 for a win of response 1, 0 for a win of response 2, a half for a tie, or the judge's own probability.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from dikast.errors import UsageError
from dikast.evaluation.calibration import Ties, credit_of
from dikast.evaluation.groups import GroupShare, mean_of_groups, rewardbench_sections, shares_by_group
from dikast.evaluation.svg import interval
from dikast.graphs.reviseval.results import JudgedRun, id_of, labels_of, once, output_of, verdicts_of, winners_of
from dikast.pages import Cell, Table, Text
from dikast.verdicts import Winner

GROUPS = ("group", "category", "subset", "task", "dataset")
UNGROUPED = "(none)"
SHOWN = 50
"""Pairs of each run that are listed."""
BEGINNING = 100
"""Characters of an instruction that are told."""
CHANCE: Mapping[Winner, float] = {"1": 1.0, "tie": 0.5, "2": 0.0}
"""A verdict as the chance of response 1."""


def column_of(runs: Sequence[JudgedRun], by: str | None = None) -> str | None:
    """The column that says of which group a pair is; `None` where no pair says it, and nobody asked for one.

    Raises:
        UsageError: No pair has the column that is named.
    """
    given = {name for run in runs for row in run.rows for name, value in row["input"].items() if value}
    if by is not None and by not in given:
        raise UsageError(f"no pair has the column {by!r}", hint=f"--by one of: {', '.join(sorted(given))}")
    return by or next((name for name in GROUPS if name in given), None)


def shares_of(run: JudgedRun, column: str, gold: str, ties: Ties) -> list[GroupShare]:
    """Each group's figures, of the pairs that people were asked."""
    groups = {id_of(row): _word(row["input"].get(column)) for row in once(run)}
    same = {one.id: None if one.ab is None or one.ba is None else one.ab == one.ba for one in verdicts_of(run)}
    return shares_by_group(_credits(run, gold, ties), same, groups)


def _word(value: object) -> str:
    return UNGROUPED if value in (None, "") else str(value)


def by_group(runs: Sequence[JudgedRun], gold: str, ties: Ties, by: str | None = None) -> Iterator[Table | Text]:
    """How often each run's winner is people's, group by group; nothing where no pair says of which group it is."""
    column = column_of(runs, by)
    if column is None:
        return
    found = {run.name: shares_of(run, column, gold, ties) for run in runs}
    lines = [
        (
            name,
            one.group,
            one.n,
            one.unparsed,
            interval(one.right, *one.right_interval),
            interval(one.same, *one.same_interval),
        )
        for name, shares in found.items()
        for one in shares
    ]
    columns = ("judge", column, "pairs", "without a verdict", "right", "same in both orders")
    yield Table(columns, tuple(lines), f"How often right, by {column}")
    yield Table(("judge", "groups", "mean", "right"), tuple(_means(found)), "Over all groups")
    if any(map(rewardbench_sections, found.values())):
        yield Text(
            "RewardBench's sections weigh its subsets as the benchmark does; math-prm weighs as all code.", "note"
        )


def _means(found: Mapping[str, Sequence[GroupShare]]) -> Iterator[tuple[Cell, ...]]:
    for name, shares in found.items():
        pairs = sum(one.n for one in shares)
        yield name, len(shares), "over pairs", sum(one.n * one.right for one in shares) / pairs
        yield name, len(shares), "over groups", mean_of_groups(shares)
        sections = rewardbench_sections(shares)
        for section, right in sections.items():
            yield name, len(shares), f"section {section}", right
        if sections:
            yield name, len(shares), f"over {len(sections)} of RewardBench's 4 sections", fmean(sections.values())


def groups_as_json(runs: Sequence[JudgedRun], gold: str, ties: Ties, by: str | None = None) -> list[dict[str, Any]]:
    """The same figures for JSON, a run after the other."""
    column = column_of(runs, by)
    if column is None:
        return []
    found = [(run.name, shares_of(run, column, gold, ties)) for run in runs]
    return [
        {
            "judge": name,
            "by": column,
            "groups": [asdict(one) for one in shares],
            "mean_of_groups": mean_of_groups(shares),
            "rewardbench": rewardbench_sections(shares) or None,
        }
        for name, shares in found
    ]


def _credits(run: JudgedRun, gold: str, ties: Ties) -> dict[str, float | None]:
    """Row id -> how right the run's winner is, of the pairs that people were asked; `None` without a verdict."""
    winners = winners_of(run)
    return {
        id_: credit_of(winners[id_], label, ties)
        for id_, label in labels_of(run, gold).items()
        if ties != "leave-out" or label != "tie"
    }


def flips(run: JudgedRun, gold: str, ties: Ties) -> dict[str, float | None]:
    """Id of each pair on which the run's winner is not people's -> how far apart they are, 0..1; the largest first.

    `None`, and last, where there is no verdict.
    """
    people, winners = labels_of(run, gold), winners_of(run)
    chances = {id_of(row): chance_of(row, winners[id_of(row)]) for row in once(run)}
    found: dict[str, float | None] = {}
    for id_, credit in _credits(run, gold, ties).items():
        if credit != 1:
            chance = chances[id_]
            found[id_] = None if chance is None else abs(chance - CHANCE[people[id_]])
    return dict(sorted(found.items(), key=lambda one: -1.0 if one[1] is None else one[1], reverse=True))


def chance_of(row: Mapping[str, Any], winner: Winner | None) -> float | None:
    """Response 1's chance by the judge: its own probability where one judge gave it, else what its verdict makes."""
    votes: Sequence[Mapping[str, Any]] = output_of(row).get("votes", ())
    stated = [vote["preference"] for vote in votes if vote.get("preference") is not None]
    if winner is None:
        return None
    return stated[0] if len(votes) == 1 and stated else CHANCE[winner]


def contradictions(run: JudgedRun) -> dict[str, float]:
    """Id of each pair on which the two orders disagree -> how far apart they are, .5 or 1; the largest first."""
    found = {
        one.id: abs(CHANCE[one.ab] - CHANCE[one.ba])
        for one in verdicts_of(run)
        if one.ab is not None and one.ba is not None and one.ab != one.ba
    }
    return dict(sorted(found.items(), key=lambda one: one[1], reverse=True))


def differing(runs: Sequence[JudgedRun], gold: str, ties: Ties) -> Iterator[Table | Text]:
    """The pairs on which a run's winner is not people's, and those on which its two orders disagree."""
    judged = {run.name: flips(run, gold, ties) for run in runs}
    yield from _listed(runs, judged, gold, "Where judge and people differ")
    swapped: dict[str, dict[str, float | None]] = {run.name: dict(contradictions(run)) for run in runs}
    yield from _listed(runs, swapped, gold, "Where the two orders differ")


def _listed(
    runs: Sequence[JudgedRun], found: Mapping[str, Mapping[str, float | None]], gold: str, title: str
) -> Iterator[Table | Text]:
    lines = [line for run in runs for line in _pairs(run, found[run.name], gold)]
    if lines:
        columns = ("judge", "pair", "people", "judge says", "1 first", "2 first", "apart", "instruction")
        yield Table(columns, tuple(lines), title)
    left_out = sum(len(pairs) - SHOWN for pairs in found.values() if len(pairs) > SHOWN)
    if left_out:
        yield Text(f"and {left_out} more; 'dikast view RUN' shows every pair.", "note")


def _pairs(run: JudgedRun, apart: Mapping[str, float | None], gold: str) -> Iterator[tuple[Cell, ...]]:
    people, winners = labels_of(run, gold), winners_of(run)
    said = {one.id: one for one in verdicts_of(run)}
    asked = {id_of(row): " ".join(str(row["input"].get("instruction", "")).split()) for row in once(run)}
    for id_ in list(apart)[:SHOWN]:
        text = asked[id_] if len(asked[id_]) <= BEGINNING else f"{asked[id_][:BEGINNING]}…"
        verdicts = (people.get(id_), winners[id_], said[id_].ab, said[id_].ba)
        yield run.name, id_, *(verdict or "-" for verdict in verdicts), apart[id_], text
