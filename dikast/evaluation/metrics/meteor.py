"""METEOR without its synonym stage: words matched exactly, then by Porter stem (Banerjee and Lavie, 2005).

    meteor_exact_stem("the cats sat", ["the cat sat down"])    # 0 .. 1

The full METEOR also matches WordNet synonyms; WordNet is a download that is not always there, so the figure is named
for what it is and must not be compared with full METEOR scores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from dikast.errors import UsageError
from dikast.evaluation.metrics.scripts import is_spaced

WORD = re.compile(r"\w+|[^\w\s]")


class _NoSynonyms:
    """Stands where WordNet would: knows no synonym of any word."""

    def synsets(self, word: str) -> Iterator[object]:
        del word
        return iter(())


def meteor_exact_stem(candidate: str, references: Sequence[str]) -> float:
    """METEOR's exact and stem stages, 0..1; the best of several references.

    NaN where a text is written without spaces. alpha 0.9, beta 3, gamma 0.5, as NLTK has them; words and punctuation
    marks are tokens, case is ignored.

    Raises:
        UsageError: There is no reference.
    """
    from nltk.translate.meteor_score import single_meteor_score

    if isinstance(references, str) or not references:
        raise UsageError("a metric needs a list with at least one reference text")
    if not all(is_spaced(text) for text in (candidate, *references)):
        return math.nan
    words = WORD.findall(candidate)
    no_synonyms = cast(Any, _NoSynonyms())
    return max(
        single_meteor_score(WORD.findall(reference), words, wordnet=no_synonyms) if words else 0.0
        for reference in references
    )
