"""How far a text says an insight, by words alone: the share of its terms that a few sentences of the text have.

    oracle = WordOracle(["E85 lifts the Demon 170 to 1,025 hp.", "Only 3,300 cars were built."])
    oracle.read("The V8 reaches 1,025 hp on E85. ...")        # [0.8, 0.1]: shares, 0 to 1

Terms are stemmed words without stop words, each weighing the more the fewer insights have it, and numbers twice that;
numbers in words count as digits (`twenty-five`, `25 %`, `1,025`). The share is the greatest over windows of `WINDOW`
sentences, so that a mention of one word here and one there is no statement.

The thresholds were read off the one released haystack here (news, 100 documents, 65 insights, planted by GPT-4o):

| pairs of a document and an insight | planted | not planted |
| --- | --- | --- |
| share below `ABSENT` | 1.2 % | 98.1 % |
| between: words cannot settle it | 13.8 % | 1.8 % |
| `PRESENT` or more | 85.0 % | 0.1 % |

At `CUT`, where a pair has to be decided by words after all, 93 % of the planted are found, and 97 % of what is found
was planted; the area under the curve is .999. While no model is asked, what was reworded heavily counts as missing.

Not covered: sense. A text that denies an insight in its own words says it, as far as words can tell; so does one that
turns its numbers round. A verifier is asked about what is unsettled, not about that.

Weights are whole numbers, and their sums exact: a document reads the same on every machine.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dikast.retrieval.analysis import analyze, tokenize

WINDOW = 3
"""Sentences: a writer spreads an insight over two or three (area under the curve: .997, .998, .999 for 1, 2, 3)."""
ABSENT, CUT, PRESENT = 0.45, 0.55, 0.65
WRONG_NUMBER = 0.549
"""The most of an insight with a number that the text nowhere has: just below `CUT`, so that without a model it is
missing. It raises the share of what is found that was planted from 96 to 97 %, and costs 1 % of the planted."""
NUMBER_WEIGHT = 2
UNIT = 1000
"""Weights are rounded to a thousandth."""
LONGEST_DOCUMENT = 200_000
"""Characters that are read: a model that never stops has not written one document."""

SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’')\]]{0,2}\s+|\n+")
_UNITS = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen"""
UNITS = {word: number for number, word in enumerate(_UNITS.split(), start=1)}
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
TENS = {word: 10 * number for number, word in enumerate(_TENS.split(), start=2)}
IN_WORDS = re.compile(
    rf"\b(?:({'|'.join(TENS)})(?:[-\s]({'|'.join(list(UNITS)[:9])}))?|({'|'.join(list(UNITS)[1:])}))\b", re.IGNORECASE
)
"""Not a bare "one", which is mostly a pronoun."""
SEPARATOR = re.compile(r"(?<=\d),(?=\d{3})")
MARKS = str.maketrans("‘’“”–—‐‑\u00a0", "''\"\"---- ")
"""Text that is otherwise ASCII is analysed ten times faster without them, and a dash is a dash."""
NUMBER = re.compile(r"\d")
CAPITAL = re.compile(r"[A-Z]")
_OPENERS = """
a about according across after all although among an and any approximately as at because before between both
but by despite due during each even every few following for from given having her his how however i if in its
it many more most nearly no not of on once one only other our over recent several she since so some such than
that the their there these they this those though through to under unlike until use using we what when where
whether which while who why with within without you
"""
OPENERS = frozenset(_OPENERS.split())
"""Words with a capital where a sentence begins that are no names for that."""


def sentences_of(text: str) -> list[str]:
    """The sentences and lines of a text."""
    return [part for part in SENTENCE_END.split(text[:LONGEST_DOCUMENT]) if part and not part.isspace()]


def terms_of(text: str) -> list[str]:
    """The terms of a text, in order, repeats kept."""
    return analyze(_plain(text))


def _plain(text: str) -> str:
    """Numbers as digits without separators, compounds apart, typographic marks as plain ones."""
    return IN_WORDS.sub(_digits, SEPARATOR.sub("", text.translate(MARKS))).replace("-", " ")


def _digits(match: re.Match[str]) -> str:
    if match[3]:
        return str(UNITS[match[3].lower()])
    return str(TENS[match[1].lower()] + (UNITS[match[2].lower()] if match[2] else 0))


@lru_cache(maxsize=65_536)
def _terms_of_sentence(sentence: str) -> frozenset[str]:
    return frozenset(terms_of(sentence))


def is_specific(text: str) -> bool:
    """Whether a text has a number or a name: a word with a capital that no sentence's beginning explains."""
    return any(
        NUMBER.search(token) or CAPITAL.search(token[1:]) or (token[0].isupper() and (place or _is_name(token)))
        for sentence in sentences_of(IN_WORDS.sub(_digits, text))
        for place, token in enumerate(tokenize(sentence))
    )


def _is_name(first: str) -> bool:
    """Whether a sentence's first word may be a name: it has a possessive, as `Dodge's`; others cannot be told."""
    return first.lower() not in OPENERS and first.endswith(("'s", "’s"))


class WordOracle:
    """Reads texts for a fixed list of insights.

    Args:
        insights: Each in its own words.
    """

    def __init__(self, insights: Sequence[str]) -> None:
        terms = [sorted(set(terms_of(insight))) for insight in insights]
        counts = Counter(term for own in terms for term in own)
        self._places = {term: place for place, term in enumerate(counts)}
        self._weights = np.zeros((len(counts), len(insights)), dtype=np.int64)
        for column, own in enumerate(terms):
            for term in own:
                weight = round(UNIT * math.log1p(len(insights) / counts[term]))
                self._weights[self._places[term], column] = weight * (NUMBER_WEIGHT if NUMBER.search(term) else 1)
        self._numbers = np.zeros(self._weights.shape, dtype=np.int64)
        for term, place in self._places.items():
            if NUMBER.search(term):
                self._numbers[place] = self._weights[place] > 0
        # Text without a term (a script that no rule covers) is never found, rather than always.
        self._totals = np.maximum(self._weights.sum(axis=0), 1)

    def read(self, text: str) -> NDArray[np.float64]:
        """Of each insight, the share of its terms in the best window of the text: (insights,), 0 to 1."""
        known = [self._known(sentence) for sentence in sentences_of(text)]
        best = np.zeros(len(self._totals), dtype=np.int64)
        for window in windows(known):
            # A sum of a few rows: a matrix product would wait for threads that others use.
            np.maximum(best, self._weights[list(window)].sum(axis=0), out=best)
        shares: NDArray[np.float64] = best / self._totals
        lacking = self._numbers[list(set[int]().union(*known))].sum(axis=0) < self._numbers.sum(axis=0)
        shares[lacking] = np.minimum(shares[lacking], WRONG_NUMBER)
        return shares

    def _known(self, sentence: str) -> set[int]:
        return {place for term in _terms_of_sentence(sentence) if (place := self._places.get(term)) is not None}

    def where(self, text: str, insight: int) -> range:
        """The sentences of the best window, the first of several: places in `sentences_of`; none without a term."""
        known = [self._known(sentence) for sentence in sentences_of(text)]
        shares = [int(self._weights[list(window), insight].sum()) for window in windows(known)]
        best = max(shares, default=0)
        start = shares.index(best) if best else 0
        return range(start, min(start + WINDOW, len(known))) if best else range(0)


def windows(sentences: Sequence[set[int]]) -> Iterator[set[int]]:
    """What each `WINDOW` sentences in a row have together, by where they begin."""
    return (set[int]().union(*sentences[start : start + WINDOW]) for start in range(len(sentences)))
