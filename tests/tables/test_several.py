"""All tables of a database or workbook together: what a Solver is told, what its programs get, and the bounds."""

from __future__ import annotations

import gc
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
import pytest_asyncio

from dikast.errors import DataError, UsageError
from dikast.graphs import hidden_tables
from dikast.tables import bounds, schema
from dikast.tables.library import Box, Library
from dikast.tables.oracle import TableOracle
from dikast.tables.reading import Reading
from dikast.tables.several import MOST_TOGETHER, open_all, shown_names
from tests.games import POLICY, Heard, code, items_of, needs_sandbox
from tests.tables.test_oracle import descriptors

pytestmark = pytest.mark.asyncio(loop_scope="session")

Rows = Sequence[Sequence[object]]
Oracles = Mapping[str, TableOracle]
SHOP: Mapping[str, Rows] = {
    "orders": [["id", "person", "amount"], [1, 10, 5.5], [2, 11, 7.0], [3, 10, 2.0]],
    "people": [["person", "name"], [10, "ann"], [11, "bob"]],
}
MERGE = "answer = tables['orders'].merge(tables['people'], on='person').groupby('name')['amount'].sum()['ann']"
JOIN = (
    'answer = sql(\'select sum(amount) as s from "orders" join "people" using (person) where name = $$ann$$\')'
    "['s'].tolist()"
)
ODD = 'we"ird. n\u00e4me\'\n{x}; drop table \\"'


def database(path: Path, tables: Mapping[str, Rows]) -> Path:
    """An SQLite or DuckDB file or a workbook, by its ending; made once."""
    if path.exists():
        return path
    if path.suffix == ".xlsx":
        return workbook(path, tables)
    connection: Any = sqlite3.connect(path) if path.suffix == ".sqlite" else duckdb.connect(str(path))
    for name, (header, *rows) in tables.items():
        kinds = ["varchar" if isinstance(cell, str) else "double" for cell in (rows or [header])[0]]
        quoted = '"' + name.replace('"', '""') + '"'
        connection.execute(
            f"create table {quoted} ({', '.join(map(' '.join, zip(map(str, header), kinds, strict=True)))})"
        )
        for row in rows:
            connection.execute(f"insert into {quoted} values ({', '.join('?' * len(row))})", row)
    connection.commit()
    connection.close()
    return path


def workbook(path: Path, tables: Mapping[str, Rows]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book["Sheet"])
    for name, rows in tables.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def oracles(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Oracles]:
    """An oracle with each kind of box, over one folder."""
    needs_sandbox()
    folder = tmp_path_factory.mktemp("several")
    policy = replace(POLICY, workers=1)
    async with (
        TableOracle(folder, box="frame", policy=policy) as frames,
        TableOracle(folder, box="arrow", policy=policy) as arrows,
    ):
        yield {"frame": frames, "arrow": arrows}


def endless(count: int) -> Mapping[str, Rows]:
    return {f"t{number}": [["a"], [number]] for number in range(count)}


async def ask(
    oracle: TableOracle, file: str, tables: Mapping[str, Rows], program: str, **knobs: Any
) -> tuple[Any, str, list[str] | None]:
    """One game over a file in the oracle's folder: its output, all that the Solver was told, and the answer."""
    if tables:
        database(oracle.library.place / file, tables)
    answers: list[Any] = []

    def deliver(_: str, answer: Any) -> None:
        answers.append(answer)

    oracle.deliver = deliver
    heard = Heard(code(program))
    context = hidden_tables.Context(solver=heard.solver, oracle=oracle, **knobs)
    game = hidden_tables.Input(table=file, question="How much did ann spend?")
    output = await hidden_tables.graph.ainvoke(game, context=context)
    told = "\n".join(heard.told(number) for number in range(len(heard.requests)))
    return output, told, items_of(answers[0]) if answers else None


BOTH = pytest.mark.parametrize("box", ["frame", "arrow"])


@pytest.mark.parametrize("ending", ["sqlite", "duckdb", "xlsx"])
@pytest.mark.parametrize(("box", "program"), [("frame", MERGE), ("arrow", MERGE), ("arrow", JOIN)])
async def test_a_program_joins_the_tables_of_a_file(oracles: Oracles, ending: str, box: str, program: str) -> None:
    output, told, answer = await ask(oracles[box], f"shop.{ending}", SHOP, program)
    assert (output["outcome"], answer) == ("ok", ["7.5"])
    assert "Schema:\nThere is no df: several data frames are in a dict called tables, by name.\n" in told
    assert 'The data frame tables["people"] has these columns:\n- "person": ' in told
    assert ("join" in told) is (box == "arrow")


@pytest.mark.parametrize(("box", "program"), [("frame", MERGE), ("arrow", JOIN)])
async def test_a_program_joins_the_files_of_a_folder(oracles: Oracles, box: str, program: str) -> None:
    folder = oracles[box].library.place / "folder"
    folder.mkdir(exist_ok=True)
    (folder / "orders.csv").write_text("id,person,amount\n1,10,5.5\n2,11,7\n3,10,2\n", encoding="utf-8")
    (folder / "people.json").write_text('[{"person": 10, "name": "ann"}, {"person": 11, "name": "bob"}]', "utf-8")
    output, told, answer = await ask(oracles[box], "folder", {}, program)
    assert (output["outcome"], answer) == ("ok", ["7.5"])
    assert 'tables["orders"] has these columns:\n- "id": integer\n- "person": integer\n- "amount": decimal' in told


@BOTH
async def test_two_tables_with_nothing_but_a_column_each(oracles: Oracles, box: str) -> None:
    program = "answer = len(tables['a'].merge(tables['b'], on='id'))"
    output, _, answer = await ask(oracles[box], "two.sqlite", {"a": [["id"]], "b": [["id"]]}, program)
    assert (output["outcome"], answer) == ("ok", ["0"])


@BOTH
async def test_there_is_no_df_to_take_for_one_of_several(oracles: Oracles, box: str) -> None:
    output, _, _ = await ask(oracles[box], "shop.sqlite", SHOP, "answer = len(df)")
    assert output["turns"][0]["status"] == "error:NameError"


@pytest.mark.parametrize("level", ["types", "formats"])
@BOTH
async def test_no_cell_of_any_table_leaks(
    oracles: Oracles, box: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rows = [[number, f"{name}canary{number}"] for name in ("x", "y") for number in range(12)]
    tables = {"a": [["id", "note"], *rows[:12]], "b": [["id", "note"], *rows[12:]]}
    steal = "x = tables['a'].merge(tables['b'], on='id').astype(str)\nraise KeyError(x.to_csv())"
    failed, told, _ = await ask(oracles[box], "t.sqlite", tables, steal, level=level)
    take = "answer = [t['note'][3] for t in tables.values()]"
    kept, heard, answer = await ask(oracles[box], "t.sqlite", tables, take, level=level)
    assert answer == ["xcanary3", "ycanary3"]
    assert failed["turns"][0]["status"] == "error:KeyError"
    for text in (told, heard, json.dumps([failed, kept]), caplog.text):
        assert "canary" not in text


@pytest.mark.parametrize("ending", ["sqlite", "duckdb"])
@BOTH
async def test_a_table_with_an_odd_name_is_found_under_the_name_that_is_told(
    oracles: Oracles, ending: str, box: str
) -> None:
    [shown, _] = shown_names([ODD, "plain"], ())
    assert "\n" not in shown
    program = f"answer = float(tables[{schema.literal(shown)}]['a'][0])"
    if box == "arrow":
        quoted = '"' + shown.replace('"', '""') + '"'
        program = f"answer = sql({f'select a from {quoted}'!r})['a'].tolist()"
    tables = {ODD: [["a"], [7.0]], "plain": [["a"], [8.0]]}
    output, told, answer = await ask(oracles[box], f"odd.{ending}", tables, program)
    assert (output["outcome"], answer) == ("ok", ["7"]), output["turns"]
    assert f"tables[{schema.literal(shown)}] has" in told
    assert [note for note in oracles[box].notes(f"odd.{ending}") if "is called" in note]


async def test_names_stay_apart_even_where_case_does_not_count() -> None:
    assert shown_names(["A b", "a  b", "", "c", "a b (2)"], ()) == ["A b", "a b (2)", "table_3", "c", "a b (2) (2)"]
    assert shown_names(["orders", "people"], None) == ["table_1", "table_2"]


async def test_secret_columns_and_the_longest_list_are_of_each_table(oracles: Oracles) -> None:
    oracle = oracles["frame"]
    program = "answer = tables['orders'].merge(tables['people'], left_on='c2', right_on='c1')['name'].nunique()"
    _, told, answer = await ask(oracle, "shop.sqlite", SHOP, program, secret=("person",), max_columns=2)
    assert answer == ["2"]
    assert "person" not in told
    assert 'The data frame tables["orders"] has more columns; these may be relevant:\n- "id"' in told
    assert 'The data frame tables["people"] has these columns:\n- "c1": decimal number\n- "name": text' in told
    _, told, _ = await ask(oracle, "shop.sqlite", SHOP, "answer = len(tables['table_2'])", secret=None)
    assert not [name for name in ("orders", "people", "amount", "person") if name in told.split("Schema:")[1]]
    with pytest.raises(UsageError, match="1 of the secret columns are in none of the tables"):
        await oracle.library.open("shop.sqlite", ("amount", "nope"))


async def test_more_tables_than_the_bound_are_told_in_one_line(tmp_path: Path) -> None:
    held = await Library(database(tmp_path / "most.sqlite", endless(MOST_TOGETHER))).open("most", ())
    assert held.schema("names").text.count("The data frame tables[") == MOST_TOGETHER
    many = Library(database(tmp_path / "many.sqlite", endless(MOST_TOGETHER + 1)))
    with pytest.raises(
        DataError, match=r"many\.sqlite: 33 tables, and 32 are given together at most \(name one"
    ) as told:
        await many.open("many", ())
    assert "\n" not in str(told.value)
    assert (await many.open("t32", ())).schema("names").text.endswith(':\n- "a"')


@pytest.mark.parametrize("box", ["frame", "arrow"])
@pytest.mark.parametrize(("limit", "value"), [("MAX_CELLS", 20), ("MAX_BYTES", 6000), ("SHEET_SECONDS", 0.0)])
async def test_the_bounds_hold_over_all_tables_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: float, box: Box
) -> None:
    rows = [["a"], *([f"{'x' * 150}{number}"] for number in range(15))]
    path = database(tmp_path / "t.sqlite", {"a": rows, "b": rows, "c": rows})
    monkeypatch.setattr(bounds, limit, value)
    tables = Library(path, box=box)
    await tables.open("a", ())
    gc.collect()
    before = descriptors()
    with pytest.raises(DataError, match=r"t\.sqlite: (more than|takes)"):
        await tables.open("t", ())
    gc.collect()
    assert descriptors() == before


async def test_empty_sheets_are_left_out_and_told(tmp_path: Path) -> None:
    path = workbook(tmp_path / "w.xlsx", {**SHOP, "Sheet3": []})
    opened = open_all(path, Reading())
    assert ([table.name for table in opened.tables], opened.notes) == (
        ["orders", "people"], ["sheet 'Sheet3' is empty and left out"]
    )  # fmt: skip
    alone = workbook(tmp_path / "one.xlsx", {"data": SHOP["people"], "Sheet2": []})
    assert (await Library(alone).open("one", ())).schema("names").text.startswith("The data frame has these columns:")
    with pytest.raises(DataError, match="all of its 2 sheets are empty"):
        open_all(workbook(tmp_path / "none.xlsx", {"a": [], "b": []}), Reading())


async def test_one_table_is_picked_by_its_name_and_the_file_by_its_own(tmp_path: Path) -> None:
    tables = Library(database(tmp_path / "orders.sqlite", SHOP))
    texts = {name: (await tables.open(name, ())).schema("names").text for name in ("orders", "orders.sqlite", "people")}
    assert texts["orders"] == 'The data frame has these columns:\n- "id"\n- "person"\n- "amount"'
    assert texts["people"] == 'The data frame has these columns:\n- "person"\n- "name"'
    assert texts["orders.sqlite"].startswith("There is no df")
    with pytest.raises(DataError, match=r"no table is called 'nope' \(tables: orders, people\)"):
        await tables.open("nope", ())
    with pytest.raises(DataError, match=r"which table\? \(tables: none\)"):
        await Library(database(tmp_path / "none.sqlite", {})).open("none", ())
