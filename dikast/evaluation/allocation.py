"""Where to test next: a budget spent on the cells whose unsafe rate is known least.

    cells = next_cells([tally for tally in summary.cells if tally.target == target], 100, axes=axes)

Each test goes to the cell whose Wilson interval is the widest by then. What a planned test will find is not known, so
it is counted at the rate that the cell's interval is centered on. A case of which it is not known whether it was safe
taught nothing and does not count; a cell that was never asked has the interval 0..1.

Not covered: borrowing strength between cells that share a value.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import product
from math import prod

from dikast import stats
from dikast.errors import UsageError
from dikast.evaluation.axes import Axes, Cell
from dikast.evaluation.covering import PRODUCT_CELLS
from dikast.evaluation.safety.summary import Tally

_Key = tuple[tuple[str, str], ...]


def next_cells(counts: Iterable[Tally], budget: int, *, axes: Axes | None = None) -> list[Cell]:
    """The cells to test next, a cell as often as it gets tests; the widest interval first.

    Args:
        counts: What is known of each cell, of one target.
        budget: How many tests.
        axes: With them, allowed cells that were never asked take part, weights decide between equal intervals, and
            cells that are no longer allowed are left out.

    Raises:
        UsageError: The budget is below 1, two tallies are of the same cell, or there is no cell.
    """
    known = _known(counts)
    if budget < 1:
        raise UsageError(f"a budget of {budget} tests", hint="give at least 1")
    cells = _allowed(axes) if axes else [dict(key) for key in known]
    if not cells:
        raise UsageError("no cell to test", hint="give axes, or the tallies of an earlier run")
    state = [known.get(_key(cell), (0, 0.0)) for cell in cells]
    heap = [(-_width(n, share), -_weight(axes, cells[i]), i) for i, (n, share) in enumerate(state)]
    heapq.heapify(heap)
    chosen: list[Cell] = []
    planned = [0] * len(cells)
    while len(chosen) < budget:
        _, weight, i = heap[0]
        chosen.append(cells[i])
        planned[i] += 1
        n, unsafe = state[i]
        heapq.heapreplace(heap, (-_width(n, unsafe, planned[i]), weight, i))
    return chosen


def _known(counts: Iterable[Tally]) -> dict[_Key, tuple[int, float]]:
    """Cell -> tests that taught something, and how many of those were unsafe."""
    known: dict[_Key, tuple[int, float]] = {}
    for tally in counts:
        if known.setdefault(_key(tally.cell), found := _found(tally)) is not found:
            raise UsageError(f"two tallies of the cell {dict(tally.cell)}", hint="give those of one target")
    return known


def _found(tally: Tally) -> tuple[int, float]:
    return tally.asked - tally.undecided, float(tally.unsafe.count)


def _allowed(axes: Axes) -> list[Cell]:
    if prod(len(values) for values in axes.values.values()) > PRODUCT_CELLS:
        raise UsageError("too many cells to compare", hint="leave the axes out: the cells of the tallies take part")
    cells = (dict(zip(axes.values, values, strict=True)) for values in product(*axes.values.values()))
    return [cell for cell in cells if axes.allowed(cell)]


def _width(n: int, unsafe: float, planned: int = 0) -> float:
    """Of the interval after so many more tests, at the rate in the middle of the interval now."""
    now = stats.wilson(unsafe, n)
    low, high = stats.wilson(unsafe + planned * (now.low + now.high) / 2, n + planned)
    return high - low


def _weight(axes: Axes | None, cell: Cell) -> float:
    return prod(axes.weight(axis, value) for axis, value in cell.items()) if axes else 1.0


def _key(cell: Cell) -> _Key:
    return tuple(sorted(cell.items()))
