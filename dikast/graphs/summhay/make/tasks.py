"""What the nodes make of their state: a document's task and seed, the plan's bounds, how a call ended."""

from __future__ import annotations

from collections.abc import Sequence

from dikast.agents.roles import Solution
from dikast.graphs.method import tokens_of
from dikast.graphs.summhay.make.content import insights_of, subtopics_of
from dikast.graphs.summhay.make.context import Context, State
from dikast.graphs.summhay.make.planting import Bounds
from dikast.graphs.summhay.make.records import Content, Draft, Failure
from dikast.graphs.summhay.make.roles import Task
from dikast.records import Outcome

WORDS_A_TOKEN = 0.75
"""In English text, about."""
SEEDS_A_ROW = 1_000_003
"""A prime: seeds of the documents of neighbouring rows do not meet."""


def seed_of(state: State, context: Context) -> int:
    """The row's seed."""
    seed = state.get("seed")
    return context.seed if seed is None else seed


def with_participants(content: Content, names: Sequence[str]) -> Content:
    """The content with these people in its conversations."""
    changed = content.copy()
    changed["participants"] = list(names)
    return changed


def tokens_in(content: Content) -> list[int]:
    """About how many tokens each insight has."""
    return [max(1, tokens_of(len(one["insight"]))) for one in insights_of(content)]


def bounds_of(context: Context) -> Bounds:
    """What the planting plan keeps to."""
    return Bounds(context.documents, context.insights_a_document, context.documents_an_insight, context.document_tokens)


def blank(number: int, planned: list[int]) -> Draft:
    """A document that nobody has written yet."""
    return Draft(
        number=number, planned=planned, text="", best=None, repairs=0, written_by="writer", outcome="", reason=""
    )


def content_of(state: State) -> Content:
    """The accepted content, which is there by now."""
    content = state["outline"]
    if content is None:
        raise RuntimeError("no content after it was accepted")
    return content


def task_of(draft: Draft, content: Content, context: Context, seed: int) -> Task:
    """What a writer is told of a document."""
    insights, of = insights_of(content), subtopics_of(content)
    themes = dict.fromkeys(content["subtopics"][of[number]]["name"] for number in draft["planned"])
    return Task(
        topic=content["topic"],
        domain=content["domain"],
        participants=tuple(content["participants"]),
        themes=tuple(themes),
        insights=tuple(insights[number]["insight"] for number in draft["planned"]),
        words=int(context.document_tokens * WORDS_A_TOKEN),
        seed=seed * SEEDS_A_ROW + draft["number"],
    )


def sample_of(draft: Draft, context: Context, seed: int, again: int) -> int:
    """A number for each call of the writer: what two documents are asked in the same words is answered twice."""
    return (seed * context.documents + draft["number"]) * (context.repairs + 1) + again


def ending_of(solution: Solution) -> tuple[Outcome, str]:
    """How a writer's reply ended; one without a text is `empty`, whoever says it is fine."""
    if solution.outcome is Outcome.OK and not solution.text.strip():
        return Outcome.EMPTY, "no text"
    return solution.outcome, solution.reason


def failure(step: str, draft: Draft, outcome: str, reason: str) -> Failure:
    """A call about a document that brought nothing."""
    return Failure(step=step, about=f"document {draft['number'] + 1}", outcome=outcome, reason=reason)


def texts_of(numbers: Sequence[int], insights: Sequence[str]) -> list[str]:
    """Insights by their numbers."""
    return [insights[number] for number in numbers]
