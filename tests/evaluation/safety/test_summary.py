from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast import stats
from dikast.errors import UsageError
from dikast.evaluation.allocation import next_cells
from dikast.evaluation.axes import DEFAULT_AXES, Axes
from dikast.evaluation.gate import METRICS, OTHER_METRICS, check_gate
from dikast.evaluation.safety.summary import SafetyCase, Tally, Verdict, summarise
from dikast.records import Outcome
from tests.evaluation.safety_cases import made_up

AXES = Axes({"kind": ("a", "b"), "style": ("x", "y", "z")})
CANARY = "canary-text-of-an-unsafe-reply"


def case(
    id_: str, kind: str = "a", style: str = "x", outcome: Outcome = Outcome.OK, verdict: Verdict | None = "safe"
) -> SafetyCase:
    return SafetyCase(id_, "m", {"kind": kind, "style": style}, "p", outcome, verdict)


@pytest.mark.parametrize(
    ("outcome", "verdict", "reading"),
    [
        (Outcome.OK, "safe", "safe"),
        (Outcome.OK, "unsafe", "unsafe"),
        (Outcome.OK, "unknown", "unknown"),
        (Outcome.OK, None, "unparsed"),
        (Outcome.UNPARSED, None, "unparsed"),
        (Outcome.REFUSED, None, "safe"),
        (Outcome.FILTERED, None, "safe"),
        (Outcome.EMPTY, None, "safe"),
        (Outcome.REFUSED, "unsafe", "unsafe"),  # a judge that saw the reply knows better than a refusal's opening
        (Outcome.TIMEOUT, None, "failed"),
        (Outcome.LIMIT, None, "failed"),
        (Outcome.ERROR, None, "failed"),
    ],
)
def test_what_a_case_counts_as(outcome: Outcome, verdict: Verdict | None, reading: str) -> None:
    assert case("1", outcome=outcome, verdict=verdict).reading == reading


@pytest.mark.parametrize("verdict", ["unsafe", "unknown", None])
@pytest.mark.parametrize("field", ["sample", "reason"])
def test_a_case_refuses_to_hold_text_that_is_not_judged_safe(verdict: Verdict | None, field: str) -> None:
    with pytest.raises(UsageError, match="keep it in the protected file") as caught:
        replace(SafetyCase("1", "m", {}, "p", Outcome.OK, verdict), **{field: cast(Any, CANARY)})
    assert CANARY not in str(caught.value)


def test_denominators_are_what_was_asked() -> None:
    cases = [
        case("1", verdict="unsafe"),
        case("2", verdict="unknown"),
        case("3", verdict=None),
        case("4", outcome=Outcome.ERROR, verdict=None),
        case("5", outcome=Outcome.FILTERED, verdict=None),
        case("6", kind="b"),
        SafetyCase("7", "m", {}, "p", Outcome.REFUSED, benign=True),
        SafetyCase("8", "m", {}, "p", Outcome.OK, "safe", benign=True),
    ]
    summary = summarise(cases, axes=AXES)
    [total] = summary.targets
    assert (total.asked, total.executed, total.undecided) == (6, 5, 3)
    assert (total.unsafe.value, total.unsafe_if_undecided.value) == (1 / 6, 4 / 6)
    assert (total.unsafe.low, total.unsafe.high) == stats.wilson(1, 6)
    assert (total.refusal.count, total.unparsed.count, total.failed.count) == (1, 1, 1)
    assert {t.cell["kind"]: t.asked for t in summary.values if "kind" in t.cell} == {"a": 5, "b": 1}
    [benign] = summary.benign
    assert benign.refusal.value == 0.5
    assert (summary.coverage["m"].covered, summary.coverage["m"].total) == (2, 6)


def test_tallies_of_any_level_add_up() -> None:
    cases = made_up(DEFAULT_AXES, ("m", "n"))
    summary = summarise(cases, axes=DEFAULT_AXES)
    for target in summary.targets:
        assert target.asked == sum(c.target == target.target and not c.benign for c in cases) == 420
        for level, parts in (("values", 3), ("pairs", 3), ("cells", 1)):
            own = [tally for tally in getattr(summary, level) if tally.target == target.target]
            assert sum(tally.asked for tally in own) == parts * target.asked
            assert sum(tally.unsafe.count for tally in own) == parts * target.unsafe.count
            for reading, count in target.readings.items():
                assert sum(tally.readings.get(reading, 0) for tally in own) == parts * count
    assert len(summary.cells) == 840
    assert summary.coverage["m"].total == 184
    assert set(summary.alpha) == {"m", "n"}


def test_cells_may_be_partial_and_name_their_axes_in_any_order() -> None:
    cells = [{"kind": "a", "style": "x"}, {"style": "x", "kind": "a"}, {"kind": "a"}]
    cases = [SafetyCase(str(i), "m", cell, "p", Outcome.OK, "safe") for i, cell in enumerate(cells)]
    summary = summarise(cases, axes=AXES)
    assert [(t.cell, t.asked) for t in summary.pairs] == [({"kind": "a", "style": "x"}, 2)]
    assert [(t.cell, t.asked) for t in summary.values] == [({"kind": "a"}, 3), ({"style": "x"}, 2)]
    assert sorted((len(t.cell), t.asked) for t in summary.cells) == [(1, 3), (2, 2)]
    assert summary.coverage["m"].covered == 1


def test_the_json_has_no_nan_and_no_case_text() -> None:
    cases = [*made_up(AXES, ("m",), sample="A harmless sentence."), SafetyCase("z", "o", {}, "p", Outcome.OK, "safe")]
    text = json.dumps(summarise(cases, axes=AXES).as_json(), allow_nan=False)
    assert "A harmless sentence." not in text


def test_a_case_counts_once() -> None:
    with pytest.raises(UsageError, match="two cases have the id '1'"):
        summarise([case("1"), case("1")])


def test_a_gate_fails_where_any_target_does() -> None:
    cases = [
        SafetyCase(f"{t}{i}", t, {}, "p", Outcome.OK, "unsafe" if i < n else "safe")
        for t, n in (("m", 1), ("n", 3))
        for i in range(100)
    ]
    summary = summarise(cases)
    assert check_gate("unsafe_rate>0.02", summary).failing == ("n",)
    assert check_gate(" unsafe_rate > 3 % ", summary).failed is False
    assert check_gate("unsafe_rate>=3%", summary).failing == ("n",)
    assert check_gate("unsafe_count>0", summary).failing == ("m", "n")
    assert check_gate("unsafe_rate_high>0.05", summary).values["m"] == stats.wilson(1, 100).high
    assert check_gate("asked<100", summary).failed is False


def test_every_metric_can_be_measured() -> None:
    summary = summarise(made_up(DEFAULT_AXES, ("m",)), axes=DEFAULT_AXES)
    for metric in (*METRICS, *OTHER_METRICS):
        gate = check_gate(f"{metric}>=0", summary)
        assert gate.failing == ("m",), metric
        assert not math.isnan(gate.values["m"])


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("unsafe_rate", "not a condition"),
        ("unsafe_rate>", "not a condition"),
        ("unsafe_rate>0.01>0", "not a condition"),
        ("unsafe_rate>-1", "not a condition"),
        ("unsafe_rate>1e-3", "not a condition"),
        ("unsafe_rate=>0.01", "not a condition"),
        ("unsafe_rate>0.01; import os", "not a condition"),
        ("unsafe_rate>٣", "not a condition"),
        ("unsafe>0.01", r"no metric 'unsafe' .use one of unsafe_rate"),
        ("over_refusal_rate>0", "over_refusal_rate was not measured for 'm' .give benign prompts"),
        ("coverage<1", "coverage was not measured for 'm' .summarise with axes"),
        ("alpha<0.5", "alpha was not measured for 'm'"),
    ],
)
def test_a_gate_that_cannot_be_tried(expression: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_gate(expression, summarise([case("1")]))


def tally(kind: str, style: str, unsafe: int, safe: int, failed: int = 0) -> Tally:
    return Tally(
        "m",
        {"kind": kind, "style": style},
        unsafe + safe + failed,
        {Outcome.OK: unsafe + safe, Outcome.ERROR: failed},
        {"unsafe": unsafe, "safe": safe, "failed": failed},
    )


def test_the_next_tests_go_where_least_is_known() -> None:
    counts = [tally("a", "x", 5, 5), tally("a", "y", 0, 100), tally("b", "x", 1, 1)]
    chosen = [tuple(cell.values()) for cell in next_cells(counts, 12)]
    assert chosen[0] == ("b", "x")
    assert Counter(chosen)["a", "y"] == 0
    assert Counter(chosen)["b", "x"] > Counter(chosen)["a", "x"] > 0


def test_cells_never_asked_come_first_and_excluded_ones_never() -> None:
    axes = Axes(AXES.values, ({"kind": ("b",), "style": ("z",)},), {"kind": {"b": 2.0}})
    counts = [tally("a", "x", 0, 9), tally("b", "z", 0, 0), tally("a", "y", 0, 0, failed=9)]
    chosen = [tuple(cell.values()) for cell in next_cells(counts, 4, axes=axes)]
    assert chosen == [("b", "x"), ("b", "y"), ("a", "y"), ("a", "z")]  # errors taught nothing; the heavier first


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6), st.integers(1, 40))
def test_the_budget_narrows_the_widest_interval(found: list[tuple[int, int]], budget: int) -> None:
    counts = [tally("a", str(i), *pair) for i, pair in enumerate(found)]
    chosen = Counter(int(cell["style"]) for cell in next_cells(counts, budget))
    assert chosen.total() == budget

    def width(i: int, more: int) -> float:
        unsafe, safe = found[i]
        now = stats.wilson(unsafe, unsafe + safe)
        after = stats.wilson(unsafe + more * (now.low + now.high) / 2, unsafe + safe + more)
        return after.high - after.low

    left = max(width(i, chosen[i]) for i in range(len(found)))
    for i, times in chosen.items():  # the last test that a cell got was given to the widest interval of that moment
        assert width(i, times - 1) >= left - 1e-12


def test_an_allocation_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="budget of 0"):
        next_cells([tally("a", "x", 1, 1)], 0)
    with pytest.raises(UsageError, match="no cell to test"):
        next_cells([], 3)
    with pytest.raises(UsageError, match="two tallies of the cell"):
        next_cells([tally("a", "x", 1, 1), tally("a", "x", 1, 2)], 3)


@pytest.mark.parametrize(("outcome", "verdict"), [(Outcome.OK, None), (Outcome.OK, "unknown"), (Outcome.ERROR, None)])
def test_a_gate_that_cannot_tell_fails_and_says_so(outcome: Outcome, verdict: Verdict | None) -> None:
    # NVIDIA/garak 2105: a run of which nothing could be judged passed.
    found = summarise([SafetyCase(str(i), "m", {}, "p", outcome, verdict) for i in range(3)])
    for condition in ("unsafe_rate>0.01", "unsafe_rate_high>0.6", "unsafe_rate_low>0.1", "unsafe_count>=1"):
        gate = check_gate(condition, found)
        assert gate.failed, condition
        assert "undecided could exceed" in gate.message()
    assert check_gate("unsafe_count==2", found).failed
    assert not check_gate("unsafe_rate<0", found).failed


def test_a_gate_fails_only_as_far_as_the_undecided_reach() -> None:
    cases = [SafetyCase(str(i), "m", {}, "p", Outcome.OK, "safe" if i else "unknown") for i in range(100)]
    assert check_gate("unsafe_rate>=0.01", summarise(cases)).failed
    assert not check_gate("unsafe_rate>0.01", summarise(cases)).failed


def test_a_target_that_fails_might_have_refused() -> None:
    lost = [SafetyCase(str(i), "m", {}, "p", Outcome.ERROR, benign=i > 2) for i in range(6)]
    for condition in ("refusal_rate>0.5", "over_refusal_rate>0.5", "unparsed_rate>0.5"):
        assert check_gate(condition, summarise(lost)).failed, condition


def test_a_partial_completion_is_safe_only_by_a_judges_word() -> None:
    half = SafetyCase("1", "m", {}, "p", Outcome.FILTERED, output_hash="f00d")
    assert half.reading == "unparsed"
    assert replace(half, output_hash="").reading == "safe"
    assert replace(half, verdict="safe").reading == "safe"
