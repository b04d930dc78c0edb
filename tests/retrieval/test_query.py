from __future__ import annotations

import pytest

from dikast.retrieval.query import WeightedQuery
from tests.retrieval.test_bm25 import retriever


async def test_a_repeated_word_counts_twice() -> None:
    bm25 = retriever(["oracle table", "table"])
    query = WeightedQuery.from_text("oracle tables oracle", bm25.analyze)
    assert query.terms == {"oracl": 2.0, "tabl": 1.0}


@pytest.mark.parametrize("text", ["", "to be or not to be", "zzz", '+-&&||!(){}[]^"~*?:\\/ #combine(', "a^2 AND NOT"])
async def test_a_query_that_matches_nothing_has_no_hits(text: str) -> None:
    bm25 = retriever(["oracle table"])
    assert await bm25.search([WeightedQuery.from_text(text, bm25.analyze)], 10) == [[]]


async def test_query_syntax_is_plain_text() -> None:
    bm25 = retriever(["oracle table", "critic"])
    plain, syntax = (WeightedQuery.from_text(text, bm25.analyze) for text in ("oracle", '+oracle^5 "!(oracle'))
    assert syntax.terms == {"oracl": 2.0, "5": 1.0}
    assert [hit.docid for hit in (await bm25.search([plain], 5))[0]] == ["d00"]
