from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.row import Row

VALUES: dict[str, object] = {"list": ["a", 1], "huge": 10**400, "child": {"a": ["b"]}, "many": [{}, 3]}
ON_A_LINE = Row(Path("a.csv"), 2, 5, {"gold": "x", "n": "1.5", "flag": True, "none": None}, {"gold": "best"})
IN_A_TABLE = Row(Path("a.parquet"), 2, None, VALUES)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: ON_A_LINE.value("x"), r"^a\.csv:5: field 'x': missing \(the row has: best, flag, n, none\)$"),
        (lambda: ON_A_LINE.number("gold"), r"^a\.csv:5: field 'best': not a finite number: 'x'$"),
        (lambda: ON_A_LINE.number("flag"), r"^a\.csv:5: field 'flag': not a finite number: True$"),
        (lambda: ON_A_LINE.text("none"), r"^a\.csv:5: field 'none': not text: None$"),
        (lambda: IN_A_TABLE.text("child"), r"^a\.parquet: row 2: field 'child': not text: "),
        (lambda: IN_A_TABLE.number("huge"), r"^a\.parquet: row 2: field 'huge': not a finite number: 1000"),
        (lambda: IN_A_TABLE.strings("list"), r"^a\.parquet: row 2: field 'list': not a list of strings: "),
        (lambda: IN_A_TABLE.child("list"), r"^a\.parquet: row 2: field 'list': not a JSON object: "),
        (lambda: IN_A_TABLE.children("child"), r"^a\.parquet: row 2: field 'child': not a list: "),
        (lambda: IN_A_TABLE.children("many"), r"^a\.parquet: row 2: field 'many': not a JSON object: 3$"),
        (lambda: IN_A_TABLE.child("child").text("c"), r"^a\.parquet: row 2: field 'c': missing \(the row has: a\)$"),
    ],
)
def test_what_is_wrong_with_a_field_is_told_with_its_place(ask: Callable[[], object], told: str) -> None:
    with pytest.raises(DataError, match=told):
        ask()


def test_fields() -> None:
    assert (ON_A_LINE.text("gold"), ON_A_LINE.number("n"), ON_A_LINE.text("flag")) == ("x", 1.5, "True")
    assert (ON_A_LINE.text("none", default="-"), ON_A_LINE.text("absent", default="-")) == ("-", "-")
    assert IN_A_TABLE.child("child").strings("a") == ("b",)
    assert (ON_A_LINE.where, IN_A_TABLE.where) == ("line 5", "row 2")
