"""Folders of files that are asked about as a whole, and the keys that databases declare."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from dikast.errors import DataError
from dikast.tables.folder import members
from dikast.tables.keys import Keys, Reference, describe_keys
from dikast.tables.ledger import Ledger
from dikast.tables.library import WHOLE, Library
from dikast.tables.load import load
from dikast.tables.oracle import TableOracle
from dikast.tables.reading import Reading
from dikast.tables.several import keys_of, open_all

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAKE = """
create table people (id integer primary key, name text);
create table "Orders" (id integer, line integer, person integer references people, primary key (id, line));
"""
FILL = "insert into people values (10, 'ann'), (11, 'bob'); insert into \"Orders\" values (1, 1, 10), (1, 2, 11)"


def shop(folder: Path) -> Path:
    """Two tables in two files, and what is no table."""
    (folder / "shop").mkdir()
    (folder / "shop" / "orders.csv").write_text("person,amount\n10,5.5\n11,7\n10,2\n", encoding="utf-8")
    (folder / "shop" / "people.jsonl").write_text(
        '{"person": 10, "name": "ann"}\n{"person": 11, "name": "bob"}\n', "utf-8"
    )
    (folder / "shop" / "README.md").write_text("not a table", encoding="utf-8")
    (folder / "shop" / ".hidden.csv").write_text("a\n1\n", encoding="utf-8")
    return folder / "shop"


def database(path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(MAKE + FILL)
    connection.close()
    return path


async def test_what_a_folder_holds_and_what_is_left_out(tmp_path: Path) -> None:
    folder = shop(tmp_path)
    (folder / "questions.jsonl").write_text('{"question": "?", "table": "."}\n', encoding="utf-8")
    (tmp_path / "outside.csv").write_text("secret\n1\n", encoding="utf-8")
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    files, left_out = members(folder, folder / "questions.jsonl")
    assert [path.name for path in files] == ["orders.csv", "people.jsonl"]
    assert left_out == ["README.md", "link.csv"]
    whole = Library(folder, besides=folder / "questions.jsonl").load(WHOLE)
    assert whole.called == ["orders", "people"]
    assert whole.notes == ["file 'README.md' is no table and left out", "file 'link.csv' is no table and left out"]
    assert TableOracle(folder, questions=folder / "questions.jsonl").notes(WHOLE) == whole.notes


async def test_a_folder_with_one_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "db" / "deeper").mkdir(parents=True)
    database(tmp_path / "db" / "db.sqlite")
    tables = Library(tmp_path)
    assert tables.path("db") == tables.path("db/db") == tmp_path / "db" / "db.sqlite"
    assert sorted(tables.load("db").called) == ["Orders", "people"]
    (tmp_path / "db" / "prices.csv").write_text("a\n1\n", encoding="utf-8")
    assert sorted(tables.load("db").called) == ["db.Orders", "db.people", "prices"]
    assert '"person" refers to "id" of "db.people"' in (await tables.open("db", ())).schema("types").text


async def test_a_folder_that_cannot_be_asked_is_told(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"none: no table is in this folder"):
        Library(tmp_path).load("none")
    for number in range(33):
        (tmp_path / "none" / f"t{number}.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"33 files, and 32 are given together at most"):
        Library(tmp_path).load("none")
    with pytest.raises(DataError, match=r"is not inside the folder"):
        Library(tmp_path / "none").path("..")


async def test_a_folder_is_opened_again_when_one_of_its_files_has_changed(tmp_path: Path) -> None:
    folder = shop(tmp_path)
    tables = Library(tmp_path)
    first = await tables.open("shop", ())
    assert await tables.open("shop", ()) is first
    (folder / "orders.csv").write_text("person,amount,day\n10,5.5,2004-03-12\n", encoding="utf-8")
    assert '"day": date' in (await tables.open("shop", ())).schema("types").text


async def test_what_is_told_of_a_folder_is_charged_to_each_of_its_files(tmp_path: Path) -> None:
    folder = shop(tmp_path)
    oracle = TableOracle(tmp_path)
    assert await oracle.charge("shop", "ann", 4.0, budget=6.0, ledger=str(tmp_path / "bits"))
    assert not await oracle.charge("shop/orders", "ann", 4.0, budget=6.0, ledger=str(tmp_path / "bits"))
    assert await oracle.charge("shop/people", "ann", 2.0, budget=6.0, ledger=str(tmp_path / "bits"))
    assert not await oracle.charge("shop", "ann", 1.0, budget=6.0, ledger=str(tmp_path / "bits"))
    spent = {Path(place).name: bits for place, _, bits in Ledger(tmp_path / "bits").rows()}
    assert spent == {"orders.csv": 4.0, "people.jsonl": 6.0}
    assert oracle.digest("shop") != oracle.digest("shop/orders")
    assert folder.is_dir()


@pytest.mark.parametrize("ending", ["sqlite", "duckdb"])
async def test_declared_keys_are_told_with_the_columns(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"shop.{ending}"
    if ending == "sqlite":
        database(path)
    else:
        with duckdb.connect(str(path)) as connection:
            connection.execute(MAKE + FILL)
    keys = {name: keys_of(load(path, table=name)) for name in ("people", "Orders")}
    assert keys["people"] == Keys(("id",))
    assert keys["Orders"].primary == ("id", "line")
    assert [(one.columns, one.table) for one in keys["Orders"].references] == [(("person",), "people")]
    held = await Library(path).open("shop", ())
    told = held.schema("types").text
    assert 'Primary key: "id", "line"\n"person" refers to "id" of "people"' in told
    assert "refers" not in held.schema("names").text
    hidden = (await Library(path).open("shop", ("person", "id"))).schema("types").text
    assert '"c3" refers to "c1" of "people"' in hidden
    assert "person" not in hidden
    everything = (await Library(path).open("shop", None)).schema("types").text
    assert not [name for name in ("people", "Orders", "person") if name in everything]


async def test_what_cannot_be_named_is_not_told() -> None:
    keys = [Keys(("a",), (Reference(("b",), "gone"), Reference(("lost",), "t"), Reference(("b",), "T", ("A",))))]
    assert describe_keys(keys, {"t": "T"}, {"T": {"a": "A", "b": "B"}}) == {
        "T": ['Primary key: "A"', '"B" refers to "A" of "T"']
    }


async def test_a_hostile_view_is_stopped_and_triggers_do_not_run(tmp_path: Path) -> None:
    path = database(tmp_path / "t.sqlite")
    connection = sqlite3.connect(path)
    connection.execute("create trigger t after insert on people begin delete from people; end")
    connection.execute("create view v as select load_extension('evil') as x")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="cannot be read as SQLite"):
        open_all(path, Reading())
    assert path.read_bytes() == before
