from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.sandbox import ErrorClass, Policy, Status, claim

POLICY = Policy(answer_depth=3, answer_items=20)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT


def ok(answer: str) -> bytes:
    return b'{"claim": "ok", "answer": ' + answer.encode() + b"}"


@given(st.binary())
def test_whatever_comes_is_a_claim_and_never_an_exception(frame: bytes) -> None:
    judged = claim.read(frame, POLICY, 1)
    assert judged.status in Status
    assert judged.answer is None or judged.status is Status.OK


@given(st.dictionaries(st.sampled_from(["claim", "answer", "error", "line", "x"]), SCALARS | st.sampled_from(["ok"])))
def test_whatever_json_comes_is_a_claim_of_the_closed_set(made: dict[str, Any]) -> None:
    judged = claim.read(json.dumps(made).encode(), POLICY, 3)
    assert judged.status in Status
    assert judged.error is None or judged.error in ErrorClass
    assert judged.line is None or 1 <= judged.line <= 3


@given(st.lists(st.lists(SCALARS, max_size=3), max_size=3) | st.dictionaries(TEXT, SCALARS, max_size=5) | SCALARS)
def test_an_answer_within_the_policy_arrives_as_it_is(answer: Any) -> None:
    judged = claim.read(ok(json.dumps(answer)), POLICY, 1)
    assert judged.status in (Status.OK, Status.EMPTY)
    assert judged.answer == answer


@pytest.mark.parametrize(
    "answer",
    [
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1e999",
        '{"a": 1, "a": 2}',
        r'"\ud800"',
        r'{"\udfff": 1}',
        "[[[[1]]]]",
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        json.dumps([0] * 20),
        "9" * 10_000,
        "1" + "0" * 309,
        '{"a": [-1' + "0" * 400 + "]}",
    ],
    ids=lambda text: text[:20],
)
def test_json_that_is_not_strict_or_beyond_the_policy_is_refused(answer: str) -> None:
    judged = claim.read(ok(answer), POLICY, 1)
    assert judged == (Status.BAD_ANSWER, None, None, None)


def test_depth_and_count_are_allowed_up_to_the_limit() -> None:
    assert claim.read(ok("[[[1]]]"), POLICY, 1).status is Status.OK
    assert claim.read(ok(json.dumps([0] * 19)), POLICY, 1).status is Status.OK


@pytest.mark.parametrize("answer", ["null", '""', "[]", "{}"])
def test_nothing_is_empty(answer: str) -> None:
    assert claim.read(ok(answer), POLICY, 1).status is Status.EMPTY


@pytest.mark.parametrize("answer", ["0", "false", "0.0", "[null]"])
def test_zero_and_false_are_answers(answer: str) -> None:
    assert claim.read(ok(answer), POLICY, 1).status is Status.OK


@pytest.mark.parametrize(
    "frame",
    [
        b'{"claim": "ok"}',
        b'{"claim": "ok", "answer": 1, "more": 2}',
        b'{"claim": "timeout"}',
        b'{"claim": ["ok"], "answer": 1}',
        b'["ok", 1]',
        b'"ok"',
        b'{"claim": "error", "error": 5, "line": 1}',
        b'{"claim": "ok", "answer": "\xff"}',
        b'{"claim": "ok", "ans',
        b"",
    ],
)
def test_what_is_not_exactly_a_claim_is_refused(frame: bytes) -> None:
    assert claim.read(frame, POLICY, 1).status is Status.BAD_ANSWER


def test_a_table_comes_with_an_answer() -> None:
    table = {"columns": ["region", "n"], "rows": [["north", 7], ["south", None]]}
    frame = json.dumps({"claim": "ok", "answer": [7, None], "table": table}).encode()
    assert claim.read(frame, POLICY, 1) == (Status.OK, None, None, [7, None])
    assert claim.read_table(frame) == table
    assert claim.read_table(ok("1")) is None


@pytest.mark.parametrize(
    "table",
    [
        "7", "{}", '{"columns": ["a"]}', '{"columns": ["a"], "rows": [[1, 2]]}', '{"columns": [1], "rows": [[1]]}',
        '{"columns": ["a"], "rows": [[NaN]]}', '{"columns": ["\\ud800"], "rows": [["a"]]}',
        '{"columns": "a", "rows": []}',
        '{"columns": ["a"], "rows": [["x"]], "more": 1}', '{"columns": ["a"], "rows": [' + "[1]," * 9_999 + "[1]]}",
    ],
)  # fmt: skip
def test_a_table_that_is_none_spoils_the_claim(table: str) -> None:
    assert (
        claim.read(b'{"claim": "ok", "answer": 1, "table": ' + table.encode() + b"}", POLICY, 1).status
        is Status.BAD_ANSWER
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("KeyError", ErrorClass.KEY),
        ("ModuleNotFoundError", ErrorClass.IMPORT),
        ("the cell says 42", ErrorClass.OTHER),
        ("", ErrorClass.OTHER),
    ],
)
def test_an_error_is_one_of_the_closed_set(name: str, told: ErrorClass) -> None:
    frame = json.dumps({"claim": "error", "error": name, "line": 2}).encode()
    assert claim.read(frame, POLICY, 3) == (Status.ERROR, told, 2, None)


@pytest.mark.parametrize("line", [0, -1, 4, 2.0, True, "2", None, 10**30])
def test_a_line_that_the_program_does_not_have_is_dropped(line: object) -> None:
    frame = json.dumps({"claim": "error", "error": "KeyError", "line": line}).encode()
    assert claim.read(frame, POLICY, 3).line is None
