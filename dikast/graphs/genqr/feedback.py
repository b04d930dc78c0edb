"""Relevance feedback for GenQR: which documents of a first search are shown to the solver, and who says so.

| feedback | who chooses | from what |
| --- | --- | --- |
| `pseudo` | nobody: the top k | the first search |
| `oracle` | a simulated user: the judgments' k most relevant | the judgments, held by the oracle alone |
| `critic` | a language model that grades 0 to 3, at or above a threshold, best first | the first search's top `pool` |
| `human` | a person, asked through LangGraph's `interrupt` | the first search's top `pool` |

Paper: section 3.3 of GenQREnsemble (ECIR 2024) for pseudo and oracle; the critic's prompt is ours.

Each chooser returns everything it looked at, used or not, so that a row's story shows why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, cast

from langgraph.types import interrupt
from pydantic import AfterValidator, BaseModel, create_model

from dikast.agents.roles import Critic, RelevanceOracle
from dikast.errors import RetrievalError
from dikast.fence import fence
from dikast.graphs.genqr.records import Feedback
from dikast.graphs.method import CHARACTERS_PER_TOKEN
from dikast.records import Document, Outcome
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Retriever

if TYPE_CHECKING:
    from dikast.graphs.genqr.context import Context


CUT = " ..."


async def choose_documents(query: str, qid: str, context: Context) -> list[Feedback]:
    """Find feedback documents in the way the context asks for; none where it asks for no feedback."""
    k, retriever = context.feedback_k, context.retriever
    if context.feedback == "none":
        return []
    if context.feedback == "oracle" and context.oracle is not None:
        return await oracle(context.oracle, qid, k, retriever)
    documents = await first_search(
        retriever, query, k if context.feedback == "pseudo" else max(k, context.feedback_pool)
    )
    if context.feedback == "critic" and context.critic is not None:
        threshold, when_none = context.critic_threshold, context.critic_when_none
        return await critic(context.critic, query, documents, k=k, threshold=threshold, when_none=when_none)
    return human(query, documents, k) if context.feedback == "human" else take_first(documents, k)


def take_first(documents: Sequence[Document], k: int) -> list[Feedback]:
    """Pseudo relevance feedback: take the top k of the first search."""
    return [record_ungraded(document.docid) for document in documents[:k]]


async def oracle(relevance: RelevanceOracle, qid: str, k: int, retriever: Retriever) -> list[Feedback]:
    """The k documents that the judgments find most relevant; judged documents that the index lacks are told apart."""
    return [await look_up(docid, retriever) for docid in relevance.relevant(qid, k)]


async def look_up(docid: str, retriever: Retriever) -> Feedback:
    """Record a judged document, as used only if the index has it."""
    try:
        await retriever.documents([docid])
    except RetrievalError as error:
        return Feedback(docid=docid, used=False, grade=None, reason=str(error), outcome=Outcome.ERROR.value)
    return record_ungraded(docid)


async def critic(
    judge: Critic, query: str, documents: Sequence[Document], *, k: int, threshold: int, when_none: str
) -> list[Feedback]:
    """The k best of the documents that the critic grades at or above the threshold; ties by rank.

    Args:
        judge: The critic.
        query: The original query.
        documents: What the critic grades, by rank.
        k: How many are used at most.
        threshold: The lowest grade that counts as relevant.
        when_none: What happens if no document reaches it: `none` (no context) or `pseudo` (the top k).
    """
    grades = await judge.grade(query, documents)
    seen = [
        Feedback(docid=document.docid, used=False, grade=given.grade, reason=given.reason, outcome=given.outcome.value)
        for document, given in zip(documents, grades, strict=True)
    ]
    kept = [one for one in seen if one["grade"] is not None and one["grade"] >= threshold]
    best = sorted(kept, key=lambda one: -cast(int, one["grade"]))[:k]
    if not best and when_none == "pseudo":
        best = seen[:k]
    for one in best:
        one["used"] = True
    return [*best, *(one for one in seen if not one["used"])]


def human(query: str, documents: Sequence[Document], k: int) -> list[Feedback]:
    """What a person chooses, then what else the person saw.

    The graph stops here until it is answered; it needs a checkpointer for that.

    The answer is `{"relevant": [ids, best first]}`, none is an answer too. One that is of another form, or names a
    document that was not shown, is refused by LangGraph, and the question stays open.
    """
    shown = [{"docid": document.docid, "contents": document.contents} for document in documents]
    reply: HumanReply = interrupt({"query": query, "documents": shown}, response_schema=reply_form(documents))
    chosen = list(dict.fromkeys(reply.relevant))[:k]
    others = [document.docid for document in documents if document.docid not in chosen]
    return [*map(record_ungraded, chosen), *(record_ungraded(docid, used=False) for docid in others)]


class HumanReply(BaseModel, extra="forbid"):
    """What a person answers: the ids of the documents to use, best first."""

    relevant: list[str]


def reply_form(documents: Sequence[Document]) -> type[HumanReply]:
    """The form of a person's answer: only ids of these documents."""
    shown = {document.docid for document in documents}

    def among_shown(docids: list[str]) -> list[str]:
        if unknown := sorted(set(docids) - shown):
            raise ValueError(f"not among the documents that were shown: {', '.join(unknown)}")
        return docids

    return create_model(
        "HumanReply", __base__=HumanReply, relevant=(Annotated[list[str], AfterValidator(among_shown)], ...)
    )


def record_ungraded(docid: str, *, used: bool = True) -> Feedback:
    """Record a document that nobody graded."""
    return Feedback(docid=docid, used=used, grade=None, reason="", outcome=Outcome.OK.value)


async def first_search(retriever: Retriever, query: str, k: int) -> list[Document]:
    """The documents of the top k for the original query."""
    [hits] = await retriever.search([WeightedQuery.from_text(query, retriever.analyze)], k)
    return await retriever.documents([hit.docid for hit in hits])


def quote(documents: Sequence[Document], tokens: int) -> str:
    """The documents as the prompt's context: fenced, each cut to its equal share of the budget.

    Args:
        documents: Best first.
        tokens: Budget for all of them, at four characters a token; the fences come on top.
    """
    share = max(1, tokens * CHARACTERS_PER_TOKEN // max(1, len(documents)))
    return "\n".join(fence(cut_text(document.contents, share), "document") for document in documents)


def cut_text(text: str, characters: int) -> str:
    """The text, cut at a word's end if it is longer than this."""
    if len(text) <= characters:
        return text
    head = text[:characters]
    return (head.rsplit(maxsplit=1)[0] if " " in head else head) + CUT


def list_used(feedback: Sequence[Mapping[str, object]]) -> list[str]:
    """Ids of the documents that are used, best first."""
    return [str(one["docid"]) for one in feedback if one["used"]]
