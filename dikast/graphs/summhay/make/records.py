"""What the synthesizer's nodes share and what is written down of a haystack: all of it JSON."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from typing_extensions import TypedDict

Domain: TypeAlias = Literal["news", "conversation"]


class PlannedInsight(TypedDict):
    """Something specific that some of the documents are to say."""

    name: str
    insight: str


class PlannedSubtopic(TypedDict):
    """A question to the haystack, and the insights that answer it."""

    name: str
    subtopic: str
    query: str
    insights: list[PlannedInsight]


class Content(TypedDict):
    """What a haystack is about: what `plan.toml` holds. `participants` are those of conversations; empty for news."""

    topic: str
    domain: Domain
    participants: list[str]
    subtopics: list[PlannedSubtopic]


class Rejected(TypedDict):
    """An insight or subtopic that was suggested and not taken. `by` is `words` or `critic`."""

    subtopic: str
    text: str
    reason: str
    by: str


class Failure(TypedDict):
    """A call that brought nothing: of which step, about what, and how it ended."""

    step: str
    about: str
    outcome: str
    reason: str


class Checked(TypedDict):
    """A text and what the oracle says of it. Insights are numbers in the content's order, from 0.

    `unsettled` pairs are those which neither words nor a verifier could settle: the cut of `words` decided them.
    """

    text: str
    found: list[int]
    missing: list[int]
    leaked: list[int]
    unsettled: int
    by_model: int


class Draft(TypedDict):
    """A document in the making.

    Args:
        number: Its place in the haystack, from 0.
        planned: The insights that it was to have.
        text: The newest text, which `best` may not be about yet; empty where there is none.
        best: The text with the fewest faults so far; `None` before the first check, and where there is no text.
        repairs: How often it was asked for again.
        written_by: `writer`, or `template` where the writer's text was replaced.
        outcome: How the first call ended: without `ok` there is no document.
        reason: Why.
    """

    number: int
    planned: list[int]
    text: str
    best: Checked | None
    repairs: int
    written_by: str
    outcome: str
    reason: str


class Round(TypedDict):
    """What the oracle found over all documents, after so many repairs of some of them.

    `planned` and `unplanted` count the pairs of an insight and a document that is there; `missing` and `leaked` those
    of them that are not as planned. A rate is `None` where there is nothing to take it of.
    """

    name: str
    documents: int
    planned: int
    missing: int
    unplanted: int
    leaked: int
    unsettled: int
    by_model: int
    miss_rate: float | None
    leak_rate: float | None


class Made(TypedDict):
    """How a haystack was made, for its card.

    Args:
        seed: The row's.
        bounds: Of the planting plan.
        degrees: Least, mean and most of insights a document and documents an insight, as planned.
        documents: Outcome -> how many: `ok`, `repaired`, `template`, `faulty`, `dropped`, and how calls failed.
        planned: Pairs planned, those of documents that are missing among them.
        found: Pairs that the oracle found, leaked ones among them.
        unplanted: Names of insights that no document holds.
    """

    seed: int
    bounds: dict[str, Any]
    degrees: dict[str, list[float]]
    documents: dict[str, int]
    planned: int
    found: int
    unplanted: list[str]
