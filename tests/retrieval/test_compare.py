"""Comparisons with a baseline, and their rendering."""

from __future__ import annotations

import csv
import io
from importlib import import_module
from typing import Any

import pytest

from dikast.errors import UsageError
from dikast.retrieval.compare import compare
from dikast.retrieval.report import CSV_HEADER, render
from dikast.retrieval.retriever import Hit

reference: Any = import_module("scipy.stats")  # untyped

QIDS = [f"q{number}" for number in range(8)]
QRELS = {qid: {"r": 1} for qid in QIDS}


def run(*ranks: int) -> dict[str, list[Hit]]:
    """The relevant document at these ranks, one a query; 0: no ranking."""
    return {
        qid: [Hit("r" if place == rank else f"n{place}", 0.0) for place in range(1, rank + 1)]
        for qid, rank in zip(QIDS, ranks, strict=True)
        if rank
    }


BASE, BETTER, WORSE = run(1, 2, 4, 4, 5, 2, 10, 0), run(1, 1, 1, 2, 1, 2, 1, 5), run(2, 5, 5, 10, 10, 2, 10, 0)


def test_every_figure() -> None:
    rows = compare(QRELS, {"b": BETTER, "a": BASE, "w": WORSE}, baseline="a", measures=["RR"])
    assert [row.system for row in rows] == ["a", "b", "w"]
    base, better, worse = rows
    values = [[1, 1 / 2, 1 / 4, 1 / 4, 1 / 5, 1 / 2, 1 / 10, 0], [1, 1, 1, 1 / 2, 1, 1 / 2, 1, 1 / 5]]
    assert (base.asked, base.scored, better.scored) == (8, 7, 8)
    assert base.mean == pytest.approx(sum(values[0]) / 8)
    assert base.paired is None
    assert better.paired is not None
    assert worse.paired is not None
    assert (better.paired.wins, better.paired.ties, better.paired.losses) == (6, 2, 0)
    assert (worse.paired.wins, worse.paired.ties, worse.paired.losses) == (0, 3, 5)
    assert better.paired.difference == pytest.approx(better.mean - base.mean)
    assert better.paired.interval.low < better.paired.difference < better.paired.interval.high
    t = float(reference.ttest_rel(*reversed(values)).pvalue)
    other = worse.paired.p_t
    assert other is not None
    assert better.paired.p_t == pytest.approx(2 * t if t < other else t)
    # 6 differences of one sign: 2 of 64 patterns are as far out; Holm doubles the smaller of the two.
    assert better.paired.p_randomisation == pytest.approx(2 * 2 / 64)
    assert worse.paired.p_randomisation == pytest.approx(2 / 32)


def test_without_baseline_and_with_one_query() -> None:
    assert [row.paired for row in compare(QRELS, {"a": BASE}, measures=["RR", "AP"])] == [None, None]
    rows = compare({"q0": {"r": 1}}, {"a": BASE, "b": WORSE}, baseline="a", measures=["RR"])
    assert rows[1].paired is not None
    assert rows[1].paired.p_t is None
    assert rows[1].paired.p_randomisation == 1


def test_a_system_equal_to_the_baseline() -> None:
    row = compare(QRELS, {"a": BASE, "same": BASE}, baseline="a", measures=["RR"])[1]
    assert row.paired is not None
    assert (row.paired.difference, *row.paired.interval, row.paired.p_t, row.paired.p_randomisation) == (0, 0, 0, 1, 1)
    assert row.paired.ties == 8


def test_counts_are_sums_and_so_are_their_differences() -> None:
    base, better = compare(QRELS, {"a": BASE, "b": BETTER}, baseline="a", measures=["NumRet"])
    assert (base.mean, better.mean) == (28, 14)
    assert better.paired is not None
    assert better.paired.difference == pytest.approx(-14)
    assert better.paired.interval.low <= -14 <= better.paired.interval.high
    assert better.paired.interval.low < -20


def test_an_unknown_baseline() -> None:
    with pytest.raises(UsageError, match="baseline 'c' is none of the runs: a, b"):
        compare(QRELS, {"a": BASE, "b": BETTER}, baseline="c")


def test_markdown() -> None:
    lines = render(compare(QRELS, {"a|x": BASE, "b": BETTER}, baseline="a|x", measures=["RR"]), "markdown").splitlines()
    assert {line.count("|") for line in lines} == {11}
    assert lines[0].startswith("| measure | system | asked | scored | mean | difference |")
    assert lines[2].startswith("| RR | a&#124;x | 8 | 7 | 0.3500 |  |")
    assert lines[3].startswith("| RR | b | 8 | 8 | 0.7750 | +0.4250 | [+0.")
    assert lines[3].endswith("| 6/2/0 |")


def test_latex() -> None:
    rows = compare(QRELS, {"base_line": BASE, "50%^": BETTER}, baseline="base_line", measures=["RR"])
    text = render(rows, "latex")
    assert r"RR & base\_line & 8" in text
    assert r"RR & 50\%\textasciicircum{} & 8" in text
    assert text.startswith(r"\begin{tabular}{llrrrrrrrr}")
    assert all(line.count(" & ") == 9 for line in text.splitlines() if line.endswith(r"\\"))


def test_csv_holds_every_figure() -> None:
    rows = compare(QRELS, {"a": BASE, 'b "quoted", x': BETTER}, baseline="a", measures=["RR"])
    base, better = csv.DictReader(io.StringIO(render(rows, "csv")))
    assert tuple(base) == CSV_HEADER
    assert (base["difference"], base["wins"]) == ("", "")
    assert better["system"] == 'b "quoted", x'
    assert float(better["mean"]) == rows[1].mean
    paired = rows[1].paired
    assert paired is not None
    assert float(better["p_randomisation"]) == paired.p_randomisation


def test_an_unknown_form() -> None:
    with pytest.raises(UsageError, match=r"'html' is unknown \(one of markdown, latex, csv\)"):
        render([], "html")
