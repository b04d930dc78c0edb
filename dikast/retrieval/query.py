"""Weighted-term queries, the native query type of every retriever here.

A query is a bag of analysed terms with weights, plus the text it came from (which dense retrievers encode). A plain
text query is the bag of its own terms, each weighted by its count; expansion methods add terms and weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Analyze = Callable[[str], list[str]]
"""Text to index terms, in order, repeats kept."""


@dataclass(frozen=True, slots=True)
class WeightedQuery:
    """Analysed terms with weights.

    Args:
        terms: Index term -> weight. A document's score is the sum over terms of weight times the term's score.
        text: The query as text, for retrievers that do not work on terms.
    """

    terms: Mapping[str, float]
    text: str

    @classmethod
    def from_text(cls, text: str, analyze: Analyze) -> WeightedQuery:
        """The bag of a text's own terms; a term that occurs twice weighs 2, as in Lucene."""
        return cls({term: float(count) for term, count in Counter(analyze(text)).items()}, text)
