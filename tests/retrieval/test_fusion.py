"""Fusion: published formulas by hand, and what must hold of any fusion."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.retrieval.fusion import combmnz, combsum, fuse_runs, rrf
from dikast.retrieval.retriever import Hit

Fuse = Callable[[Sequence[Sequence[Hit]]], list[Hit]]
FUSIONS: list[Fuse] = [
    rrf,
    *(partial(fuse, normalize=how) for fuse in (combsum, combmnz) for how in ("minmax", "zscore", "none")),
]
A = [Hit("x", 10.0), Hit("y", 6.0), Hit("z", 2.0)]
B = [Hit("y", 3.0), Hit("w", 1.0)]

ranking = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 50), max_size=8).map(
    lambda scores: [Hit(docid, float(scores[docid])) for docid in sorted(scores, key=lambda each: -scores[each])]
)
rankings = st.lists(ranking, max_size=5)


def test_rrf_by_hand() -> None:
    """Cormack, Clarke and Buettcher 2009: 1 / (60 + rank), ranks from 1."""
    assert rrf([A, B]) == [
        Hit("y", 1 / 62 + 1 / 61),
        Hit("x", 1 / 61),
        Hit("w", 1 / 62),
        Hit("z", 1 / 63),
    ]
    assert rrf([A, B], k=0, weights=[1, 3], depth=1) == [Hit("y", 3.0), Hit("x", 1.0)]


def test_combsum_by_hand() -> None:
    assert combsum([A, B], normalize="none") == [Hit("x", 10), Hit("y", 9), Hit("z", 2), Hit("w", 1)]
    assert combsum([A, B]) == [Hit("y", 1.5), Hit("x", 1.0), Hit("w", 0.0), Hit("z", 0.0)]
    assert combsum([A, B], weights=[2, 1]) == [Hit("x", 2.0), Hit("y", 2.0), Hit("w", 0.0), Hit("z", 0.0)]
    zscore = dict(combsum([A], normalize="zscore"))
    assert zscore == pytest.approx({"x": 1.5**0.5, "y": 0.0, "z": -(1.5**0.5)})


def test_combmnz_by_hand() -> None:
    assert combmnz([A, B], normalize="none") == [Hit("y", 18), Hit("x", 10), Hit("z", 2), Hit("w", 1)]
    assert combmnz([A, B], normalize="none", depth=1) == [Hit("x", 10), Hit("y", 3)]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused(wrong: float) -> None:
    with pytest.raises(UsageError, match="rrf needs k"):
        rrf([A, B], k=wrong)
    for fuse in (rrf, combsum, combmnz):
        with pytest.raises(UsageError, match="each has to be a finite number"):
            fuse([A, B], weights=[wrong, 1])


def test_equal_scores_are_normalised_to_one_or_zero() -> None:
    even = [Hit("b", 5.0), Hit("a", 5.0)]
    assert combsum([even]) == [Hit("a", 1.0), Hit("b", 1.0)]
    assert combsum([even], normalize="zscore") == [Hit("a", 0.0), Hit("b", 0.0)]


@pytest.mark.parametrize("fuse", FUSIONS)
@given(rankings, st.randoms())
def test_any_fusion(fuse: Fuse, lists: list[list[Hit]], order: random.Random) -> None:
    fused = fuse(lists)
    assert {hit.docid for hit in fused} == {hit.docid for each in lists for hit in each}
    assert fused == sorted(fused, key=lambda hit: (-hit.score, hit.docid))
    shuffled = order.sample(lists, len(lists))
    assert dict(fuse(shuffled)) == pytest.approx(dict(fused), abs=1e-9)
    assert dict(fuse([*lists, []])) == pytest.approx(dict(fused))


@given(ranking)
def test_rrf_of_one_ranking_keeps_its_order(one: list[Hit]) -> None:
    assert [hit.docid for hit in rrf([one])] == [hit.docid for hit in one]


@given(rankings, st.floats(0.1, 10))
def test_minmax_is_blind_to_scale(lists: list[list[Hit]], factor: float) -> None:
    scaled = [[Hit(hit.docid, factor * hit.score) for hit in each] for each in lists]
    assert dict(combsum(scaled)) == pytest.approx(dict(combsum(lists)), abs=1e-9)


def test_whole_runs() -> None:
    runs = [{"q1": A, "q2": B}, {"q3": B, "q1": B}]
    fused = fuse_runs(runs, rrf)
    assert list(fused) == ["q1", "q2", "q3"]
    assert fused["q1"] == rrf([A, B])
    assert fused["q2"] == rrf([B])


def test_arguments_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="1 weights for 2 rankings"):
        rrf([A, B], weights=[1])
    with pytest.raises(UsageError, match="depth=0"):
        combsum([A], depth=0)
    with pytest.raises(UsageError, match="k=-1"):
        rrf([A], k=-1)
    with pytest.raises(UsageError, match="normalize='max'"):
        combmnz([A], normalize=cast(Any, "max"))
