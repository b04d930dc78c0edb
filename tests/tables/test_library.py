from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.jobs.parquet import load_pyarrow
from dikast.tables import library
from dikast.tables.library import Library
from dikast.tables.schema import describe
from tests.tables.test_oracle import _written, descriptors

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_few_tables_are_held_and_each_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        (tmp_path / f"t{number}.csv").write_text(f"a\n{number}\n", encoding="utf-8")
    opened: list[str] = []
    load = Library.load

    def counted(self: Library, name: str) -> Any:
        opened.append(name)
        return load(self, name)

    monkeypatch.setattr(Library, "load", counted)
    monkeypatch.setattr(library, "MOST_TABLES", 2)
    tables = Library(tmp_path)
    await asyncio.gather(*(tables.open("t0", ()) for _ in range(5)))
    assert opened == ["t0"]
    gc.collect()
    before = descriptors()
    for number in range(6):
        await tables.open(f"t{number}", ())
    gc.collect()
    assert len(tables) == 2
    assert descriptors() == before + 1
    monkeypatch.setattr(library, "MOST_BYTES", 1)
    held = await tables.open("t0", ())
    assert len(tables) == 1
    assert held.schema("types").text == describe(load(tables, "t0").tables[0]).text


async def test_tables_are_found_by_name_and_only_inside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("x\n1\n", encoding="utf-8")
    (tmp_path / "out.csv").write_text("x\n1\n", encoding="utf-8")
    tables = Library(tmp_path / "in")
    assert tables.path("a") == tables.path("a.csv") == tmp_path / "in" / "a.csv"
    (tmp_path / "in.csv").write_text("x\n1\n", encoding="utf-8")  # what "." with an ending is
    (tmp_path / "in" / "sub").mkdir()
    outside = ["../out", "../out.csv", str(tmp_path / "out.csv"), "../in", "sub/../../in", "sub/../.."]
    outside += ["./", "..", "", "sub/..", "sub/."]
    for name in (*outside, "b", "sub", "a\0b", "\ud800", "x" * 5_000):
        with pytest.raises(DataError, match=r"not inside|no table|no name"):
            tables.path(name)
    one = Library(tmp_path / "out.csv")
    assert one.path("out") == one.path("out.csv")
    with pytest.raises(DataError, match="it is 'out'"):
        one.path("a")


async def test_a_tables_kind_of_box_goes_by_the_format(tmp_path: Path) -> None:
    pa, pq = load_pyarrow()
    pq.write_table(pa.table({"a": [1]}), tmp_path / "p.parquet")
    (tmp_path / "c.csv").write_text("a\n1\n", encoding="utf-8")
    kinds = {name: (await Library(tmp_path).open(name, ())).sealed.arrow for name in ("p", "c")}
    assert kinds == {"p": True, "c": False}
    assert (await Library(tmp_path, box="arrow").open("c", ())).sealed.arrow
    assert not (await Library(tmp_path, box="frame").open("p", ())).sealed.arrow


async def test_a_table_that_stays_is_opened_once(tmp_path: Path) -> None:
    _written(tmp_path / "t.csv", "a\n1\n")
    library = Library(tmp_path)
    assert await library.open("t", ()) is await library.open("t", ())
