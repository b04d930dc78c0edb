"""Weighted-term queries, the native query type of every retriever here.

A query is a bag of analysed terms with weights, plus the text it came from (which dense retrievers encode). A plain
text query is the bag of its own terms, each weighted by its count; expansion methods add terms and weights.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
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


WEIGHT = re.compile(r"(\S+)\^(\d+(?:\.\d*)?|\.\d+)")


def parse_weighted(text: str, analyze: Analyze) -> WeightedQuery:
    """Read `car battery^2.5`: words, each with an optional weight after a caret; 1 without one.

    Whatever does not have that form is a word like any other: there is no syntax to break. A word that is analysed into
    several terms gives each of them its weight; weights of equal terms add up.
    """
    terms: defaultdict[str, float] = defaultdict(float)
    words: list[str] = []
    for piece in text.split():
        found = WEIGHT.fullmatch(piece)
        word, weight = (found[1], float(found[2])) if found else (piece, 1.0)
        words.append(word)
        for term in analyze(word):
            terms[term] += weight
    return WeightedQuery(dict(terms), " ".join(words))
