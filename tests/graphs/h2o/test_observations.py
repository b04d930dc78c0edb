"""The paper's observations, on attention that is known; needles; what is taken away."""

from __future__ import annotations

import numpy as np
import pytest

from dikast.errors import UsageError
from dikast.graphs.h2o.needles import with_needle
from dikast.graphs.h2o.observations import correlation, neighbours, observe, skew_of
from dikast.graphs.h2o.removal import REMOVALS, policy_for


def test_skew_is_the_share_of_the_most_attended_fifth() -> None:
    assert skew_of(np.ones((3, 10))) == pytest.approx(0.2)
    one = np.zeros((1, 10))
    one[0, :2] = 5.0
    assert skew_of(one) == 1.0
    assert skew_of(np.concatenate([one, np.ones((1, 10))])) == pytest.approx(0.6)


def test_neighbours_are_distinct_tokens_nearby() -> None:
    assert neighbours([1, 2, 1, 3]) == {1: 2, 2: 2, 3: 2}
    assert neighbours([7] * 5) == {7: 0}
    assert neighbours([*range(20)])[0] == 8


def test_attention_that_follows_co_occurrence_correlates() -> None:
    tokens = [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9]
    beside = neighbours(tokens)
    first = [token not in tokens[:place] for place, token in enumerate(tokens)]
    attention = np.array([beside[token] * new for token, new in zip(tokens, first, strict=True)], float)
    assert correlation(tokens, attention) == pytest.approx(1.0)
    assert correlation(tokens, -attention) == pytest.approx(-1.0)
    assert correlation([1, 1, 1], np.ones(3)) == 0.0


def test_early_tokens_are_seen_by_more_queries() -> None:
    """Uniform causal attention: sums fall with the place, attention a query does less so."""
    length = 30
    rows = np.tril(np.ones((length, length))) / np.arange(1, length + 1)[:, None]
    found = observe([*range(length)], rows.sum(0)[None])
    assert (found["tokens"], found["types"]) == (length, length)
    assert found["skew"] > 0.4


@pytest.mark.parametrize("depth", [0.0, 0.5, 1.0])
def test_a_needle_lies_between_sentences(depth: float) -> None:
    document = "One two. Three four! Five six? Seven."
    prompt, number = with_needle(document, "a", depth)
    assert number.isdecimal()
    assert len(number) == 5
    at = prompt.index("The secret number")
    assert prompt[:at].strip() == "" or prompt[:at].strip()[-1] in ".!?"
    assert prompt.count(number) == 1
    assert prompt.endswith("Answer with the number alone.")
    for sentence in ("One two.", "Three four!", "Five six?", "Seven."):
        assert sentence in prompt
    assert (prompt, number) == with_needle(document, "a", depth)
    assert number != with_needle(document, "b", depth)[1]


def test_removals_take_what_h2o_would_keep_as_heavy() -> None:
    for name in REMOVALS:
        policy = policy_for(name, 0.25, 0.0)
        room = policy.room(40)
        assert room is not None
        assert room.slots == 30
    assert policy_for("without-heavy", 0.25, 0).observes == "all"
    assert policy_for("without-random", 0.25, 0).observes == "nothing"
    with pytest.raises(UsageError, match=r"'heavy' is 1\.5"):
        policy_for("without-heavy", 1.5, 0.0)
