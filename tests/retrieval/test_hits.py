from __future__ import annotations

import pytest

from dikast.retrieval.hits import make_hits
from dikast.retrieval.retriever import Hit


def test_hits_are_those_that_calling_makes() -> None:
    made = make_hits(["d7", "d2"], [3.5, 2.25])
    assert made == [Hit("d7", 3.5), Hit("d2", 2.25)]
    assert [type(hit) for hit in made] == [Hit, Hit]
    assert made[1].docid == "d2"
    assert made[1]._replace(score=1.0) == Hit("d2", 1.0)


@pytest.mark.parametrize(("docids", "scores"), [(["d1"], []), ([], [1.0]), (["d1", "d2"], [1.0])])
def test_an_id_without_a_score_is_told(docids: list[str], scores: list[float]) -> None:
    with pytest.raises(ValueError, match="zip"):
        make_hits(docids, scores)
