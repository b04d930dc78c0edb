"""Columns for Parquet: no value changes, and what does not go together becomes JSON text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dikast.jobs.columns import cell, cells, flat, kind_of, kinds, kinds_of, merged
from tests.jobs.test_exports import RESULTS
from tests.jobs.test_keys import JSON


def test_columns_have_the_type_that_all_their_values_have() -> None:
    found = kinds({"output": result} for result in RESULTS)
    assert found == {
        "output_text": "text",
        "output_hits": "json",
        "output_weights": "json",
        "output_n": "float",
        "output_mixed": "json",
        "output_empty": "null",
        "output_names": "list of text",
        "output_late": "long",
    }


def back(value: object, kind: str) -> object:
    return json.loads(value) if kind == "json" and isinstance(value, str) else value


MESSAGE = st.fixed_dictionaries({"role": st.text(max_size=3), "content": st.text(max_size=3)})
VALUES = JSON | st.lists(MESSAGE, max_size=3) | st.lists(st.lists(MESSAGE, max_size=2), max_size=2)
SAID = {"role": "user", "content": "hello"}


@given(st.lists(VALUES, max_size=6))
@example([[SAID], []])
@example([[SAID], [None]])
@example([[[SAID]], [[None], None]])
@example([[SAID], ["x"]])
@example([[SAID], [{**SAID, "name": "ann"}]])
@example([2**60 + 1, 0.5])
@example([[2**60 + 1], [0.5]])
@example([2**53 + 1, 1])
@example([2**70])
@example([True, 1])
def test_no_value_changes_in_its_column(column: list[Any]) -> None:
    kind = "null"
    for value in column:
        kind = merged(kind, kind_of(value))
    assert [back(cell(value, kind), kind) for value in column] == column


@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4))
def test_the_order_of_rows_does_not_change_a_columns_kind(one: list[Any], two: list[Any]) -> None:
    def kind(values: list[Any]) -> str:
        return kinds({"x": value} for value in [None, *values])["x"]

    assert kind([*one, *two]) == kind([*two, *one])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        ([SAID, SAID], "messages"),
        ([[SAID], []], "list of messages"),
        ([SAID, {"role": "user"}], "json"),
        ([{**SAID, "name": "ann"}], "json"),
        ([{"role": "user", "content": None}], "json"),
        (True, "bool"),
        (2**53, "int"),
        (-(2**53) - 1, "long"),
        (2**63 - 1, "long"),
        (2**63, "json"),
        (-(2**63) - 1, "json"),
        (0.5, "float"),
        ("", "text"),
        ([], "list of null"),
        ([1, None, 2.5], "list of float"),
        ([1, "x"], "json"),
        ([[1], [None]], "list of list of int"),
        ({}, "json"),
    ],
)
def test_a_values_kind(value: object, kind: str) -> None:
    assert kind_of(value) == kind


def test_input_and_output_are_spread_where_they_are_objects() -> None:
    assert flat({"key": "k", "input": {"a": 1}, "output": {"a": 2}}) == {"key": "k", "input_a": 1, "output_a": 2}
    assert flat({"output": None, "calls": {"a": 1}}) == {"output": None, "calls": {"a": 1}}


def test_usage_and_calls_are_json_and_columns_keep_their_order() -> None:
    rows: list[dict[str, Any]] = [{"b": None, "usage": None, "a": 1}, {"a": 1.5, "calls": [1], "c": None}]
    found = kinds_of(rows)
    assert list(found.items()) == [("b", "null"), ("usage", "json"), ("a", "float"), ("calls", "json"), ("c", "null")]


def test_half_a_surrogate_pair_is_no_utf_8_and_becomes_a_question_mark() -> None:
    assert cells(["é", "\ud83d", None], "text") == ["é", "?", None]
    assert cells([["\ud83d"], None], "list of text") == [["?"], None]
    assert cells([{"a": "\ud83d"}], "json") == ['{"a":"?"}']
    assert cells([1, None], "float") == [1.0, None]
    assert cells([1, None], "int") == [1, None]
