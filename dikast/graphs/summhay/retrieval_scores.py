"""Retrieval scored without any language model: what a ranking brings into the budget, against the known incidence.

    scored = await score_ranking(haystack, haystack.subtopics[0], load_ranker("bm25"), budget=15_000)
    scored.recall, scored.ndcg

A document's gain is the number of the subtopic's insights that were planted in it; it is relevant if that is not 0.

| score | formula |
| --- | --- |
| recall | relevant documents within the budget / relevant documents |
| insights | insights that some document within the budget holds / insights that any document holds |
| ndcg | sum of gain / log2(1 + rank) over the n documents within the budget, as a share of the best n documents' |

The authors' program has no such figure. A document that is cut at the end of the budget counts as brought.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, log2

from dikast.graphs.summhay.haystack import Haystack, Subtopic
from dikast.graphs.summhay.ranking import Ranker
from dikast.graphs.summhay.selection import Count, count_by_characters, fill


@dataclass(frozen=True, slots=True)
class RetrievalScore:
    """One subtopic's; each `None` where nothing is relevant."""

    documents: int
    recall: float | None
    insights: float | None
    ndcg: float | None


async def score_ranking(
    haystack: Haystack, subtopic: Subtopic, ranker: Ranker, *, budget: int | None, count: Count = count_by_characters
) -> RetrievalScore:
    """Rank, fill the budget, score."""
    ranking = await ranker.rank_haystack(haystack, subtopic)
    shown = await fill(haystack, ranking, budget, count)
    return score_documents(haystack, subtopic, [one.docid for one in shown])


def score_documents(haystack: Haystack, subtopic: Subtopic, docids: Sequence[str]) -> RetrievalScore:
    """Score documents that were brought, best first."""
    gains = haystack.incidence(subtopic)
    brought = [gains[docid] for docid in docids]
    relevant = sum(gain > 0 for gain in gains.values())
    planted = {insight.insight_id for insight in haystack.planted(subtopic)}
    held = {
        insight
        for docid in docids
        for insight in haystack.documents[haystack.numbers[docid] - 1].insights_included
        if insight in planted
    }
    best = discounted(sorted(gains.values(), reverse=True)[: len(docids)])
    return RetrievalScore(
        documents=len(docids),
        recall=sum(gain > 0 for gain in brought) / relevant if relevant else None,
        insights=len(held) / len(planted) if planted else None,
        ndcg=(discounted(brought) / best if best else 0.0) if relevant else None,
    )


def discounted(gains: Iterable[float]) -> float:
    """Discounted cumulative gain (Järvelin and Kekäläinen 2002, with log2(1 + rank))."""
    return fsum(gain / log2(1 + rank) for rank, gain in enumerate(gains, start=1))


def mean_scores(scores: Sequence[RetrievalScore]) -> Mapping[str, float | None]:
    """Mean recall, insights and nDCG over subtopics that have anything relevant."""

    def mean(values: list[float]) -> float | None:
        return fsum(values) / len(values) if values else None

    return {
        "recall": mean([one.recall for one in scores if one.recall is not None]),
        "insights": mean([one.insights for one in scores if one.insights is not None]),
        "ndcg": mean([one.ndcg for one in scores if one.ndcg is not None]),
        "documents": mean([float(one.documents) for one in scores]),
    }
