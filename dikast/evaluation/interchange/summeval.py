"""SummEval (Fabbri et al., arXiv 2007.12626): summaries with expert scores for four dimensions.

    texts = read_summaries("model_annotations.aligned.jsonl")                                  # as published
    texts = read_summaries("system_summaries_human.jsonl", references="references.jsonl")      # packed

Not covered: the source articles, which the data set does not hold, and the crowd workers' scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dikast.evaluation.items import ScoredText
from dikast.row import Row
from dikast.rows import read_rows


def read_summaries(path: str | Path, references: str | Path | None = None) -> list[ScoredText]:
    """Each summary with its mean expert score a dimension; `group` = document, `system` = who wrote it.

    Args:
        path: `{"id", "model_id", "decoded", "references", "expert_annotations"}` as published, or
            `{"doc_id", "system", "summary", "human"}`.
        references: For the second form: `{"doc_id", "ref_summs"}`, the main reference first.

    Raises:
        DataError: A field is missing, a score is no number, or a document has no references.
    """
    known = {} if references is None else {r.text("doc_id"): r.strings("ref_summs") for r in read_rows(references)}
    return [
        _published(record) if "expert_annotations" in record.values else _packed(record, known)
        for record in read_rows(path)
    ]


def _published(record: Row) -> ScoredText:
    document, system = record.text("id"), record.text("model_id")
    experts = [_scores(expert) for expert in record.children("expert_annotations")]
    if not experts or any(expert.keys() != experts[0].keys() for expert in experts):
        raise record.error("expert_annotations", "the experts did not score the same dimensions")
    mean = {name: sum(expert[name] for expert in experts) / len(experts) for name in experts[0]}
    given = record.strings("references") if "references" in record.values else ()
    return ScoredText(f"{document}/{system}", record.text("decoded"), mean, document, system, given)


def _packed(record: Row, references: Mapping[str, tuple[str, ...]]) -> ScoredText:
    document, system = record.text("doc_id"), record.text("system")
    if references and document not in references:
        raise record.error("doc_id", f"no references for {document!r}")
    return ScoredText(
        f"{document}/{system}",
        record.text("summary"),
        _scores(record.child("human")),
        document,
        system,
        references.get(document, ()),
    )


def _scores(record: Row) -> dict[str, float]:
    return {name: record.number(name) for name in record.values}
