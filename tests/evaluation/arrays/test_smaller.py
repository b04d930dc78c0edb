from __future__ import annotations

from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dikast.evaluation.arrays.greedy import completed
from dikast.evaluation.arrays.smaller import smaller
from dikast.evaluation.arrays.space import OPEN, Space
from dikast.evaluation.arrays.uncovered import Ledger
from dikast.evaluation.axes import Axes
from tests.evaluation.test_covering import small_axes


@settings(max_examples=25)
@given(small_axes(), st.integers(0, 5))
def test_a_ledger_knows_after_any_search_what_a_new_one_counts(axes: Axes, seed: int) -> None:
    from dikast.evaluation.covering import space_of

    space = space_of(axes)
    assume(space.possible([OPEN] * len(space.sizes)))
    ledger = Ledger(space, 2)
    rows = completed(space, ledger, [], Random(seed))
    assert rows is not None
    fewer = smaller(space, ledger, rows, Random(seed), moves=60)
    fresh = Ledger(space, 2)
    for row in fewer:
        fresh.add(row)
    asked = fresh.counts < 1 << 19
    assert ledger.open == fresh.open == 0
    assert (ledger.counts[asked] == fresh.counts[asked]).all()


def test_a_search_makes_a_greedy_array_smaller() -> None:
    space = Space((4,) * 8)
    ledger = Ledger(space, 2)
    rows = completed(space, ledger, [], Random(0))
    assert rows is not None
    assert len(smaller(space, ledger, rows, Random(0))) < len(rows)
