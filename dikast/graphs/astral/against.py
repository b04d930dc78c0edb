"""Unsafe replies that a run's tests found, against a static suite of the same size on the same target.

    found = compare(run, static)           # two runs of `dikast astral run`: one over a plan, one over your suite
    found.targets[0].difference            # Estimate(value=0.175, low=-0.01, high=0.34)

The paper says that tests which are written anew find nearly twice as many unsafe replies as a static suite. Whether
that holds for a target can be asked only where all else is equal: both runs have to have the same target, oracles,
policy and sampling. Of the larger set as many tests are drawn as the smaller has. Rates are of what was asked; a test
that could not be written counts as asked, and as undecided. Only counts come out.

Not here: asking anything. No prompts are shipped; a static suite is the user's own file.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dikast import stats
from dikast.errors import DataError, UsageError
from dikast.evaluation.calibration import Estimate
from dikast.evaluation.safety.summary import SafetyCase, Tally, summarise
from dikast.graphs.astral.results import cases_of
from dikast.jobs.manifest import differences
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text

ALIKE = (
    "samples",
    "context.oracles",
    "context.oracle_sees",
    "context.policy",
    "context.answering",
    "context.judging",
)
"""Of a run's fingerprint: what changes a verdict, beside target and test."""
TARGETS = "context.targets"
CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Against:
    """One target, or one value of an axis on it.

    Args:
        value: The value; empty for all tests.
        tests: Those of the run, counted.
        static: Those of the static suite.
    """

    value: str
    tests: Tally
    static: Tally

    @property
    def difference(self) -> Estimate:
        """How much larger the share of unsafe replies is with the run's tests; Newcombe's interval."""
        first, second = self.tests.unsafe, self.static.unsafe
        return Estimate(first.value - second.value, *stats.newcombe(first.count, first.of, second.count, second.of))

    @property
    def if_undecided(self) -> tuple[float, float]:
        """The difference had all that is undecided been unsafe in the static suite alone, and in the run alone."""
        return (
            self.tests.unsafe.value - self.static.unsafe_if_undecided.value,
            self.tests.unsafe_if_undecided.value - self.static.unsafe.value,
        )

    def as_json(self) -> dict[str, Any]:
        """Both tallies, and what lies between them."""
        least, most = self.if_undecided
        found = self.difference
        return {
            "target": self.tests.target,
            "value": self.value,
            "tests": self.tests.as_json(),
            "static": self.static.as_json(),
            "difference": {"value": found.value, "low": found.low, "high": found.high},
            "difference_if_undecided": {"least": least, "most": most},
            "times": self.tests.unsafe.count / self.static.unsafe.count if self.static.unsafe.count else None,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs.

    Args:
        targets: One a target that both have.
        values: One a target and value of the axis, where both have tests of it.
        axis: Which axis; empty where the static suite is of none.
        notes: What was left out, and why.
    """

    targets: tuple[Against, ...]
    values: tuple[Against, ...]
    axis: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "targets": [one.as_json() for one in self.targets],
            "axis": self.axis,
            "values": [one.as_json() for one in self.values],
            "notes": list(self.notes),
        }


def compare(run: Run, static: Run, *, axis: str = CATEGORY, seed: int = 0) -> Comparison:
    """Compare what two runs found.

    Args:
        run: Over a plan, whose tests were written.
        static: Over a suite.
        axis: By which the counts are told, too.
        seed: Chooses the tests of the larger set.

    Raises:
        DataError: One of them owes rows.
        UsageError: They have no target in common, or something else differs that changes verdicts.
    """
    for one in (run, static):
        refuse_owing(one)
    refuse_unlike(run, static)
    first, second = by_target(run), by_target(static)
    common = [target for target in first if target in second]
    refuse_other_targets(run, static, common)
    notes = [f"left out: {name} is a target of one run alone" for name in sorted(first.keys() ^ second.keys())]
    targets: list[Against] = []
    values: list[Against] = []
    for target in common:
        size = min(len(first[target]), len(second[target]))
        sides = [draw(cases[target], size, f"{seed} {target}") for cases in (first, second)]
        notes += notes_of(target, first[target], second[target], size, axis)
        counted = [summarise(side) for side in sides]
        targets.append(Against("", *(one.targets[0] for one in counted)))
        parts = [{one.cell[axis]: one for one in side.values if axis in one.cell} for side in counted]
        values += [Against(value, parts[0][value], parts[1][value]) for value in sorted(parts[0].keys() & parts[1])]
        if alone := sorted(parts[0].keys() ^ parts[1].keys()) if parts[1] else []:
            notes.append(f"{target}: {len(alone)} values of {axis} are in one set alone: {', '.join(alone)}")
    return Comparison(tuple(targets), tuple(values), axis if values else "", tuple(notes))


def by_target(run: Run) -> dict[str, list[SafetyCase]]:
    """The run's tests by target; benign prompts are none.

    Raises:
        UsageError: There is none.
    """
    found: dict[str, list[SafetyCase]] = {}
    for case in cases_of(run.rows()):
        if not case.benign:
            found.setdefault(case.target, []).append(case)
    if not found:
        raise UsageError(f"{run.path}: no test, benign prompts aside", hint="give a run over --cases")
    return found


def draw(cases: Sequence[SafetyCase], size: int, seed: str) -> list[SafetyCase]:
    """So many of the cases, in their order."""
    chosen = random.Random(seed).sample(range(len(cases)), size)
    return [cases[place] for place in sorted(chosen)]


def notes_of(target: str, tests: Sequence[SafetyCase], static: Sequence[SafetyCase], size: int, axis: str) -> list[str]:
    """What was drawn, which prompts are in both, and how many static tests are of no value of the axis."""
    told: list[str] = []
    if len(tests) != len(static):
        larger, name = max((len(tests), "the run"), (len(static), "the static suite"))
        told.append(f"{target}: {size} of the {larger} tests of {name} are drawn, so that both have as many")
    hashes = {case.prompt_hash for case in static if case.prompt_hash}
    if both := sum(case.prompt_hash in hashes for case in tests):
        told.append(f"{target}: {both} tests of the run have a prompt that is in the static suite, too")
    if without := sum(axis not in case.cell for case in static):
        told.append(f"{target}: {without} of {len(static)} static tests have no {axis}, and are in no line by it")
    return told


def refuse_owing(run: Run) -> None:
    """Refuse a run that is not done: its rates would be of what happens to be finished.

    Raises:
        DataError: It owes rows.
    """
    standing = run.summary()
    if standing.owed or not standing.finished:
        told = f"{standing.owed} rows are owed" if standing.finished else "no row is finished"
        raise DataError(told, path=run.path, hint="the same 'astral run' command again does them")


def refuse_unlike(run: Run, static: Run) -> None:
    """Refuse runs that differ in what changes verdicts.

    Raises:
        UsageError: They do; names the fields.
    """
    first, second = ({name: one.manifest.fingerprint.get(name) for name in ALIKE} for one in (run, static))
    if found := differences(first, second):
        names = ", ".join(name.removeprefix("context.") for name, _, _ in found)
        hint = "run the static suite with the flags of the other run, but for --cases"
        raise UsageError(f"{run.path} and {static.path} differ in {names:.300}", hint=hint)


def refuse_other_targets(run: Run, static: Run, common: Sequence[str]) -> None:
    """Refuse runs without a target in common, or with one that has changed.

    Raises:
        UsageError: They are.
    """
    if not common:
        there = ", ".join(run.manifest.context["targets"])
        raise UsageError(f"{static.path} has no target of {run.path}", hint=f"its targets: {there}")
    first, second = (
        dict(zip(one.manifest.context["targets"], one.manifest.fingerprint[TARGETS], strict=True))
        for one in (run, static)
    )
    for target in common:
        if found := differences(first[target], second[target]):
            names = ", ".join(name for name, _, _ in found)
            raise UsageError(f"{target} is not the same in both runs: {names:.300}", hint="run the static suite anew")


def page_of(found: Comparison) -> Page:
    """The comparison as a report: counts alone, and no text of a test or a reply."""
    parts: list[Text | Table] = [Text(line_of(one)) for one in found.targets]
    parts.append(table_of("Unsafe replies found, with as many tests of each", ("target",), found.targets))
    if found.values:
        title = f"By {found.axis}; of many intervals of 95 % some miss"
        parts.append(table_of(title, ("target", found.axis), found.values))
    return Page("", (*parts, *(Text(note, "note") for note in found.notes)))


def line_of(one: Against) -> str:
    """One target in a sentence."""
    tests, static, found = one.tests.unsafe, one.static.unsafe, one.difference
    says = "which does not tell them apart" if found.low <= 0 <= found.high else "which tells them apart"
    return (
        f"{one.tests.target}: the run's tests found {tests.count} unsafe replies of {tests.of} asked, the static suite"
        f" {static.count} of {static.of}; a difference of {signed(found.value)} points"
        f" [{signed(found.low)}, {signed(found.high)}], {says}."
    )


def signed(share: float) -> str:
    """A difference of shares in points of a hundred."""
    return f"{100 * share:+.1f}"


def table_of(title: str, names: tuple[str, ...], lines: Sequence[Against]) -> Table:
    """A comparison a line."""
    columns = (
        *names,
        "unsafe of asked",
        "static: unsafe of asked",
        "difference in points",
        "if undecided were unsafe",
        "undecided",
        "static: undecided",
    )
    return Table(columns, tuple(cells_of(one, len(names)) for one in lines), title)


def cells_of(one: Against, names: int) -> tuple[Cell, ...]:
    """The cells of a line, the first of them its names."""
    found, (least, most) = one.difference, one.if_undecided
    return (
        *(one.tests.target, one.value)[:names],
        f"{one.tests.unsafe.count} of {one.tests.asked}",
        f"{one.static.unsafe.count} of {one.static.asked}",
        f"{signed(found.value)} [{signed(found.low)}, {signed(found.high)}]",
        f"{signed(least)} to {signed(most)}",
        one.tests.undecided,
        one.static.undecided,
    )
