"""Which columns of a wide table a question is about, from names alone, so that the schema fits into a prompt.

    schema = relevant(schema, "total sales per region", limit=20)

The default score counts the question's words that a column's name has, words weighing by how few columns have them (the
idf of Sparck Jones 1972). Any function of question and names will do instead: BM25, embeddings.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

from dikast.errors import UsageError
from dikast.tables.schema import Schema

Rank = Callable[[str, Sequence[str]], Sequence[float]]
"""Question and column names to one score per name, higher is better."""

CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
WORD = re.compile(r"[^\W\d_]+|\d+")
NO_PLURAL = ("ss", "us", "is")


def relevant(schema: Schema, question: str, limit: int, rank: Rank | None = None) -> Schema:
    """The schema with its `limit` best columns listed, in the table's order; ties go to the columns further left.

    Aliased columns say nothing to a ranking and come last.

    Raises:
        UsageError: `limit` is below 1.
    """
    if limit < 1:
        raise UsageError(f"limit={limit}: a schema lists one column at least")
    if len(schema.columns) <= limit:
        return schema
    scores = (rank or overlap)(question, schema.names)
    best = sorted(range(len(scores)), key=lambda at: (-scores[at], at))[:limit]
    return schema.only(best)


def overlap(question: str, names: Sequence[str]) -> list[float]:
    """Per name, the sum over the words that it shares with the question of log(1 + columns / columns with the word)."""
    asked = words(question)
    had = [words(name) for name in names]
    columns = Counter(word for name in had for word in name)
    return [sum(math.log1p(len(names) / columns[word]) for word in sorted(asked & name)) for name in had]


def words(text: str) -> set[str]:
    """Lower-case words of a text or a `snake_case`, `camelCase` or `kebab-case` name, plural endings cut."""
    return {_singular(word.lower()) for word in WORD.findall(CAMEL.sub(" ", text))}


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(NO_PLURAL) else word
