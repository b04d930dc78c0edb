"""What changed between two runs, field by field: flips of short values, paired differences of numbers.

    for change in changes(Run.open(a), Run.open(b)):
        print(change.field, change.compared, change.flips, change.difference)

Compared are the rows that both runs have, as `diff` compares them. A number's difference is second minus first, over
the rows on which both have one, with a bootstrap interval of the mean; the epochs of a row are one value, their mean.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from dataclasses import field as made
from typing import Any

from dikast import stats
from dikast.jobs.reading import Run, flat, pairs

LONGEST = 40
"""Texts beyond this are no labels: they differ, and that is all."""
KINDS = 24
"""Kinds of flips at most that are told of a field; with more, its values are no labels."""


@dataclass
class Change:
    """One field over the rows that both runs have.

    Args:
        field: `outcome`, `output.NAME`.
        compared: Rows that have it in both.
        changed: Those on which it differs.
        flips: (before, after) -> rows, where the values are labels.
        before: The mean in the first run, where both are numbers; `None` where no row has two.
        after: The same in the second.
        difference: The mean of second minus first.
        interval: Of that mean; `None` with fewer than two such rows.
    """

    field: str
    compared: int = 0
    changed: int = 0
    flips: Counter[tuple[str, str]] = made(default_factory=Counter[tuple[str, str]])
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    interval: stats.Interval | None = None

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        flips = [{"before": one, "after": two, "rows": rows} for (one, two), rows in self.flips.most_common()]
        numbers = {"before": self.before, "after": self.after, "difference": self.difference}
        interval = None if self.interval is None else list(self.interval)
        counts = {"field": self.field, "compared": self.compared, "changed": self.changed}
        return {**counts, "flips": flips, **numbers, "interval": interval}


def changes(first: Run, second: Run, *, seed: int = stats.SEED) -> list[Change]:
    """What changed in the fields that differ on any row, those that differ most first.

    Args:
        first: Before.
        second: After.
        seed: Of the bootstrap.
    """
    found: dict[str, Change] = {}
    numbers: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for before, after in pairs(first, second):
        one, two = flat(before), flat(after)
        for name in one.keys() & two.keys():
            change = found.setdefault(name, Change(name))
            change.compared += 1
            change.changed += one[name] != two[name]
            if is_number(one[name]) and is_number(two[name]):
                numbers.setdefault(name, {}).setdefault(before["row"], []).append((one[name], two[name]))
            elif one[name] != two[name] and is_label(one[name]) and is_label(two[name]):
                change.flips[label(one[name]), label(two[name])] += 1
    differing = [change for change in found.values() if change.changed]
    for change in differing:
        if len(change.flips) > KINDS:
            change.flips.clear()
        if by_row := numbers.get(change.field):
            both = [tuple(sum(side) / len(epochs) for side in zip(*epochs, strict=True)) for epochs in by_row.values()]
            change.before, change.after = (sum(side) / len(both) for side in zip(*both, strict=True))
            change.difference = change.after - change.before
            moved = [after - before for before, after in both]
            change.interval = stats.bootstrap(moved, seed=seed) if len(both) > 1 else None
    return sorted(differing, key=lambda change: (-change.changed, change.field))


def is_number(value: object) -> bool:
    """Whether differences can be taken of it."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_label(value: object) -> bool:
    """Whether it is one of few values, as far as one value can tell."""
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= LONGEST)


def label(value: object) -> str:
    """A value as it is told."""
    return value if isinstance(value, str) else "none" if value is None else str(value).lower()
