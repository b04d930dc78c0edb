"""Exact top k: the array methods against sorting everything, and pruning against adding everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dikast.retrieval import maxscore, topk
from dikast.retrieval.maxscore import Contribution

scores = st.lists(st.one_of(st.just(0.0), st.integers(1, 5).map(float), st.floats(0, 100, width=32)), max_size=200)


def sorted_all(values: list[float], k: int) -> list[tuple[int, float]]:
    ranked = sorted(((place, value) for place, value in enumerate(values) if value), key=lambda each: -each[1])
    return ranked[:k]


@given(scores, st.integers(1, 60))
def test_top_is_the_head_of_sorting(values: list[float], k: int) -> None:
    ranking = topk.top(np.array(values, np.float32), k)
    assert list(zip(ranking.documents.tolist(), ranking.scores.tolist(), strict=True)) == sorted_all(values, k)


@given(st.integers(0, 2**32), st.integers(1, 300))
def test_top_of_many(seed: int, k: int) -> None:
    values = np.random.default_rng(seed).integers(0, 400, 5000).astype(np.float32)
    ranking = topk.top(values, k)
    expected = np.lexsort((np.arange(5000), -values))[:k]
    assert ranking.documents.tolist() == expected[values[expected] > 0].tolist()


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 900), st.integers(1, 1000))
def test_rows_are_ranked_as_each_alone(seed: int, rows: int, width: int, k: int) -> None:
    values = np.random.default_rng(seed).integers(0, 40, (rows, width)).astype(np.float32)
    for row, ranking in zip(values, topk.top_of_rows(values, k), strict=True):
        assert list(zip(ranking.documents.tolist(), ranking.scores.tolist(), strict=True)) == sorted_all(
            row.tolist(), k
        )


@given(st.integers(0, 2**32), st.integers(1, 50), st.sampled_from([1, 25, 10_000]))
def test_pruning_changes_nothing(seed: int, k: int, cost: int) -> None:
    """Not one bit of a score: both add in the same order."""
    random, documents = np.random.default_rng(seed), 2000
    terms: list[Contribution] = []
    for _ in range(random.integers(1, 8)):
        held = np.flatnonzero(random.random(documents) < random.choice([0.01, 0.05, 0.6]))
        if len(held):
            values = (random.choice([0.5, 2, 9]) * random.random(len(held)) + 0.1).astype(np.float32)
            places = held.astype(np.int32) if random.random() < 0.5 else held
            weight = float(random.choice([1.0, 0.3, 4.0]))
            terms.append(Contribution(places, values, float(values.max()), weight))
    terms.sort(key=lambda term: -term.weight * term.highest)
    expected = maxscore.rank(terms, documents, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maxscore, "WORTHWHILE", 0)
        patch.setattr(maxscore, "SEARCH_COST", 1 / cost)
        pruned = maxscore.rank(terms, documents, k)
    assert pruned.documents.tolist() == expected.documents.tolist()
    assert pruned.scores.tolist() == expected.scores.tolist()


def test_pruning_does_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above would compare a thing with itself."""
    searched: list[int] = []
    search = maxscore._search

    def watched(near: NDArray[np.intp], *rest: Any) -> topk.Ranking:
        searched.append(len(near))
        return search(near, *rest)

    monkeypatch.setattr(maxscore, "WORTHWHILE", 100)
    monkeypatch.setattr(maxscore, "_search", watched)
    rare = Contribution(np.arange(20), np.linspace(5, 9, 20).astype(np.float32), 9.0)
    common = Contribution(np.arange(10_000), np.full(10_000, 0.5, np.float32), 0.5)
    ranking = maxscore.rank([rare, common], 10_000, 5)
    assert ranking.documents.tolist() == [19, 18, 17, 16, 15]
    assert searched == [7]
