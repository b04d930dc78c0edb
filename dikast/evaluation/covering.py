"""Which cells to test: the full product of the axes, or a covering array with every t-way combination in some test.

    cells = plan(DEFAULT_AXES, strength=2)              # 84 cells hit all 184 pairs
    coverage(DEFAULT_AXES, 2, cells).missing            # ()

A covering array of strength t has, for every choice of t axes, every combination of their values in at least one row
(Cohen, Dalal, Fredman and Patton 1997). Combinations that the exclusions make impossible, also indirectly, are not
asked for, and are told. The same axes, numbers and seed give the same plan, byte for byte, on any machine.

Not covered: mixed strengths, and proving that an array is the smallest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from math import prod
from random import Random

from dikast.errors import UsageError
from dikast.evaluation.arrays.build import by_weight, covering_array, extra
from dikast.evaluation.arrays.space import OPEN, Row, Rule, Space
from dikast.evaluation.axes import Axes, Cell

PRODUCT_CELLS = 1_000_000
"""More cells than these are no full product that anybody runs."""


@dataclass(frozen=True, slots=True)
class TupleCoverage:
    """How much of a criterion a set of tests meets.

    Args:
        strength: How many axes a tuple combines.
        covered: Tuples that some test has.
        total: Tuples that an allowed test can have: the denominator.
        missing: The tuples not covered.
        impossible: Tuples that no allowed test can have; not in `total`.
        disallowed: Tests that an exclusion forbids; they cover nothing.
    """

    strength: int
    covered: int
    total: int
    missing: tuple[Cell, ...]
    impossible: tuple[Cell, ...] = ()
    disallowed: int = 0

    @property
    def share(self) -> float:
        """Covered of total, 0..1."""
        return self.covered / self.total


def tuples(axes: Axes, strength: int) -> tuple[list[Cell], list[Cell]]:
    """The tuples that have to be covered, and those that the exclusions make impossible.

    Raises:
        UsageError: The strength is not between 1 and the number of axes.
    """
    space = _checked(axes, strength)
    possible: list[Cell] = []
    impossible: list[Cell] = []
    for factors in space.subsets(strength):
        for levels, is_possible in space.tuples(factors):
            (possible if is_possible else impossible).append(_named(axes, factors, levels))
    return possible, impossible


def coverage(axes: Axes, strength: int, cells: Iterable[Cell]) -> TupleCoverage:
    """Which tuples a set of tests covers. Cells that name some of the axes only cover what they name.

    Raises:
        UsageError: A cell names what is not on the axes, or the strength is not between 1 and their number.
    """
    possible, impossible = tuples(axes, strength)
    hit: set[tuple[tuple[str, str], ...]] = set()
    disallowed = 0
    for cell in {tuple(sorted(cell.items())): cell for cell in cells}.values():
        if not axes.allowed(cell):
            disallowed += 1
            continue
        pairs = [(axis, cell[axis]) for axis in axes.values if axis in cell]
        hit.update(combinations(pairs, strength))
    missing = tuple(cell for cell in possible if tuple(cell.items()) not in hit)
    return TupleCoverage(strength, len(possible) - len(missing), len(possible), missing, tuple(impossible), disallowed)


def plan(axes: Axes, *, strength: int | None, quota: int = 1, seed: int = 0, budget: int | None = None) -> list[Cell]:
    """The cells to test, in the order in which to test them.

    Args:
        axes: The space.
        strength: How many axes are combined in every way; `None` for every allowed cell.
        quota: How often each chosen cell is tested; the first round of all comes before the second.
        seed: Chooses among equal plans.
        budget: How many tests there shall be: of fewer than needed, the first are those that cover most; what is left
            over goes to the cells that are furthest behind their weight.

    Raises:
        UsageError: No cell is allowed, a number is out of range, or the full product is too large to list.
    """
    if quota < 1 or (budget is not None and budget < 1):
        raise UsageError(f"quota={quota}, budget={budget}: at least 1 of each")
    space, random = _checked(axes, strength), Random(seed)
    if strength is None:
        rows = _product(space)
        rows = rows if budget is None or budget >= len(rows) else by_weight(space, rows, random)
    else:
        rows = covering_array(space, strength, random)
    rows = rows * quota
    if budget is not None:
        rows = [*rows[:budget], *islice(extra(space, rows, random), max(0, budget - len(rows)))]
    return [_named(axes, range(len(row)), row) for row in rows]


def _product(space: Space) -> list[Row]:
    if prod(space.sizes) > PRODUCT_CELLS:
        raise UsageError(f"the full product has {prod(space.sizes):,} cells", hint="give a strength, such as 2")
    return [levels for levels, possible in space.tuples(range(len(space.sizes))) if possible]


def _checked(axes: Axes, strength: int | None) -> Space:
    """The axes as numbers.

    Raises:
        UsageError: The strength is out of range, or nothing is allowed.
    """
    if strength is not None and not 1 <= strength <= len(axes.values):
        raise UsageError(f"strength {strength} with {len(axes.values)} axes", hint=f"use 1 to {len(axes.values)}")
    space = space_of(axes)
    if not space.possible([OPEN] * len(space.sizes)):
        raise UsageError("the exclusions forbid every cell", hint="exclude less")
    return space


def space_of(axes: Axes) -> Space:
    """The axes as numbers: factors and levels in the order of the axes and their values."""
    place = {axis: i for i, axis in enumerate(axes.values)}
    level = {axis: {value: i for i, value in enumerate(values)} for axis, values in axes.values.items()}
    rules: tuple[Rule, ...] = tuple(
        {place[axis]: frozenset(level[axis][value] for value in values) for axis, values in rule.items()}
        for rule in axes.exclude
    )
    weights = tuple(tuple(axes.weight(axis, value) for value in values) for axis, values in axes.values.items())
    return Space(tuple(len(values) for values in axes.values.values()), rules, weights)


def _named(axes: Axes, factors: Sequence[int], levels: Sequence[int]) -> Cell:
    names = list(axes.values)
    return {names[f]: axes.values[names[f]][level] for f, level in zip(factors, levels, strict=True)}
