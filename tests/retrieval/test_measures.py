"""Measures are trec_eval's: on ties, missing queries, unjudged queries and empty rankings."""

from __future__ import annotations

import math
import random
import tempfile
from pathlib import Path

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError, UsageError
from dikast.retrieval.measures import mean, measure
from dikast.retrieval.retriever import Hit
from dikast.retrieval.trec import read_run

NAMES = ["nDCG@10", "AP", "R@5", "P@3", "RR"]
docids = st.sampled_from([f"d{number}" for number in range(12)])
grades = st.dictionaries(docids, st.integers(0, 3), min_size=1)
tied = st.dictionaries(docids, st.integers(0, 3).map(float), min_size=1)


def hits(*docids: str) -> list[Hit]:
    return [Hit(docid, 0.0) for docid in docids]


def test_by_hand() -> None:
    qrels = {"q": {"a": 2, "b": 1, "c": 0}}
    values = measure(qrels, {"q": hits("x", "a", "c", "b")}, ["nDCG@10", "AP", "P@2", "RR", "MAP"])
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    assert values["nDCG@10"]["q"] == pytest.approx((2 / math.log2(3) + 1 / math.log2(5)) / ideal)
    assert values["AP"]["q"] == values["MAP"]["q"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert (values["P@2"]["q"], values["RR"]["q"]) == (0.5, 0.5)


def test_a_judged_query_without_ranking_counts_zero_and_an_unjudged_one_does_not_count() -> None:
    qrels = {"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 1}}
    values = measure(qrels, {"q1": hits("a"), "q2": [], "unjudged": hits("a")}, ["RR"])
    assert values == {"RR": {"q1": 1.0, "q2": 0.0, "q3": 0.0}}
    assert mean(values["RR"]) == pytest.approx(1 / 3)
    assert measure(qrels, {}, ["RR"]) == {"RR": {"q1": 0.0, "q2": 0.0, "q3": 0.0}}
    assert mean({}) == 0


@given(st.dictionaries(st.sampled_from(["1", "2", "3"]), grades, min_size=1), st.randoms())
def test_tied_run_files_measure_as_in_trec_eval(qrels: dict[str, dict[str, int]], order: random.Random) -> None:
    """The reference is trec_eval's own code (through pytrec_eval), given the tied scores as they are."""
    scores = {
        qid: {f"d{number}": float(order.randint(0, 3)) for number in range(order.randint(1, 12))}
        for qid in order.sample(["1", "2", "3", "4"], 3)
    }
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{qid} Q0 {docid} 0 {score} t" for qid, found in scores.items() for docid, score in found.items()]
        order.shuffle(lines)
        (Path(folder) / "x.run").write_text("\n".join(lines))
        values = measure(qrels, read_run(Path(folder) / "x.run"), NAMES)
    expected = ir_measures.calc_aggregate([ir_measures.parse_measure(name) for name in NAMES], qrels, scores)
    for name in NAMES:
        assert mean(values[name]) == pytest.approx(expected[ir_measures.parse_measure(name)], abs=1e-9)


def test_a_tie_by_hand() -> None:
    """trec_eval puts d3 before d2 before d1 where their scores are equal."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.run"
        path.write_text("q Q0 d1 1 5 t\nq Q0 d2 2 5 t\nq Q0 d3 3 5 t\n")
        values = measure({"q": {"d1": 1}}, read_run(path), ["RR", "nDCG@10"])
    assert values["RR"]["q"] == pytest.approx(1 / 3)
    assert values["nDCG@10"]["q"] == pytest.approx(1 / 2)


def test_order_counts_and_scores_do_not() -> None:
    ranking = [Hit("b", 1.0), Hit("a", 7.0)]
    assert measure({"q": {"a": 1}}, {"q": ranking}, ["RR"])["RR"]["q"] == 0.5


def test_errors() -> None:
    with pytest.raises(DataError, match="ranking of query 'q' names a document twice"):
        measure({"q": {"a": 1}}, {"q": hits("a", "b", "a")}, ["RR"])
    with pytest.raises(DataError, match="no judgments"):
        measure({}, {"q": hits("a")}, ["RR"])
    for name in ("nonsense", "nDCG@", "nDCG@ten", "", "AP; import os"):
        with pytest.raises(UsageError, match="is unknown"):
            measure({"q": {"a": 1}}, {}, [name])
