"""A run whose rows were asked several times: what the epochs of each row come to, and how far they differ.

    found = read_epochs(Run.open(path), parse_reducers("mean,pass@3"))
    markdown(page_of(found))

An epoch is a sample of a row (`jobs.run(..., samples=3)`, `--epochs 3`): asked with seeds and a place in the request
cache of its own, a line of the journal of its own. What is reduced is each number and truth value at the top of a row's
output, `ok` (whether the row ended so), and whatever `more` says of it, such as a method's own measure.

The epochs of a row are no independent rows: each row is reduced to one number first, and intervals are over rows, as
clusters (Miller 2024, "Adding Error Bars to Evals", section 2.2). A row without enough values is in no figure, and
counted. `ok` has a value for every epoch that finished, so that failures count as such.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev, variance
from typing import Any, cast

from dikast import stats
from dikast.evaluation.reducers import PLAIN, Reducer
from dikast.jobs.changes import is_number
from dikast.jobs.keys import digest
from dikast.jobs.reading import SPENDING, Run
from dikast.pages import Cell, Page, Table, Text
from dikast.records import Outcome

OK = "ok"
"""Whether a row ended well, as a field."""
FIELDS = 24
"""Fields that are reduced at most: those of a record that holds more are measurements for a program."""
ASKED = frozenset({"provenance", "seed", "sample"})
"""What a record says of how a model was asked."""
MEAN = Reducer("mean", 1, PLAIN["mean"])
PSEUDO = 2
"""Values at each end that `stats.bounded_mean` adds: Agresti and Coull's."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """One field by one reducer.

    Args:
        field: `ok`, `output.NAME`, or a measure's name.
        reducer: The reducer's name.
        value: The mean over rows; `None` where no row has values enough.
        interval: Of that mean, over rows; `None` for fewer than two rows.
        rows: Rows that are in it.
        left_out: Rows asked for that have fewer values than the reducer needs.
    """

    field: str
    reducer: str
    value: float | None
    interval: stats.Interval | None
    rows: int
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        interval = None if self.interval is None else list(self.interval)
        names = ("field", "reducer", "value", "rows", "left_out")
        return {**{name: getattr(self, name) for name in names}, "interval": interval}


@dataclass(frozen=True, slots=True)
class Spread:
    """How far epochs differ in one field.

    Args:
        field: As in `Reduced`.
        values: Values in all.
        means: Each epoch's mean; `None` for one without values.
        between: Standard deviation of these means; `None` for fewer than two.
        within: Standard deviation of a row's values about its mean, pooled over rows with at least two.
        differing: Rows with at least two values that are not all equal.
        several: Rows with at least two values.
    """

    field: str
    values: int
    means: tuple[float | None, ...]
    between: float | None
    within: float | None
    differing: int
    several: int

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        names = ("field", "values", "between", "within", "differing", "several")
        return {**{name: getattr(self, name) for name in names}, "means": list(self.means)}


@dataclass(frozen=True, slots=True)
class Epochs:
    """A run whose rows were asked several times.

    Args:
        epochs: How often each row was to be asked.
        rows: Rows of the input; `None` where its end is not known.
        finished: Rows times epochs that have an outcome.
        reduced: A figure a field and reducer.
        spreads: A line a field.
        equal: Rows that have all epochs, and in all of them the same output.
        whole: Rows that have all epochs, each with an output.
        left_out: Fields of the output that were not reduced, being too many.
    """

    epochs: int
    rows: int | None
    finished: int
    reduced: tuple[Reduced, ...]
    spreads: tuple[Spread, ...]
    equal: int
    whole: int
    left_out: int = 0

    @property
    def note(self) -> str:
        """What a person should know before reading differences; empty if nothing."""
        if not self.whole or self.equal < self.whole:
            return ""
        return (
            f"all {self.epochs} epochs of each of the {self.whole} rows gave the same output, so that they say no more "
            "than one: a model at temperature 0 does so; give it a temperature, or leave --epochs out"
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        names = ("epochs", "rows", "finished", "equal", "whole", "left_out")
        return {
            **{name: getattr(self, name) for name in names},
            "asked": None if self.rows is None else self.rows * self.epochs,
            "reduced": [one.as_dict() for one in self.reduced],
            "spread": [one.as_dict() for one in self.spreads],
        }


@dataclass
class _Seen:
    """Values by field, row and epoch; outputs by their hashes."""

    values: dict[str, dict[int, dict[int, float]]] = field(default_factory=dict[str, dict[int, dict[int, float]]])
    outputs: dict[int, list[bytes]] = field(default_factory=dict[int, list[bytes]])
    left_out: set[str] = field(default_factory=set[str])

    def add(self, name: str, row: int, epoch: int, value: float) -> None:
        if name not in self.values and len(self.values) >= FIELDS:
            self.left_out.add(name)
        else:
            self.values.setdefault(name, {}).setdefault(row, {})[epoch] = value


def read_epochs(
    run: Run, reducers: Sequence[Reducer] = (MEAN,), more: Mapping[str, Sequence[Mapping[str, float]]] | None = None
) -> Epochs:
    """What the epochs of a run's rows come to. Memory: a number a field, row and epoch.

    Args:
        run: A run of several samples a row.
        reducers: Figures for each field.
        more: A measure's name -> for each epoch, a row's key -> its value.
    """
    seen = _Seen()
    measured = {name: merge(values) for name, values in (more or {}).items()}
    for record in run.rows():
        row, epoch, output = record["row"], record["sample"], record["output"]
        for name, values in measured.items():
            if record["key"] in values:
                seen.add(name, row, epoch, values[record["key"]])
        seen.add(OK, row, epoch, float(record["outcome"] == Outcome.OK.value))
        for name, value in numbers_of(output):
            seen.add(name, row, epoch, value)
        if output is not None:
            seen.outputs.setdefault(row, []).append(digest(what_was_said(output)))
    return epochs_of(run, seen, reducers)


def what_was_said(value: object) -> object:
    """A value without what it cost and without seeds: these differ between equal results."""
    if isinstance(value, dict):
        named = cast(dict[str, object], value)
        return {name: what_was_said(one) for name, one in named.items() if name not in SPENDING | ASKED}
    if isinstance(value, list):
        return [what_was_said(one) for one in cast(list[object], value)]
    return value


def merge(values: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The values of all epochs; a key is of one of them."""
    return {key: value for one in values for key, value in one.items()}


def numbers_of(output: object) -> Iterable[tuple[str, float]]:
    """The finite numbers and truth values at the top of an output."""
    if isinstance(output, dict):
        for name, value in cast(dict[str, object], output).items():
            if isinstance(value, bool) or (is_number(value) and math.isfinite(cast(float, value))):
                yield f"output.{name}", float(cast(float, value))


def epochs_of(run: Run, seen: _Seen, reducers: Sequence[Reducer]) -> Epochs:
    """The figures of what was seen."""
    epochs, asked = run.manifest.samples, run.manifest.attempts[-1].asked
    finished = seen.values.get(OK, {})
    rows = len(finished) if asked is None else asked // epochs
    whole = [said for said in seen.outputs.values() if len(said) == epochs]
    return Epochs(
        epochs=epochs,
        rows=None if asked is None else rows,
        finished=sum(map(len, finished.values())),
        reduced=tuple(
            reduced(name, reducer, by_row, rows) for name, by_row in seen.values.items() for reducer in reducers
        ),
        spreads=tuple(spread(name, by_row, epochs) for name, by_row in seen.values.items()),
        equal=sum(len(set(said)) == 1 for said in whole),
        whole=len(whole),
        left_out=len(seen.left_out),
    )


def reduced(name: str, reducer: Reducer, by_row: Mapping[int, Mapping[int, float]], rows: int) -> Reduced:
    """One figure: each row by the reducer, then the mean over rows."""
    values = [reducer(in_order(one)) for one in by_row.values() if len(one) >= reducer.needs]
    within = reducer.bounded or all(0 <= value <= 1 for one in by_row.values() for value in one.values())
    return Reduced(
        field=name,
        reducer=reducer.name,
        value=fmean(values) if values else None,
        interval=interval_of(values, bounded=within),
        rows=len(values),
        left_out=rows - len(values),
    )


def interval_of(values: Sequence[float], *, bounded: bool) -> stats.Interval | None:
    """95 % interval of the mean over rows; within 0..1 where every value is, else by bootstrap."""
    if len(values) < 2:
        return None
    return stats.bounded_mean(values, 0, 1, pseudo=PSEUDO) if bounded else stats.bootstrap(values)


def in_order(by_epoch: Mapping[int, float]) -> list[float]:
    """A row's values in the order of its epochs, whichever ended first."""
    return [by_epoch[epoch] for epoch in sorted(by_epoch)]


def spread(name: str, by_row: Mapping[int, Mapping[int, float]], epochs: int) -> Spread:
    """How far epochs differ in one field."""
    columns = [[one[epoch] for one in by_row.values() if epoch in one] for epoch in range(epochs)]
    means = tuple(fmean(column) if column else None for column in columns)
    known = [mean for mean in means if mean is not None]
    several = [list(one.values()) for one in by_row.values() if len(one) > 1]
    freedom = sum(len(values) - 1 for values in several)
    squares = sum(variance(values) * (len(values) - 1) for values in several)
    return Spread(
        field=name,
        values=sum(map(len, columns)),
        means=means,
        between=stdev(known) if len(known) > 1 else None,
        within=math.sqrt(squares / freedom) if freedom else None,
        differing=sum(len(set(values)) > 1 for values in several),
        several=len(several),
    )


def page_of(found: Epochs) -> Page:
    """The epochs as a report's part."""
    asked = "an unknown number of" if found.rows is None else str(found.rows)
    total = "" if found.rows is None else f" = {found.rows * found.epochs}"
    said = f"{asked} rows x {found.epochs} epochs{total} asked, {found.finished} finished"
    notes = [Text(found.note, "note")] if found.note else []
    if found.left_out:
        notes.append(Text(f"{found.left_out} more fields of the output are not reduced", "note"))
    return Page("", (Text(said), *notes, figures(found), spreads(found)))


def figures(found: Epochs) -> Table:
    """A field and reducer a line."""
    columns = ("field", "reducer", "value", "95 % over rows", "rows", "too few values")
    rows = [
        (one.field, one.reducer, one.value, drawn_interval(one.interval), one.rows, one.left_out)
        for one in found.reduced
    ]
    return Table(columns, tuple(rows), "each row over its epochs")


def spreads(found: Epochs) -> Table:
    """A field a line."""
    columns = ("field", "values", "least epoch", "greatest epoch", "sd of epochs", "sd within rows", "rows that differ")
    rows: list[tuple[Cell, ...]] = []
    for one in found.spreads:
        known = [mean for mean in one.means if mean is not None]
        ends = (min(known), max(known)) if known else (None, None)
        rows.append((one.field, one.values, *ends, one.between, one.within, f"{one.differing} of {one.several}"))
    return Table(columns, tuple(rows), "between epochs")


def drawn_interval(interval: stats.Interval | None) -> str | None:
    """An interval in a cell."""
    return None if interval is None else f"[{interval.low:.3f}, {interval.high:.3f}]"
