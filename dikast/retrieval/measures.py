"""Measuring a run against judgments, with `trec_eval`'s figures (through ir-measures and pytrec_eval).

    values = measure(qrels, run, ["nDCG@10", "AP", "R@100"])   # measure -> query id -> value
    mean(values["nDCG@10"])

A ranking is measured in the order it stands in. A judged query that the run lacks counts 0, as with `trec_eval -c`; a
query without judgments does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dikast.errors import DataError, UsageError
from dikast.records import Qrels
from dikast.retrieval.retriever import Hit

if TYPE_CHECKING:
    from ir_measures.measures import Measure

DEFAULT_MEASURES = ("nDCG@10", "AP", "R@100")
ALIASES = {"MAP": "AP", "MRR": "RR", "Recall": "R"}


def measure(
    qrels: Qrels, run: Mapping[str, Sequence[Hit]], measures: Sequence[str] = DEFAULT_MEASURES
) -> dict[str, dict[str, float]]:
    """Values from 0 to 1: measure -> query id -> value, for every judged query.

    Args:
        qrels: The judgments.
        run: Query id -> hits, best first; scores are not looked at.
        measures: Names as ir-measures has them: `nDCG@10`, `AP` (or `MAP`), `R@100`, `P@10`, `RR`, `AP(rel=2)@100` ...

    Raises:
        UsageError: A measure is unknown.
        DataError: A ranking names a document twice, or there are no judgments.
    """
    if not qrels:
        raise DataError("there are no judgments to measure with")
    parsed = {name: _parse(name) for name in measures}
    found = {each: dict.fromkeys(qrels, 0.0) for each in parsed.values()}
    judged = {qid: dict(grades) for qid, grades in qrels.items()}
    scored = {qid: _as_scores(qid, run[qid]) for qid in qrels if run.get(qid)}
    if scored:
        import ir_measures

        for metric in ir_measures.iter_calc(list(found), judged, scored):
            found[metric.measure][metric.query_id] = metric.value
    return {name: found[each] for name, each in parsed.items()}


def mean(values: Mapping[str, float]) -> float:
    """The arithmetic mean over queries; 0 without any."""
    return sum(values.values()) / len(values) if values else 0.0


def _parse(name: str) -> Measure:
    import ir_measures

    stem, at, cutoff = name.partition("@")
    known = ALIASES.get(stem, stem) + at + cutoff
    try:
        return ir_measures.parse_measure(known)
    except (NameError, ValueError, SyntaxError, AssertionError, TypeError) as error:
        hint = "e.g. nDCG@10, AP, R@100, P@10, RR@10; all: https://ir-measur.es"
        raise UsageError(f"measure {name!r} is unknown", hint=hint) from error


def _as_scores(qid: str, hits: Sequence[Hit]) -> dict[str, float]:
    """Scores that say nothing but the order."""
    scores = {hit.docid: float(-rank) for rank, hit in enumerate(hits)}
    if len(scores) != len(hits):
        raise DataError(f"the ranking of query {qid!r} names a document twice")
    return scores
