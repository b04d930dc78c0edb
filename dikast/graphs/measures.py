"""What is told of a text beside its reward: measures that nobody optimised, and the one of CommonGen's that one may.

    measure(("coverage", "rougeL", "length"), asked)        # {"coverage": 0.75, "rougeL": 0.41, "length": 9.0}

| measure | what |
| --- | --- |
| `coverage` | of the row's concepts, the share that stands in the text, word for word or by Porter stem, 0..1 |
| `length` | words |
| `bleu`, `chrf`, `rouge1`, `rouge2`, `rougeL`, `meteor-exact-stem` | against the row's references |

`coverage` is CommonGen's (Lin et al., arXiv 1911.03705) but for the lemmas, which need a model of the language:
"running" covers "run" here, "ran" does not. A measure that a row has nothing for (no concepts, no reference, a script
that the measure cannot read) is `None`, no 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from dikast.evaluation.metrics.lexical import METRICS
from dikast.graphs.rewarding import Asked
from dikast.late import late

METRIC = "metric:"
"""Before a measure's name, where it is the reward."""
COVERAGE, LENGTH = "coverage", "length"
MEASURES: tuple[str, ...] = (COVERAGE, LENGTH, *METRICS)
WORD = re.compile(r"\w+")


def measure(names: Sequence[str], asked: Asked) -> dict[str, float | None]:
    """Of a text, the measures of these names.

    Raises:
        MissingExtraError: One needs a library that is not installed.
    """
    return {name: of_text(name, asked) for name in names}


def of_text(name: str, asked: Asked) -> float | None:
    """One measure of a text; `None` where it has nothing to measure by."""
    if name == LENGTH:
        return float(len(words_of(asked.text)))
    if name == COVERAGE:
        return coverage(asked.text, asked.concepts) if asked.concepts else None
    if not asked.references:
        return None
    value = float(METRICS[name](asked.text, list(asked.references)))
    return value if math.isfinite(value) else None


def coverage(text: str, concepts: Sequence[str]) -> float:
    """Of these concepts, the share that stands in a text; one of several words does if all of them do.

    Args:
        text: The text.
        concepts: One at least.
    """
    there = set(stems_of(text))
    return sum(set(stems_of(concept)) <= there for concept in concepts) / len(concepts)


def stems_of(text: str) -> list[str]:
    """The stems of a text's words."""
    stemmer = porter()
    return [stemmer.stem(word) for word in words_of(text)]


def words_of(text: str) -> list[str]:
    """A text's words, whatever their case."""
    return WORD.findall(text.casefold())


@cache
def porter() -> Any:
    """NLTK's stemmer; untyped."""
    with late("nltk", "nltk.stem"):
        from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


def check_measures(names: Sequence[str]) -> None:
    """Use each measure once, so that what it lacks is told before a model is asked.

    Raises:
        MissingExtraError: One needs a library that is not installed.
    """
    measure(names, Asked.bare("a", "a b", references=("a b",), concepts=("a",)))


def means(rows: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, Any]]:
    """Of each measure its mean, and of how many texts; in the order of the first row."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            mine = found.setdefault(name, [])
            mine += [] if value is None else [value]
    return {name: {"mean": sum(mine) / len(mine) if mine else None, "n": len(mine)} for name, mine in found.items()}
