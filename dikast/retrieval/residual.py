"""Residual-collection evaluation: what a user has been shown already counts neither for nor against a ranking.

    left = residual(qrels, {"bm25": run_a, "feedback": run_b}, seen={"q1": ["d3", "d7"]})
    compare(left.qrels, left.runs, baseline="bm25")

Relevance feedback ranks the documents it learnt from again, on top, so plain scores flatter it. Here these documents
are taken out of the judgments and out of every ranking, the baseline's among them.

Source: Chang, Cirillo and Razon 1971 (in Salton, The SMART Retrieval System, chapter 17); Salton and Buckley 1990.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dikast.records import Qrels
from dikast.retrieval.retriever import Hit

Run = Mapping[str, Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Residual:
    """What is left to measure.

    Args:
        qrels: Judgments without the seen documents, of the queries that still have a relevant one.
        runs: The rankings of all queries without the seen documents, orders and scores as they were.
        exhausted: Queries that had a relevant document and have none left: no system can be measured on them.
    """

    qrels: dict[str, dict[str, int]]
    runs: dict[str, dict[str, list[Hit]]]
    exhausted: list[str]


def residual(qrels: Qrels, runs: Mapping[str, Run], seen: Mapping[str, Iterable[str]]) -> Residual:
    """Take feedback documents out of judgments and rankings.

    Args:
        qrels: The judgments.
        runs: Name -> run. Runs that are to be compared belong into one call, since the same documents have to go.
        seen: Query id -> documents that any of the runs had as feedback, relevant or not.
    """
    gone = {qid: frozenset(docids) for qid, docids in seen.items()}
    left = {
        qid: {doc: grade for doc, grade in grades.items() if doc not in gone.get(qid, ())}
        for qid, grades in qrels.items()
    }
    had = {qid for qid, grades in qrels.items() if any(grade > 0 for grade in grades.values())}
    still = {qid: grades for qid, grades in left.items() if any(grade > 0 for grade in grades.values())}
    return Residual(
        qrels=still,
        runs={
            name: {qid: [hit for hit in hits if hit.docid not in gone.get(qid, ())] for qid, hits in run.items()}
            for name, run in runs.items()
        },
        exhausted=[qid for qid in qrels if qid in had and qid not in still],
    )
