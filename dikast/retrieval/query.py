"""Weighted-term queries, the native query type of every retriever here.

A query is a bag of analysed terms with weights, plus the text it came from (which dense retrievers encode). A plain
text query is the bag of its own terms, each weighted by its count; expansion methods add terms and weights.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dikast.errors import UsageError

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


WEIGHT = re.compile(r"(?:[0-9]{1,300}+(?:\.[0-9]{0,300}+)?+|\.[0-9]{1,300}+)(?:[eE][+-]?[0-9]{1,3}+)?+")
"""A number that is not negative, in decimal or with an exponent, as Anserini writes `(mexico)^4.43E-4`."""


def parse_weighted(text: str, analyze: Analyze) -> WeightedQuery:
    """Read `car battery^2.5`: words, each with an optional weight after its last caret; 1 without one.

    A word that is analysed into several terms gives each of them its weight; weights of equal terms add up.

    Raises:
        UsageError: What stands after a word's caret is no number from 0 on, or no word stands before it.
    """
    terms: defaultdict[str, float] = defaultdict(float)
    words: list[str] = []
    for piece in text.split():
        word, weight = _weighted(piece)
        words.append(word)
        for term in analyze(word):
            terms[term] += weight
    return WeightedQuery(dict(terms), " ".join(words))


def _weighted(piece: str) -> tuple[str, float]:
    word, caret, number = piece.rpartition("^")
    if not caret:
        return piece, 1.0
    weight = float(number) if WEIGHT.fullmatch(number) else math.nan
    if not word or not math.isfinite(weight):
        hint = "write word^2.5 or word^4.4E-4; without --weighted a caret is a sign like any other"
        raise UsageError(f"{piece!r:.60} is no word with a weight from 0 on", hint=hint)
    return word, weight
