from __future__ import annotations

from random import Random

import pytest

from dikast.evaluation.arrays.constructions import bases
from dikast.evaluation.arrays.greedy import completed
from dikast.evaluation.arrays.space import Space
from dikast.evaluation.arrays.uncovered import Ledger


@pytest.mark.parametrize("k", [5, 13, 14, 40])
def test_folded_arrays_need_nothing_more(k: int) -> None:
    space = Space((3,) * k)
    base = dict(bases(space, 2))["folded 3"]
    ledger = Ledger(space, 2)
    rows = completed(space, ledger, base, Random(0))
    assert rows is not None
    assert len(rows) <= len(base)
    assert ledger.open == 0
