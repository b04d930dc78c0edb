"""What a schema says at each level, and that it says nothing else."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.optional import needs
from dikast.tables.load import load
from dikast.tables.schema import LEVELS, ColumnSchema, Level, describe
from dikast.tables.table import Column, MemoryTable, Table, frame


def text_table(*columns: list[str | None]) -> MemoryTable:
    named = tuple(Column(f"column {n}", "text") for n in range(1, len(columns) + 1))
    return MemoryTable("t", named, tuple(np.array([*cells, None], dtype=object)[:-1] for cells in columns))


def test_each_level_says_more(tmp_path: Path):
    path = tmp_path / "t.csv"
    rows = "".join(f"r{n % 2},{n},{n}.5,2004-03-{n + 10},{'' if n % 2 else 'Mar 3'}\n" for n in range(12))
    path.write_text(f"Region,Id,Amount,Day,When\n{rows}")
    table = load(path)
    assert describe(table, "names").text.splitlines() == [
        "The data frame has these columns:", '- "Region"', '- "Id"', '- "Amount"', '- "Day"', '- "When"',
    ]  # fmt: skip
    assert describe(table).text.splitlines()[1:] == [
        '- "Region": text',
        '- "Id": integer',
        '- "Amount": decimal number',
        '- "Day": date (datetime64)',
        '- "When": text',
    ]
    assert describe(table, "presence").text.splitlines()[1:] == [
        '- "Region": text, values repeat',
        '- "Id": integer, values hardly ever repeat',
        '- "Amount": decimal number, values hardly ever repeat',
        '- "Day": date (datetime64), values hardly ever repeat',
        '- "When": text, sometimes missing, values repeat',
    ]
    assert describe(table, "formats", k=1).text.splitlines()[-1] == (
        '- "When": text, sometimes missing, values repeat, written like "Mon 9"'
    )
    assert "written" not in describe(table, "formats").text


def test_no_cell_is_in_any_schema(shared_data: Path):
    """Every cell becomes a random token; no level may show one."""
    for path in sorted((shared_data / "tables" / "wtq" / "tables").glob("*.csv"))[:60]:
        table = load(path)
        rng = np.random.default_rng(7)
        values = tuple(np.array([rng.bytes(8).hex() for _ in range(table.rows)], dtype=object) for _ in table.columns)
        hidden = MemoryTable("t", tuple(Column(column.name, "text") for column in table.columns), values)
        for level in LEVELS:
            text = describe(hidden, level, k=1).text
            assert not any(cell in text for column in values for cell in column)


def write_rows(path: Path, rows: int) -> Table:
    arrow: Any = needs("pyarrow")
    at = np.arange(rows)
    columns = {
        "id": at + 1000,
        "region": arrow.array(np.array(["Mar 1", "Apr 2", "May 3", "Jun 4"])[at % 4]),
        "amount": (at % 5) * 0.5,
        "day": arrow.array((at % 5).astype("datetime64[D]")),
        "note": arrow.array([None, "x"] * (rows // 2)),
    }
    needs("pyarrow.parquet").write_table(arrow.table(columns), path)
    return load(path)


def test_a_schema_does_not_depend_on_how_many_rows_there_are(tmp_path: Path):
    few, many = write_rows(tmp_path / "few.parquet", 20), write_rows(tmp_path / "many.parquet", 400_000)
    assert (few.rows, many.rows) == (20, 400_000)
    for level in LEVELS:
        assert describe(few, level).text == describe(many, level).text, level


def test_names_and_types_of_a_typed_file_read_no_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    table = write_rows(tmp_path / "t.parquet", 10)

    def read(*_: object) -> None:
        pytest.fail("cells were read")

    monkeypatch.setattr(type(table), "chunks", read)
    assert '"amount": decimal number' in describe(table, "types").text
    with pytest.raises(pytest.fail.Exception, match="cells were read"):
        describe(table, "presence")


def test_aliases_hide_headers_and_programs_see_them(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("salary,c1,name\n1,2,x\n")
    table = load(path)
    schema = describe(table, secret=["salary"])
    assert schema.names == ("c1 (2)", "c1", "name")
    assert "salary" not in schema.text
    assert list(frame(table, schema.names).columns) == ["c1 (2)", "c1", "name"]
    assert describe(table, "names", secret=None).names == ("c1", "c2", "c3")


def test_wrong_arguments(tmp_path: Path):
    table = text_table(["x"])
    level: Any = "cells"
    with pytest.raises(UsageError, match="one of names, types, presence, formats"):
        describe(table, level)
    with pytest.raises(UsageError, match="k=0"):
        describe(table, "formats", k=0)
    with pytest.raises(UsageError, match="1 of the secret columns are not in the table") as raised:
        describe(table, secret=["salary"])
    assert "salary" not in str(raised.value)


@given(st.text(max_size=20), st.sampled_from(LEVELS))
def test_names_are_python_literals_on_one_line(name: str, level: Level):
    clean = "".join(name.split("\n"))
    line = ColumnSchema(clean, "text" if level != "names" else None).line()
    literal = line.removeprefix("- ").removesuffix(": text") if level != "names" else line.removeprefix("- ")
    assert json.loads(literal) == clean
    if clean.isprintable():
        assert ast.literal_eval(literal) == clean


def test_importing_the_tables_loads_no_heavy_package():
    folder = Path(__file__).parents[2] / "dikast" / "tables"
    modules = sorted(f"dikast.tables.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__")
    code = f"import sys, {', '.join(modules)}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


HEAVY = ["pandas", "pyarrow", "duckdb", "openpyxl", "torch", "scipy.stats", "dikast.retrieval", "dikast.agents"]
