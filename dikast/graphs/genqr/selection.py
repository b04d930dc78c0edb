"""Which of a query's reformulations are kept: near-duplicates out, then the best by some evidence.

| select | decides by | needs |
| --- | --- | --- |
| `evidence` | expected DCG of what it finds, relevance estimated from other retrieval models | a native index |
| `clarity`, `nqc`, `wig` | a predictor of query performance | a native index |
| `agreement` | how much the other reformulations find the same | nothing |
| `judge` | a language model that scores what it finds | a judge |

No judgments are seen. What each is worth was measured: docs/methods/genqr-combination.md. Keeping one is selection,
keeping several is filtering. Near-duplicates are reformulations whose sets of terms have a Jaccard coefficient at or
above a threshold with an earlier one's (resemblance: Broder 1997); the paper's own filter could not be read.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.request import Sampling
from dikast.agents.roles import Case, Judge
from dikast.graphs.genqr.feedback import cut_text
from dikast.graphs.genqr.records import ORIGINAL, By, Candidate, Reformulation, Selection
from dikast.graphs.genqr.search import expand, list_keywords
from dikast.records import Outcome
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.evidence import Evidence
from dikast.retrieval.native import index_of
from dikast.retrieval.predictors import Candidate as Found
from dikast.retrieval.predictors import Predictor, agreement
from dikast.retrieval.query import Analyze
from dikast.retrieval.relevance import WEIGHTS
from dikast.retrieval.retriever import Retriever
from dikast.retrieval.selection import select as select_by

if TYPE_CHECKING:
    from dikast.graphs.genqr.context import Context


DEPTH = 100
"""Documents of a candidate's ranking: what clarity and NQC look at."""
SHOWN = 3
"""Documents of a candidate's ranking that a judge sees."""
SHOWN_CHARACTERS = 600
"""Of each: three of them and a question fit into a context of 2,048 tokens."""
JUDGING = Sampling(max_tokens=300)
"""Greedy: a score is a measurement."""
RUBRIC = (
    "The response is the top of a ranked list of documents that a search engine found for the instruction, which is a "
    "search query. Good results are about what the query asks for and answer it, the first ones above all."
)
_LOCK = threading.Lock()


async def choose(query: str, made: Sequence[Reformulation], context: Context) -> Selection | None:
    """Say which reformulations are kept, and why; `None` if nothing has to be chosen."""
    if context.distinct is None and context.select == "none":
        return None
    twins = find_duplicates(made, context.distinct, context.retriever.analyze)
    doubles = [record_duplicate(index, twin) for index, twin in twins.items() if twin is not None]
    if context.select == "none":
        return Selection(by="", candidates=doubles)
    single = [index for index, twin in twins.items() if twin is None]
    indices = [*single, *list_original(context)]
    valued = await value_candidates(query, await search(query, made, indices, context), context)
    return Selection(by=context.select, candidates=[*mark_best(valued, context.keep), *doubles])


def list_original(context: Context) -> list[int]:
    """The original query's index where it takes part: among rankings to fuse, or among candidates."""
    takes_part = context.with_original and (context.mode == "fusion" or context.select != "none")
    return [ORIGINAL] if takes_part else []


async def search(
    query: str, made: Sequence[Reformulation], indices: Sequence[int], context: Context
) -> dict[int, Found]:
    """What each reformulation alone is searched with, and finds."""
    alone = context.model_copy(update={"mode": "ensemble"})
    queries = [expand(query, [keywords], alone)[0] for keywords in list_keywords(made, indices)]
    rankings = await context.retriever.search(queries, DEPTH)
    return {index: Found(query, hits) for index, query, hits in zip(indices, queries, rankings, strict=True)}


def find_duplicates(
    reformulations: Sequence[Reformulation], threshold: float | None, analyze: Analyze
) -> dict[int, int | None]:
    """Index -> the earlier reformulation that it is a near-duplicate of, or `None`.

    Empty reformulations are no duplicates: they say something about the model.
    """
    kept: dict[int, frozenset[str]] = {}
    found: dict[int, int | None] = {}
    for one in reformulations:
        terms = frozenset(term for keyword in one["keywords"] for term in analyze(keyword))
        twin = None
        if threshold is not None and terms:
            twin = next((index for index, other in kept.items() if resemblance(terms, other) >= threshold), None)
        if twin is None:
            kept[one["index"]] = terms
        found[one["index"]] = twin
    return found


def resemblance(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard coefficient; 0 for two empty sets."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


def record_duplicate(index: int, twin: int) -> Candidate:
    """The record of a near-duplicate."""
    reason = f"near-duplicate of reformulation {twin + 1}"
    return Candidate(index=index, kept=False, value=None, outcome=Outcome.OK.value, reason=reason)


async def value_candidates(query: str, found: Mapping[int, Found], context: Context) -> list[Candidate]:
    """Each candidate with its value, the higher the better, in the given order; none is kept yet.

    Args:
        query: The original query.
        found: Index -> reformulation and its ranking, `DEPTH` deep.
        context: Says what decides.
    """
    by, retriever = context.select, context.retriever
    if by == "judge" and context.judge is not None:
        judged = [judge_one(query, index, candidate, retriever, context.judge) for index, candidate in found.items()]
        return list(await asyncio.gather(*judged))
    candidates = list(found.values())
    if by == "agreement":
        values = agreement([candidate.hits for candidate in candidates])
    else:
        weights = context.evidence_weights or WEIGHTS
        values = await asyncio.to_thread(measure, query, candidates, index_of(retriever), by, weights)
    return [
        Candidate(index=index, kept=False, value=worth, outcome=Outcome.OK.value, reason="")
        for index, worth in zip(found, values, strict=True)
    ]


def mark_best(candidates: list[Candidate], keep: int) -> list[Candidate]:
    """Mark the `keep` best as kept; the earlier among equals, those without a value last."""
    ranked = sorted(candidates, key=lambda one: (one["value"] is None, -(one["value"] or 0.0)))
    chosen = {one["index"] for one in ranked[:keep]}
    return [{**one, "kept": one["index"] in chosen} for one in candidates]


def measure(
    query: str, candidates: Sequence[Found], bm25: BM25 | None, by: By, weights: Mapping[str, float]
) -> list[float]:
    """Values by retrieval-side evidence. The index is turned round once, by whoever comes first."""
    if bm25 is None:
        raise RuntimeError(f"select={by!r} without a native index")
    predictor: Predictor | Literal["evidence"] = by if by in ("clarity", "nqc", "wig") else "evidence"
    with _LOCK:
        return select_by(query, candidates, evidence_of(bm25), by=predictor, weights=weights).values


@lru_cache(maxsize=2)
def evidence_of(bm25: BM25) -> Evidence:
    """The evidence of an index, kept: it takes seconds to make."""
    return Evidence(bm25)


async def judge_one(query: str, index: int, found: Found, retriever: Retriever, judge: Judge) -> Candidate:
    """A judge's score of what one candidate finds; a failed call is a record."""
    candidate = Candidate(index=index, kept=False, value=None, outcome=Outcome.OK.value, reason="")
    if not found.hits:
        return {**candidate, "outcome": Outcome.EMPTY.value, "reason": "finds nothing"}
    documents = await retriever.documents([hit.docid for hit in found.hits[:SHOWN]])
    texts = [f"{rank}. {cut_text(one.contents, SHOWN_CHARACTERS)}" for rank, one in enumerate(documents, start=1)]
    try:
        said = await judge.judge(Case(query, ("\n\n".join(texts),), RUBRIC), sampling=JUDGING)
    except CALL_FAILURES as error:
        outcome, reason = failure_of(error)
        return {**candidate, "outcome": outcome.value, "reason": reason}
    return {**candidate, "value": said.score, "outcome": said.outcome.value, "reason": said.reason or said.text}
