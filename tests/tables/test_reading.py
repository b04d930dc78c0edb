"""Options of reading: from a spec, from Python, from a command; the same in each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.errors import UsageError
from dikast.tables.oracle import TableOracle, load_table_oracle
from dikast.tables.reading import OPTIONS, Reading
from tests.games import needs_sandbox

FULL = {
    "delimiter": ";",
    "encoding": "cp1252",
    "missing": "N/A,-",
    "decimal": ",",
    "thousands": "",
    "dayfirst": "yes",
    "types": 'price=number,"a,b=c"=text',
    "header": "2",
    "skip_rows": "1",
}


def test_options_as_text_and_as_values() -> None:
    assert set(FULL) == set(OPTIONS)
    reading = Reading.of(FULL)
    assert reading.types == {"price": "number", "a,b=c": "text"}
    assert (reading.header, reading.skip_rows, reading.dayfirst, reading.thousands) == (2, 1, True, "")
    assert Reading.of(reading.as_options()) == reading
    assert Reading.of({"types": {"price": "number"}, "dayfirst": False, "header": 0}).as_options() == {
        "dayfirst": "no",
        "types": "price=number",
        "header": "0",
    }
    assert Reading.of({}).as_options() == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decimals": ","}, "unknown decimals"),
        ({"decimal": ";"}, "no decimal mark"),
        ({"thousands": "ab"}, "not one mark"),
        ({"thousands": "1"}, "not one mark"),
        ({"decimal": ",", "thousands": ","}, "are both"),
        ({"dayfirst": "perhaps"}, "neither yes nor no"),
        ({"types": "price"}, "is not COLUMN=TYPE"),
        ({"types": "price=money"}, "types: 'price' is 'money'"),
        ({"header": "first"}, "is not a number"),
        ({"skip_rows": "-1"}, "is below 0"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Reading.of(options)


def test_a_spec_carries_them(tmp_path: Path) -> None:
    oracle = TableOracle(tmp_path, reading=FULL)
    again = load_table_oracle(oracle.spec)
    assert again.library.options == oracle.library.options
    assert again.fingerprint()["reading"] == oracle.fingerprint()["reading"] == Reading.of(FULL).as_options()


async def test_the_helpers_read_as_the_owner_told(tmp_path: Path) -> None:
    needs_sandbox()
    (tmp_path / "t.csv").write_text("a;b;c\n1.250 kg;01/02/2004 (?);1.250 x\n3,5 kg;?;x\n", encoding="utf-8")
    program = "answer = [num(x) for x in df['a']] + [num(df['c'])[0], date('03/04/2005').month]"
    found: list[list[str]] = []
    for reading in ({"decimal": ",", "dayfirst": True}, {"decimal": ".", "dayfirst": False}, {"dayfirst": "no"}):
        oracle = TableOracle(
            tmp_path, reading={"delimiter": ";", **reading}, deliver=lambda _, answer: found.append(answer.reveal())
        )
        async with oracle:
            ran = await oracle.run("t", [program], question_id="", earlier=[], secret=(), detail="errors")
            assert ran[0].answer is not None
            oracle.tell("", ran[0].answer)
    assert found == [["1250", "3.5", "1250", "4"], ["1.25", "1.25", "3"], ["3.5", "3"]]
