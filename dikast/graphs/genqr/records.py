"""What GenQR writes down: reformulations, single replies, feedback documents, weighted queries, choices.

All are TypedDicts of JSON types, since they go into state, journals and checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import TypedDict

Kind = Literal["none", "pseudo", "oracle", "critic", "human"]

By = Literal["none", "evidence", "clarity", "nqc", "wig", "agreement", "judge"]

NEEDS_INDEX = frozenset[By]({"evidence", "clarity", "nqc", "wig"})

Form = Literal["text", "json", "passage"]

FORMS: Mapping[Form, str] = {
    "text": "Answer with a comma-separated list of keywords and nothing else.",
    "json": 'Answer with a JSON object {"keywords": ["...", "..."]} and nothing else.',
    "passage": "Answer with the passage and nothing else.",
}
"""How a reply is asked for, by its form."""

ORIGINAL = -1
"""The index of the original query among reformulations."""


class Reformulation(TypedDict):
    """What one instruction, or one sample of it, gave; a passage is one long keyword."""

    index: int
    instruction: str
    keywords: list[str]
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Said(TypedDict):
    """A single reply beside the reformulations: the plan, the refined text, the query for people."""

    text: str
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Weighted(TypedDict):
    """A weighted query as JSON: see `WeightedQuery`."""

    terms: dict[str, float]
    text: str


class Candidate(TypedDict):
    """A reformulation that was chosen among; `index` is the reformulation's, -1 for the original query.

    `value` is comparable within a row only, `None` where there is none.
    """

    index: int
    kept: bool
    value: float | None
    outcome: str
    reason: str


class Selection(TypedDict):
    """What was chosen among, by what, and why; empty `by` where only near-duplicates were left out."""

    by: str
    candidates: list[Candidate]


class Feedback(TypedDict):
    """A document that was looked at. `grade` is the critic's, `None` elsewhere and where it gave none."""

    docid: str
    used: bool
    grade: int | None
    reason: str
    outcome: str
