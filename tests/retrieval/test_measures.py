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
from dikast.retrieval.measures import mean, measure, read_measures, total
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
    for name in ("nonsense", "nDCG@", "nDCG@ten", "", "AP; import os", "P(x=1)@3", 'P(rel="a")@3', "BPM", "((("):
        with pytest.raises(UsageError, match="is unknown") as error:
            measure({"q": {"a": 1}}, {}, [name])
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        "P@0", "R@0", "AP@0", "nDCG(cutoff=0)", "Success@0", "Judged@0", "ERR@0", "P@2147483648",
        "P@99999999999999999999", "P@True", "AP(rel=0)", "AP(rel=99999999999)", "IPrec(recall=2.0)", "Compat(p=2.0)",
        "nDCG(gains={1:99999999999})",
    ],
)  # fmt: skip
def test_a_parameter_out_of_its_range_is_told_and_ends_no_process(name: str) -> None:
    """ir-measures #12: `P@0` is an assertion of trec_eval's C, which no `except` catches."""
    with pytest.raises(UsageError, match="is a number from"):
        read_measures(name)


@pytest.mark.parametrize(
    "name", ["RBP(p=0.8)", "alpha_nDCG@20", "ERR", "SDCG(max_rel=3)@10", 'nDCG(gains={1:"a"})', "NumRel(rel=2)"]
)
def test_what_nothing_here_computes_is_told_in_a_line(name: str) -> None:
    """ir-measures #50: no provider, or a provider's own exception."""
    with pytest.raises(UsageError, match="cannot be computed here") as error:
        read_measures(name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_commas_of_a_list_and_of_a_measure() -> None:
    listed = 'AP(rel=2,judged_only=True)@100, nDCG(gains={1:1,2:3})@5 ,P@3,nDCG(dcg="log2")'
    expected = ["AP(rel=2,judged_only=True)@100", "nDCG(gains={1:1,2:3})@5", "P@3", 'nDCG(dcg="log2")']
    assert read_measures(listed) == expected
    for text in ("", " , ", "AP,,P@3", "AP(rel=2,P@3"):
        with pytest.raises(UsageError):
            read_measures(text)


def test_counts_are_summed_and_what_does_not_hang_on_a_run_is_counted_without_it() -> None:
    qrels = {"q1": {"a": 1, "b": 0}, "q2": {"a": 2}, "q3": {"c": 1}}
    run = {"q1": hits("a", "x", "y"), "q2": hits("x", "y", "z")}
    values = measure(qrels, run, ["NumRet", "NumRel", "NumQ", "P@2"])
    assert [total(name, values[name]) for name in values] == pytest.approx([6, 3, 3, 1 / 6])


def test_query_ids_are_free() -> None:
    """gdeval takes numbers alone: ERR by hand (Chapelle et al. 2009), gains of grades up to 4."""
    qrels = {"MED-10": {"a": 1, "b": 2}, "q-2": {"a": 1}, "été": {"a": 4}}
    run = {"MED-10": hits("a", "b"), "q-2": hits("x", "a"), "été": hits("x")}
    stop = {1: 1 / 16, 2: 3 / 16}
    expected = {"MED-10": stop[1] + (1 - stop[1]) * stop[2] / 2, "q-2": stop[1] / 2, "été": 0}
    assert measure(qrels, run, ["ERR@20"])["ERR@20"] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(UsageError, match="'ERR@20' takes grades up to 4; the judgments have 5"):
        measure({"q": {"a": 5}}, {"q": hits("a")}, ["ERR@20"])


def test_a_measure_that_fails_on_these_rankings_is_named() -> None:
    with pytest.raises(UsageError, match="measure 'Accuracy' cannot be computed here: float division by zero"):
        measure({"q": {"a": 1, "b": 1}}, {"q": hits("a", "b")}, ["AP", "Accuracy"])


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("ndcg_cut_10", "nDCG@10"),
        ("ndcg_cut.10", "nDCG@10"),
        ("map", "AP"),
        ("recip_rank", "RR"),
        ("recall_5", "R@5"),
        ("P_3", "P@3"),
        ("num_rel_ret", "NumRet(rel=1)"),
    ],
)
def test_names_of_trec_eval(name: str, ours: str) -> None:
    qrels, run = {"q": {"a": 2, "b": 1, "c": 0}}, {"q": hits("x", "a", "c", "b")}
    assert read_measures(name) == [name]
    assert measure(qrels, run, [name])[name] == measure(qrels, run, [ours])[ours]
    assert total(name, {"q": 1.0, "r": 1.0}) == total(ours, {"q": 1.0, "r": 1.0})


@pytest.mark.parametrize("name", ["ndcg_cut", "gm_map", "P_0", "nonsense_10"])
def test_names_of_trec_eval_that_are_none_or_several(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        read_measures(name)
