from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError
from dikast.retrieval.relevance import FEATURES, WEIGHTS, Pool, fit, softmax
from tests.retrieval.test_evidence import CANDIDATES, EVIDENCE, QUERY


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=6), st.floats(-100, 100))
def test_softmax_is_a_distribution_that_shifts_do_not_change(values: list[float], shift: float) -> None:
    numbers = np.array(values)
    assert softmax(numbers).sum() == pytest.approx(1)
    assert softmax(numbers + shift) == pytest.approx(softmax(numbers), abs=1e-9)


def test_estimates_follow_the_features() -> None:
    features = np.zeros((2, len(FEATURES)))
    features[0, 0] = 2.0
    weights = dict.fromkeys(FEATURES, 0.0) | {FEATURES[0]: 0.5}
    estimates = Pool(["a", "b"], features).relevance(weights)
    assert estimates == pytest.approx({"a": math.e / (math.e + 1), "b": 1 / (math.e + 1)})


def column_pools(count: int, seed: int) -> tuple[list[Pool], list[dict[str, int]]]:
    """Pools in which the document with the highest second feature is relevant."""
    random = np.random.default_rng(seed)
    pools = [Pool(list("abcde"), random.standard_normal((5, len(FEATURES)))) for _ in range(count)]
    return pools, [{"abcde"[int(pool.features[:, 1].argmax())]: 1} for pool in pools]


def test_what_speaks_for_relevance_is_learnt() -> None:
    pools, grades = column_pools(60, 0)
    weights = fit(pools, grades)
    assert max(weights, key=weights.__getitem__) == FEATURES[1]
    unseen, truth = column_pools(40, 1)
    right = sum(
        max(estimates, key=estimates.__getitem__) in judged
        for pool, judged in zip(unseen, truth, strict=True)
        if (estimates := pool.relevance(weights))
    )
    assert right > 30  # of 40; chance gives 8


def test_the_fit_is_at_the_bottom_of_its_loss() -> None:
    """The loss written out another way, and its slope at the solution by differences."""
    pools, grades = column_pools(12, 2)
    grades[0] = {"a": 2, "b": 1, "c": -1}
    ridge = 0.05

    def loss(weights: dict[str, float]) -> float:
        entropy = 0.0
        for pool, judged in zip(pools, grades, strict=True):
            total = sum(max(0, grade) for grade in judged.values())
            estimates = pool.relevance(weights)
            entropy -= sum(max(0, g) / total * math.log(estimates[docid]) for docid, g in judged.items() if g > 0)
        return entropy / len(pools) + ridge * sum(weight**2 for weight in weights.values())

    found = fit(pools, grades, ridge=ridge)
    for name in FEATURES[:3]:
        up, down = ({**found, name: found[name] + step} for step in (1e-4, -1e-4))
        assert (loss(up) - loss(down)) / 2e-4 == pytest.approx(0, abs=1e-3)


def test_pools_without_a_relevant_document_teach_nothing() -> None:
    pools, grades = column_pools(10, 3)
    more = fit([*pools, pools[0]], [*grades, {"a": 0, "elsewhere": 1}])
    assert more == pytest.approx(fit(pools, grades), abs=1e-6)
    with pytest.raises(DataError, match="nothing to learn from"):
        fit(pools[:1], [{"elsewhere": 3}])


def test_shipped_weights_are_usable() -> None:
    estimates = EVIDENCE.pool(QUERY, CANDIDATES).relevance()
    assert set(WEIGHTS) == set(FEATURES)
    assert sum(estimates.values()) == pytest.approx(1)
