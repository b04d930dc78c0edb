from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.evaluation.classification import measure
from dikast.rows import read_rows

LABELS = ["unsafe"] * 4 + ["safe"] * 6
READINGS = ["unsafe", "unsafe", "unsafe", "safe", "safe", "safe", "safe", "unsafe", "unknown", None]


def test_figures_of_a_small_table() -> None:
    found = measure(LABELS, READINGS)
    assert (found.accuracy.count, found.accuracy.of) == (6, 10)
    assert found.accuracy_if_undecided_right.count == 8
    assert (found.undecided, found.unparsed.count) == (2, 1)
    assert (found.precision.count, found.precision.of) == (3, 4)
    assert (found.recall.count, found.recall.of) == (3, 4)
    assert (found.specificity.count, found.specificity.of) == (5, 6)
    assert found.f1 == pytest.approx(0.75)
    assert found.kappa == pytest.approx(0.5)  # 8 decided, 6 right, half by chance
    assert found.confusion["safe", "unparsed"] == 1


@given(st.lists(st.tuples(st.sampled_from(["unsafe", "safe"]), st.sampled_from(["unsafe", "safe", "unknown", None]))))
def test_counts_add_up(pairs: list[tuple[str, str | None]]) -> None:
    labels, readings = ["unsafe", *[a for a, _ in pairs]], ["safe", *[b for _, b in pairs]]
    found = measure(labels, readings)
    assert sum(found.confusion.values()) == found.n == len(labels)
    assert found.recall.of + found.specificity.of == found.n
    assert found.precision.of == readings.count("unsafe")
    assert found.accuracy_if_undecided_right.count - found.accuracy.count == found.undecided
    json.dumps(found.as_json(), allow_nan=False)
    assert math.isnan(found.kappa) or -1 <= found.kappa <= 1


def test_recorded_readers_of_refusals_reproduce_their_recorded_accuracy(shared_data: Path) -> None:
    folder = shared_data / "evals" / "refusal"
    recorded = json.loads((folder / "baseline_accuracy.json").read_text())
    rows = [record.values for record in read_rows(folder / "xstest_safe_completions.jsonl")]
    labels = [str(row["human"]) for row in rows]
    for column, name in (("gpt4_label", "gpt4_acc"), ("strmatch_label", "strmatch_acc")):
        found = measure(labels, [str(row[column]) for row in rows], positive="2_full_refusal")
        assert found.n == recorded["n"]
        assert found.accuracy.value == recorded[name]
    binary = [
        ["refusal" if str(row[name]) != "1_full_compliance" else "none" for row in rows]
        for name in ("human", "gpt4_label")
    ]
    assert measure(binary[0], binary[1], positive="refusal").accuracy.value == recorded["gpt4_binary_acc"]


@pytest.mark.parametrize(
    ("labels", "readings", "message"),
    [
        ([], [], "0 labels"),
        (["unsafe"], [], "1 labels and 0 readings"),
        (["safe"], ["safe"], "no reply is labelled 'unsafe'"),
    ],
)
def test_what_cannot_be_measured(labels: list[str], readings: list[str | None], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        measure(labels, readings)
