"""The planting plan: exact sums within bounds, the same for a seed anywhere, impossible bounds refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from dikast.errors import UsageError
from dikast.graphs.summhay.make.incidence import (
    Draws,
    Plan,
    choose_subtopics,
    find_flow,
    realisable,
    shuffle,
)
from dikast.graphs.summhay.make.planting import Bounds, by_length, draw_sums, plant

WIDE = 100_000
PAPER = Bounds(100, (6, 7), (5, 25), 1000)
EIGHTS = [number // 8 for number in range(64)]


def check_plan(plan: Plan, insights: int, tokens: Sequence[int], bounds: Bounds) -> None:
    assert len(plan) == bounds.documents
    counts = Counter(number for document in plan for number in document)
    for document in plan:
        assert list(document) == sorted(set(document))
        assert bounds.insights_a_document[0] <= len(document) <= bounds.insights_a_document[1]
        assert sum(tokens[number] for number in document) <= bounds.budget
    for number in range(insights):
        assert bounds.documents_an_insight[0] <= counts[number] <= bounds.documents_an_insight[1]


@pytest.mark.parametrize("seed", range(3))
def test_the_papers_bounds_are_kept_to_and_its_clusters_are_met(seed: int) -> None:
    tokens = [25 + number % 20 for number in range(64)]
    plan = plant(EIGHTS, tokens, PAPER, seed)
    check_plan(plan, 64, tokens, PAPER)
    touched = [len({EIGHTS[number] for number in document}) for document in plan]
    assert 2.3 <= sum(touched) / 100 <= 2.7
    assert max(touched) <= 4
    relevant = [sum(any(EIGHTS[one] == kind for one in document) for document in plan) for kind in range(8)]
    assert all(12 <= count <= 42 for count in relevant), relevant
    # Sums of insights are as uneven as in the released haystacks: some are everywhere, many in few documents.
    counts = sorted(Counter(number for document in plan for number in document).values())
    assert counts[-1] >= 18
    assert counts[16] <= 8


def test_a_seed_gives_the_same_plan_on_every_machine() -> None:
    small = Bounds(12, (1, 3), (2, 8), 200)
    plan = plant((0, 0, 0, 1, 1, 1), (20,) * 6, small, 3)
    assert plan == (
        (0, 3, 5), (1, 4, 5), (0, 2), (1, 4), (3,), (0, 2, 3), (4,), (0, 2, 4), (3, 5), (4,), (0, 2, 3), (0, 3),
    )  # fmt: skip
    assert plan == plant((0, 0, 0, 1, 1, 1), (20,) * 6, small, 3)
    assert plan != plant((0, 0, 0, 1, 1, 1), (20,) * 6, small, 4)


@st.composite
def bounds_of_any_kind(draw: st.DrawFn) -> tuple[int, Bounds]:
    insights = draw(st.integers(1, 12))
    pair = st.tuples(st.integers(1, 14), st.integers(1, 14)).map(lambda two: (min(two), max(two)))
    return insights, Bounds(draw(st.integers(1, 14)), draw(pair), draw(pair), WIDE)


def can_be(insights: int, bounds: Bounds) -> bool:
    """Whether some matrix keeps to the bounds: a flow with lower bounds, decided by scipy and nothing of ours."""
    n, m = bounds.documents, insights
    source, sink, above, below = 0, 1, 2, 3
    rows, columns = range(4, 4 + m), range(4 + m, 4 + m + n)
    capacity = np.zeros((4 + m + n, 4 + m + n), dtype=np.int32)
    (least, most), (rare, often) = bounds.insights_a_document, bounds.documents_an_insight
    for row in rows:
        capacity[above, row], capacity[source, row] = often - rare, rare
    for column in columns:
        capacity[column, below], capacity[column, sink] = most - least, least
        for row in rows:
            capacity[row, column] = 1
    capacity[source, below], capacity[above, sink] = n * least, m * rare
    capacity[below, above] = n * m
    csgraph: Any = import_module("scipy.sparse.csgraph")
    return csgraph.maximum_flow(csr_array(capacity), source, sink).flow_value == n * least + m * rare


@given(bounds_of_any_kind(), st.integers(0, 2**32))
@settings(max_examples=300)
def test_a_plan_is_exact_or_refused_and_refused_only_where_none_can_be(given_: tuple[int, Bounds], seed: int) -> None:
    insights, bounds = given_
    subtopics = [number % max(1, insights // 3) for number in range(insights)]
    if not can_be(insights, bounds):
        with pytest.raises(UsageError, match="no plan") as refused:
            plant(subtopics, (1,) * insights, bounds, seed)
        assert "\n" not in str(refused.value)
        assert refused.value.hint
        return
    plan = plant(subtopics, (1,) * insights, bounds, seed)
    check_plan(plan, insights, (1,) * insights, bounds)
    assert plan == plant(subtopics, (1,) * insights, bounds, seed)


@given(bounds_of_any_kind(), st.integers(0, 1000))
def test_swaps_change_no_sum(given_: tuple[int, Bounds], seed: int) -> None:
    insights, bounds = given_
    if not can_be(insights, bounds):
        return
    draws, subtopics = Draws(seed), [number % 2 for number in range(insights)]
    rows, columns = draw_sums(insights, bounds, draws)
    held = find_flow(subtopics, rows, columns, choose_subtopics(subtopics, rows, columns, draws), draws)
    before = [sum(one in document for document in held) for one in range(insights)]
    assert (before, [len(document) for document in held]) == (rows, columns)
    chosen = [{0} for _ in held]
    plan, _ = shuffle(held, subtopics, chosen, (1,) * insights, WIDE, draws)
    assert [sum(one in document for document in plan) for one in range(insights)] == rows
    assert [len(document) for document in plan] == columns


@pytest.mark.parametrize(
    ("bounds", "insights", "told", "hint"),
    [
        (Bounds(10, (6, 7), (5, 25), WIDE), 4, "a document is to have 6 insights, and there are 4", "to 4"),
        (Bounds(4, (1, 7), (5, 25), WIDE), 8, "an insight is to be in 5 documents, and there are 4", "documents to 5"),
        (Bounds(100, (6, 7), (5, 25), WIDE), 12, "have 600, 12 insights in at most 25", "an_insight to 50"),
        (Bounds(10, (6, 7), (5, 25), WIDE), 64, "have 320, 10 documents of at most 7", "a_document to 32"),
        (Bounds(3, (2, 2), (1, 1), WIDE), 5, "have 6, 5 insights in at most 1", "an_insight to 2"),
    ],
)
def test_what_cannot_be_is_told_with_the_bound_to_change(bounds: Bounds, insights: int, told: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        plant([0] * insights, [1] * insights, bounds, 0)
    assert told in refused.value.message
    assert hint in refused.value.hint


def test_what_the_hint_says_mends_it() -> None:
    with pytest.raises(UsageError) as refused:
        plant([0] * 12, [1] * 12, Bounds(100, (6, 7), (5, 25), WIDE), 0)
    raised = int(re.findall(r"documents_an_insight to (\d+)", refused.value.hint)[0])
    lowered = int(re.findall(r"insights_a_document to (\d+)", refused.value.hint)[0])
    check_plan(plant([0] * 12, [1] * 12, mended := Bounds(100, (6, 7), (5, raised), WIDE), 0), 12, [1] * 12, mended)
    mended = Bounds(100, (lowered, 7), (5, 25), WIDE)
    check_plan(plant([0] * 12, [1] * 12, mended, 0), 12, [1] * 12, mended)


def test_a_token_budget_is_kept_to_or_refused() -> None:
    # Long insights: two of them fill a document, so that swaps have to part them.
    tokens = [40, 40, 40, 5, 5, 5, 5, 5]
    tight = Bounds(24, (2, 3), (3, 12), 2 * 52)
    for seed in range(10):
        check_plan(plant([0, 0, 0, 0, 1, 1, 1, 1], tokens, tight, seed), 8, tokens, tight)
    with pytest.raises(UsageError, match=r"may take 40.*raise document_tokens to 90"):
        plant([0] * 8, tokens, Bounds(24, (2, 3), (3, 12), 80), 0)
    # Above each lower bound, and still without a plan.
    with pytest.raises(UsageError, match=r"no plan found .* 20 tokens: 24 is the best"):
        plant([0] * 4, [12, 12, 12, 4], Bounds(3, (2, 2), (1, 2), 40), 0)


@given(st.lists(st.integers(1, 60), min_size=4, max_size=8), st.integers(0, 1000))
def test_swaps_never_raise_what_is_over_the_budget(tokens: list[int], seed: int) -> None:
    draws, subtopics, budget = Draws(seed), [number % 2 for number in range(len(tokens))], 60
    rows, columns = draw_sums(len(tokens), Bounds(8, (1, 3), (1, 8), WIDE), draws)
    chosen = choose_subtopics(subtopics, rows, columns, draws)
    held = find_flow(subtopics, rows, columns, chosen, draws)

    def over(documents: Iterable[Iterable[int]]) -> int:
        return sum(max(0, sum(tokens[one] for one in document) - budget) for document in documents)

    plan, longest = shuffle(held, subtopics, chosen, tokens, budget, draws)
    assert over(plan) <= over(held)
    assert longest == max(sum(tokens[one] for one in document) for document in plan)


def test_the_longest_insights_get_the_smallest_sums_where_they_would_crowd_each_other() -> None:
    assert by_length([3, 9, 5], [5, 40, 10]) == [9, 3, 5]
    # No document has room for two of the three long ones, and there are 24: as they are drawn, they mostly need 30.
    tokens, tight = [100, 100, 100, 1, 1, 1], Bounds(24, (2, 3), (3, 20), 2 * 103)
    for seed in range(10):
        check_plan(plant([0, 0, 0, 1, 1, 1], tokens, tight, seed), 6, tokens, tight)


def test_gale_and_ryser() -> None:
    assert realisable([2, 2], [2, 1, 1])
    assert not realisable([3, 1], [2, 2])
    assert not realisable([2, 2], [2, 1])
    assert realisable([3, 3, 0], [2, 2, 2])
    assert not realisable([4, 2], [2, 2, 2])
