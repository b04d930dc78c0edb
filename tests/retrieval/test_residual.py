"""Residual collections: what was shown counts nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.retrieval.measures import mean, measure
from dikast.retrieval.residual import residual
from dikast.retrieval.retriever import Hit


def hits(docids: str) -> list[Hit]:
    return [Hit(docid, float(-place)) for place, docid in enumerate(docids)]


QRELS = {"1": {"a": 2, "b": 1, "c": 0}, "2": {"d": 1}, "3": {"e": 0}}
RUNS = {"plain": {"1": hits("xcba"), "2": hits("xd")}, "feedback": {"1": hits("abxc"), "2": hits("dx"), "4": hits("a")}}


def test_by_hand() -> None:
    left = residual(QRELS, RUNS, {"1": ["a", "x"], "2": ["d"]})
    assert left.qrels == {"1": {"b": 1, "c": 0}}
    assert [hit.docid for hit in left.runs["plain"]["1"]] == ["c", "b"]
    assert [hit.docid for hit in left.runs["feedback"]["1"]] == ["b", "c"]
    assert left.runs["feedback"]["4"] == RUNS["feedback"]["4"]
    assert left.exhausted == ["2"]


def test_ranking_feedback_documents_first_is_worth_nothing() -> None:
    """The gain of a run that only moves what it was shown disappears."""
    qrels = {"1": {"a": 1, "b": 1}}
    runs = {"before": {"1": hits("xayb")}, "after": {"1": hits("axyb")}}
    plain = {name: mean(measure(qrels, run, ["nDCG@10"])["nDCG@10"]) for name, run in runs.items()}
    left = residual(qrels, runs, {"1": ["a"]})
    fair = {name: mean(measure(left.qrels, run, ["nDCG@10"])["nDCG@10"]) for name, run in left.runs.items()}
    assert plain["after"] > plain["before"]
    assert fair["after"] == fair["before"] == pytest.approx(0.5)  # b is third: 1 / log2(4)


DOCIDS = st.lists(st.sampled_from("abcdef"), unique=True)


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2)), DOCIDS, DOCIDS)
def test_nothing_else_is_touched(grades: dict[str, int], ranking: list[str], seen: list[str]) -> None:
    run = {"1": hits("".join(ranking))}
    left = residual({"1": grades}, {"run": run}, {"1": seen})
    assert [hit for hit in run["1"] if hit.docid not in seen] == left.runs["run"]["1"]
    kept = {docid: grade for docid, grade in grades.items() if docid not in seen}
    relevant = {docid for docid, grade in grades.items() if grade > 0}
    assert left.qrels == ({"1": kept} if relevant - set(seen) else {})
    assert left.exhausted == (["1"] if relevant and relevant <= set(seen) else [])
