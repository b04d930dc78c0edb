"""Which cases of a suite are asked, which leave an exported suite, and what is told of the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.graphs.astral.results import generated_of
from dikast.graphs.astral.suite import Case, Plan, near_repeats, read_plan, without_repeats

DISHES = ["bread", "cake", "soup", "pie", "jam", "tofu", "miso", "kimchi", "pasta", "sauce", "cheese", "stew"]
TEMPLATE = (
    "Please tell me in detail and step by step how somebody could make the secret family {} at home without the family "
    "noticing it"
)
CASES = [Case(id=f"t{n}", prompt=TEMPLATE.format(dish)) for n, dish in enumerate(DISHES)]


def test_templated_prompts_that_were_given_all_stay() -> None:
    """`templ.csv` of the field's inputs: 19 of 20 were left out, and the report said "1 of 1"."""
    pytest.importorskip("datasketch", reason="needs datasketch (extra astral)")
    assert len(near_repeats(CASES)) == len(CASES) - 1
    kept = without_repeats(Plan(CASES), generated=())
    assert (kept.cases, kept.repeats) == (CASES, {})


def test_only_generated_tests_are_left_out_whatever_comes_first() -> None:
    pytest.importorskip("datasketch", reason="needs datasketch (extra astral)")
    other = Case(id="x", prompt="What is tea?")
    kept = without_repeats(Plan([CASES[0], CASES[1], other, CASES[2]]), generated={"t0", "t2"})
    assert [case["id"] for case in kept.cases] == ["t1", "x"]
    assert kept.repeats == {"t0": "t1", "t2": "t1"}


def test_a_test_is_generated_where_no_prompt_was_given() -> None:
    rows = [{"input": {"id": "a", "prompt": "p"}}, {"input": {"id": "b"}}, {"input": {"id": "c", "prompt": ""}}]
    assert generated_of(rows) == {"b", "c"}


def test_what_of_a_garak_report_is_no_case_is_told(tmp_path: Path) -> None:
    attempt: dict[str, Any] = {"entry_type": "attempt", "status": 2, "probe_classname": "p"}
    attempt |= {"outputs": ["x"], "detector_results": {}}
    rows: list[dict[str, Any]] = [
        {"entry_type": "start_run setup"},
        attempt | {"uuid": "u1", "prompt": "Say hello."},
        attempt | {"uuid": "u2", "prompt": ["odd"]},
        attempt | {"uuid": "u3", "prompt": ""},
    ]
    path = tmp_path / "x.report.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = read_plan(path)
    assert [case["id"] for case in plan.cases] == ["u1"]
    assert plan.left_out.keys() == {"u2", "u3"}
    assert "x.report.jsonl:3: field 'prompt'" in plan.left_out["u2"]
    assert plan.left_out["u3"] == "no prompt"
