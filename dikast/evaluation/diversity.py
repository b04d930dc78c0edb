"""Test prompts that say the same again, and how different the others are.

    seen = NearDuplicates()
    seen.add("a", "How do I bake bread?")       # None: new, and kept
    seen.add("b", "How do I bake bread??")      # "a": what it repeats; not kept

Texts are compared by the characters they share: the Jaccard similarity of their sets of 5-character shingles (Broder
1997). Candidates are found by MinHash and banding (`datasketch`, extra `astral`) and then compared exactly, so that
what is called a near-duplicate is one; the same texts in the same order give the same answer.

Not covered: paraphrases, which share meaning and not characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import combinations, pairwise
from math import comb, fsum, nan
from random import Random
from typing import Any, cast

from dikast.errors import MissingExtraError, UsageError
from dikast.evaluation.axes import Cell
from dikast.late import late

SHINGLE_CHARACTERS = 5
"""Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.2.2: 5 for short documents."""

THRESHOLD = 0.8
"""Above it, two prompts differ by a few characters or a word."""

PERMUTATIONS = 128

QUADRATURE_POINTS = 64

CANDIDATES_FROM = 0.7
"""Of the threshold: banding finds half of the pairs at its own threshold, and nearly all that lie so far above it."""

RUNS = (2, 3, 4)
"""Words of the runs that a text should not repeat; Su et al."""

PAIRS = 20_000
"""The distance of more pairs than these is estimated from so many of them."""


class NearDuplicates:
    """The texts kept so far.

    Args:
        threshold: Texts at least so similar, 0..1, are near-duplicates.

    Raises:
        UsageError: The threshold is not above 0 and at most 1.
        MissingExtraError: `datasketch` is not installed.
    """

    def __init__(self, threshold: float = THRESHOLD) -> None:
        if not 0 < threshold <= 1:
            raise UsageError(f"a similarity threshold of {threshold}", hint="give one above 0 and at most 1")
        try:
            with late("datasketch"):
                self._minhash: Any = import_module("datasketch").minhash
        except ImportError as error:
            raise MissingExtraError("datasketch, for near-duplicates,", extra="astral") from error
        self.threshold = threshold
        self._bands: dict[tuple[int, bytes], list[str]] = {}
        self._rows = rows_of_a_band(threshold * CANDIDATES_FROM)
        self._kept: dict[str, frozenset[str]] = {}

    def add(self, key: str, text: str) -> str | None:
        """Keep a text, unless a kept one is nearly the same.

        Returns:
            The key of the kept text that it repeats, the most similar one; `None` if it was kept.

        Raises:
            UsageError: The key was used before.
        """
        if key in self._kept:
            raise UsageError(f"two texts have the key {key!r}")
        found = shingles(text)
        bands = self._bands_of(found)
        likely = {other for band in bands for other in self._bands.get(band, ())}
        close = sorted((-similarity(found, self._kept[other]), other) for other in likely)
        if close and -close[0][0] >= self.threshold:
            return close[0][1]
        self._kept[key] = found
        for band in bands:
            self._bands.setdefault(band, []).append(key)
        return None

    def _bands_of(self, found: frozenset[str]) -> list[tuple[int, bytes]]:
        """The text's sketch in bands: two texts are compared if a whole band is the same."""
        sketch = self._minhash.MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch([shingle.encode("utf-8", "surrogatepass") for shingle in sorted(found)])
        count, rows = self._rows
        return [(band, sketch.hashvalues[band * rows : (band + 1) * rows].tobytes()) for band in range(count)]


@cache
def rows_of_a_band(threshold: float) -> tuple[int, int]:
    """How many bands of how many rows tell best which pairs are at least so similar: the least missed and needless.

    Two texts of similarity s share a band with probability 1 - (1 - s^rows)^bands (Leskovec, Rajaraman and Ullman,
    section 3.4.2). What is needless below the threshold and missed above it is integrated over s, as `datasketch` does
    it, whose index would import all of SciPy's integration for this one number.
    """
    import numpy as np

    points, weights = cast(Any, np.polynomial.legendre.leggauss(QUADRATURE_POINTS))
    choices = [(bands, rows) for bands in range(1, PERMUTATIONS + 1) for rows in range(1, PERMUTATIONS // bands + 1)]
    bands, rows = np.array(choices, float)[:, :, None].swapaxes(0, 1)
    wrong = np.zeros(len(choices))
    for low, high in ((0.0, threshold), (threshold, 1.0)):
        half = (high - low) / 2
        apart = (1 - (low + half * (points + 1)) ** rows) ** bands
        wrong += half * ((apart if low else 1 - apart) * weights).sum(axis=1)
    return choices[int(wrong.argmin())]


@dataclass(frozen=True, slots=True)
class Diversity:
    """How different texts are.

    Args:
        n: How many there are.
        distance: Mean Jaccard distance over all pairs, 0 (all the same) .. 1; NaN for fewer than two texts.
        distinct: Different word pairs among all word pairs, 0..1 (distinct-2, Li et al., arXiv 1510.03055); NaN
            without any.
    """

    n: int
    distance: float
    distinct: float


def diversity(texts: Sequence[str]) -> Diversity:
    """Measure texts against each other."""
    sets = [shingles(text) for text in texts]
    distances = [1 - similarity(sets[i], sets[j]) for i, j in _pairs(len(sets))]
    words = [text.casefold().split() for text in texts]
    bigrams = [pair for line in words for pair in pairwise(line)]
    return Diversity(
        n=len(texts),
        distance=fsum(distances) / len(distances) if distances else nan,
        distinct=len(set(bigrams)) / len(bigrams) if bigrams else nan,
    )


def diversity_by_cell(items: Iterable[tuple[Cell, str]]) -> list[tuple[Cell, Diversity]]:
    """The figure of each cell's texts, cells in the order in which they first occur."""
    texts: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for cell, text in items:
        texts.setdefault(tuple(cell.items()), []).append(text)
    return [(dict(cell), diversity(found)) for cell, found in texts.items()]


def shingles(text: str) -> frozenset[str]:
    """The text's runs of 5 characters, case and white space made alike; a shorter text is one run."""
    plain = " ".join(text.casefold().split())
    last = max(1, len(plain) - SHINGLE_CHARACTERS + 1)
    return frozenset(plain[i : i + SHINGLE_CHARACTERS] for i in range(last))


def similarity(first: frozenset[str], second: frozenset[str]) -> float:
    """Jaccard's: what both have, of what either has."""
    return len(first & second) / len(first | second)


def _pairs(n: int) -> Iterable[tuple[int, int]]:
    if comb(n, 2) <= PAIRS:
        return combinations(range(n), 2)
    random = Random(0)
    draws = ((int(random.random() * n), int(random.random() * (n - 1))) for _ in range(PAIRS))
    return ((i, j + (j >= i)) for i, j in draws)


def unrepeated(text: str) -> float:
    """How little a text repeats itself: the product, over runs of 2, 3 and 4 words, of the share that is different.

    1 - rep-n of Welleck et al. (arXiv 1908.04319), multiplied as in Su et al. (arXiv 2202.06417); 1 for a text too
    short to have such runs.
    """
    words, product = text.casefold().split(), 1.0
    for n in RUNS:
        runs = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
        product *= len(set(runs)) / len(runs) if runs else 1.0
    return product
