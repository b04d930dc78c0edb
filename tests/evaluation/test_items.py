from __future__ import annotations

import pytest

from dikast.errors import DataError
from dikast.evaluation.items import Pair, gold_of


def test_gold_must_be_complete_and_unique() -> None:
    assert gold_of([Pair("a", "q", "x", "y", gold="tie")]) == {"a": "tie"}
    with pytest.raises(DataError, match="no human label"):
        gold_of([Pair("a", "q", "x", "y")])
    with pytest.raises(DataError, match="two pairs"):
        gold_of([Pair("a", "q", "x", "y", gold="1")] * 2)
