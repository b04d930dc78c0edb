"""Each system's win rate against a baseline, as it is and at equal lengths: a part of `dikast judge leaderboard`.

    found = measure(runs, "gpt4", resamples=1000, seed=0)        # system -> its rates against gpt4
    table_of("gpt4", (), found)

A comparison's score is the judge's own probability where a single judge gave it, else what its verdict makes: 1, .5 or
0. Lengths are those of the responses, in characters. An instruction's difficulty is the row's `instruction_difficulty`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dikast.errors import DataError, UsageError
from dikast.evaluation.length_control import Faced, LengthControlled, control_length
from dikast.evaluation.svg import interval
from dikast.graphs.reviseval.differing import chance_of
from dikast.graphs.reviseval.leaderboard import prompt_of, writers_of
from dikast.graphs.reviseval.results import JudgedRun, id_of, once, plain, winners_of
from dikast.pages import Table, Text
from dikast.row import Row

DIFFICULTY = "instruction_difficulty"


def facing(runs: Sequence[JudgedRun], baseline: str) -> dict[str, list[Faced]]:
    """System -> its comparisons with the baseline that have a verdict.

    Raises:
        UsageError: No system is called so.
        DataError: A row has no response text, or a difficulty that is no number; says run, row and field.
    """
    found: defaultdict[str, list[Faced]] = defaultdict(list)
    seen: set[str] = set()
    for run in runs:
        winners = winners_of(run)
        for row in once(run):
            first, second = writers_of(run, row)
            seen |= {first, second}
            chance = chance_of(row, winners[id_of(row)])
            if chance is not None and first != second and baseline in (first, second):
                system, swapped = (second, True) if first == baseline else (first, False)
                found[system].append(_faced(run, row, 1 - chance if swapped else chance, swapped))
    if baseline not in seen:
        raise UsageError(f"no system is called {baseline!r}", hint=f"--baseline one of: {', '.join(sorted(seen))}")
    return dict(sorted(found.items()))


def _faced(run: JudgedRun, row: Mapping[str, Any], score: float, swapped: bool) -> Faced:
    given = Row(Path(run.name), row["row"], None, row["input"])
    lengths = [len(given.text(name)) for name in ("response_1", "response_2")]
    mine, theirs = lengths[::-1] if swapped else lengths
    hard = given.number(DIFFICULTY) if given.values.get(DIFFICULTY) not in (None, "") else None
    return Faced(prompt_of(row), score, mine, theirs, hard)


def measure(
    runs: Sequence[JudgedRun], baseline: str, held: Collection[str] = (), *, resamples: int, seed: int
) -> dict[str, LengthControlled]:
    """Each system against the baseline; those that are held are none, and hold the length term.

    Raises:
        UsageError: No system is called so, or a held one never met the baseline.
        DataError: No system has a verdict against it.
    """
    faced = facing(runs, baseline)
    unknown = next((name for name in held if name not in faced), None)
    if unknown is not None:
        raise UsageError(f"{unknown!r} never met {baseline!r}", hint=f"those that did: {', '.join(faced)}")
    extra = [faced[name] for name in held]
    found = {
        name: control_length(one, extra, resamples=resamples, seed=seed)
        for name, one in faced.items()
        if name not in held
    }
    if not found:
        raise DataError(f"no system has a verdict against {baseline!r}")
    return found


def table_of(baseline: str, held: Collection[str], found: Mapping[str, LengthControlled]) -> Iterator[Table | Text]:
    """The win rates, the highest at equal lengths first; what they rest on."""
    ordered = sorted(found.items(), key=lambda one: -(-1 if one[1].reason else one[1].controlled.value))
    lines = tuple(
        (
            name,
            one.n,
            _told(one.win_rate),
            None if one.reason else _told(one.controlled),
            one.by_length,
            one.length,
            one.baseline_length,
        )
        for name, one in ordered
    )
    columns = ("system", "matches", "win rate", "at equal lengths", "weight of length", "length", "baseline's length")
    yield Table(columns, lines, f"Win rates against {baseline}")
    hard = all(one.with_difficulty for one in found.values())
    terms = "length, the instruction's difficulty and the system" if hard else "length and the system"
    yield Text(
        f"At equal lengths: AlpacaEval's regression by {terms}, by maximum likelihood, its length term"
        f" {'held by ' + ', '.join(held) if held else 'held by no other comparisons'}. Lengths in characters.",
        "note",
    )
    for name, one in ordered:
        if one.reason:
            yield Text(f"{name}: {one.reason}.", "note")
            continue
        if one.without_fit:
            yield Text(f"{name} had no finite fit in {one.without_fit:,} resamples, which are in no interval.", "note")
        if one.extreme:
            why = "its responses may differ too little in length from each other to say what length does"
            yield Text(f"{name}: the two rates are far apart, which may be a failed fit: {why}; see --held.", "note")


def _told(estimate: Any) -> str:
    return interval(estimate.value, estimate.low, estimate.high)


def lengths_as_json(found: Mapping[str, LengthControlled]) -> dict[str, Any]:
    """All figures for JSON, null for what is not defined."""
    return {name: plain(asdict(one)) for name, one in found.items()}
