from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.summhay.haystack import parse_haystack
from dikast.graphs.summhay.ranking import Ranked
from dikast.graphs.summhay.retrieval_scores import discounted, score_documents
from dikast.graphs.summhay.selection import Shown, arrange, count_by_characters, cut, fill, select
from tests.graphs.summhay.hay import hay

HAY = parse_haystack(hay())
BEST = [Ranked("d2", 3.0), Ranked("d1", 2.0), Ranked("d4", 1.0)]


async def words(text: str) -> int:
    """A token a word."""
    return len(text.split())


async def test_documents_are_taken_best_first_and_the_last_is_cut() -> None:
    shown = await fill(HAY, BEST, 14, words)
    assert [(one.number, one.tokens, one.cut) for one in shown] == [(2, 11, False), (1, 3, True)]
    assert shown[1].text == "The Aurora brought"


async def test_without_a_bound_all_are_shown() -> None:
    assert [one.number for one in await fill(HAY, BEST, None, words)] == [2, 1, 4]


async def test_a_budget_below_one_document_shows_its_beginning_and_below_one_word_nothing() -> None:
    assert [one.text for one in await fill(HAY, BEST, 2, words)] == ["Tea: 40"]
    assert await fill(HAY, BEST, 1, count_by_characters) == [Shown(2, "d2", "Tea:", 1, True)]

    async def many(text: str) -> int:
        return 10 * len(text)

    assert await fill(HAY, BEST, 9, many) == []


async def test_orders() -> None:
    shown = [Shown(number, f"d{number}", "", 1, False) for number in (5, 3, 9, 1)]
    orders = {order: [one.number for one in arrange(shown, order)] for order in ("best-first", "best-last", "given")}
    assert orders == {"best-first": [5, 3, 9, 1], "best-last": [1, 9, 3, 5], "given": [1, 3, 5, 9]}
    middle = [one.number for one in arrange(shown, "best-middle")]
    assert sorted(middle) == [1, 3, 5, 9]
    assert set(middle[1:3]) == {5, 3}
    selected = await select(HAY, BEST, budget=None, order="given", count=words)
    assert [one.number for one in selected] == [1, 2, 4]


@given(st.text(max_size=60), st.integers(0, 20))
async def test_a_cut_fits_and_is_a_beginning(text: str, budget: int) -> None:
    part = await cut(text, budget, count_by_characters)
    assert text.startswith(part)
    assert await count_by_characters(part) <= budget


async def test_a_cut_ends_between_words() -> None:
    assert await cut("alpha beta gamma", 3, count_by_characters) == "alpha beta"


def test_retrieval_is_scored_against_the_known_incidence() -> None:
    ships = HAY.subtopics[0]
    best = score_documents(HAY, ships, ["d2", "d1"])
    assert (best.recall, best.insights, best.ndcg) == (1.0, 1.0, 1.0)
    worse = score_documents(HAY, ships, ["d4", "d1"])
    assert (worse.recall, worse.insights) == (0.5, 0.5)
    assert worse.ndcg == pytest.approx(discounted([0, 1]) / discounted([2, 1]))
    assert score_documents(HAY, ships, []).ndcg == 0.0


def test_a_subtopic_without_documents_has_no_score() -> None:
    bare = hay()
    bare["documents"][2]["insights_included"] = []
    haystack = parse_haystack(bare)
    score = score_documents(haystack, haystack.subtopics[1], ["d1"])
    assert (score.recall, score.insights, score.ndcg) == (None, None, None)
