"""Which columns are numbers and dates, and what their owner is told of the others. Each kind's report is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError
from dikast.sandbox.inside.written import Spelling
from dikast.tables.cells import typed_column
from dikast.tables.load import load
from dikast.tables.table import MemoryTable, Table, frame, whole_column


def read(folder: Path, text: str, **options: Any) -> Table:
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return load(path, **options)


def told(table: Table) -> list[str]:
    return [problem.code for problem in table.problems]


def kinds(table: Table) -> list[str]:
    return [column.kind for column in table.columns]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["0.016527635528529094", "0.27"], "number"),  # adaguc #232: 19 digits are precision
        (["123456.789012345678901234", "1"], "number"),
        (["1.2345678901234567e+19", "0.5"], "number"),
        (["12345678901234567890", "0.5"], "text"),  # an identifier
        (["+15551234567", "+442071838750"], "text"),  # duckdb #5857
        (["+1234567"], "text"),
        (["+123", "-4"], "integer"),
        (["+1,234,567", "5"], "integer"),
        (["1E+05", "2E+10"], "text"),  # codes that a spreadsheet has read
        (["1E+05", "7"], "text"),
        (["1E-05", "0.25"], "number"),  # C# among its fractions
        (["1e+05", "2e+05"], "number"),  # R
    ],
)
def test_kinds(cells: list[str], kind: str) -> None:
    column, _, _ = typed_column("x", cells, missing=frozenset())
    assert column.kind == kind


def test_floats_as_pandas_writes_them_are_numbers(tmp_path: Path) -> None:
    """adaguc #232: any float's shortest decimal is one."""
    values = np.random.default_rng(1).random(500) * 10.0 ** np.arange(-20, 30).repeat(10)
    pd.DataFrame({"p": values}).to_csv(tmp_path / "t.csv", index=False)
    assert whole_column(load(tmp_path / "t.csv"), 0).tolist() == values.tolist()


@pytest.mark.parametrize("mark", [";", "|", "\t"])
@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (["1.234", "23.456"], "ambiguous numbers"),  # polars #18797
        (["1,250", "2,500"], "ambiguous numbers"),
        (["1,250", "0,999"], "decimal comma"),  # pandas #12585
        (["12,5", "3,25"], "decimal comma"),
    ],
)
def test_a_file_without_commas_between_cells_does_not_say_which_mark_is_decimal(
    tmp_path: Path, mark: str, cells: list[str], code: str
) -> None:
    text = "n{0}x\n{1}{0}a\n{2}{0}b\n".format(mark, *cells)
    table = read(tmp_path, text, delimiter=mark)
    assert (kinds(table), told(table)) == (["text", "text"], [code])
    assert whole_column(table, 0).tolist() == cells
    plain = [float(cell.replace(".", "").replace(",", ".")) for cell in cells]
    assert whole_column(read(tmp_path, text, delimiter=mark, decimal=","), 0).tolist() == plain


def test_what_the_file_shows_elsewhere_decides(tmp_path: Path) -> None:
    table = read(tmp_path, "a;b;c\n1.234;0.5;1,250\n2.345;12.25;2,500\n", delimiter=";")
    assert (kinds(table), told(table)) == (["number", "number", "integer"], ["thousands separators"])
    assert whole_column(table, 2).tolist() == [1250, 2500]
    table = read(tmp_path, "a;b;c\n1.234;0.5;0,5\n2.345;12.25;0,7\n", delimiter=";")
    assert kinds(table) == ["text", "number", "text"]


def test_marks_that_were_told(tmp_path: Path) -> None:
    euro = "a;b\n1.234,56;1.000\n7,5;2.000\n"
    table = read(tmp_path, euro, delimiter=";", decimal=",")
    assert (kinds(table), whole_column(table, 0).tolist()) == (["number", "integer"], [1234.56, 7.5])
    assert whole_column(table, 1).tolist() == [1000, 2000]
    assert kinds(read(tmp_path, euro, delimiter=";", thousands=".")) == ["text", "integer"]
    swiss = read(tmp_path, "a\n1'234.5\n2'000.25\n", thousands="'")
    assert whole_column(swiss, 0).tolist() == [1234.5, 2000.25]


@pytest.mark.parametrize(
    ("cells", "code", "kind", "values"),
    [
        (["45%", "5.5 %"], "written numbers", "number", [45.0, 5.5]),
        (["$1,234.50", "€ 12", "(7)", "£1.2m"], "written numbers", "number", [1234.5, 12.0, -7.0, 1.2e6]),
        (["\u22125", "\u22127"], "written numbers", "integer", [-5, -7]),
        (["TRUE", "false", "TRUE"], "truth values", "boolean", [True, False, True]),
        (["yes", "No"], "truth values", "boolean", [True, False]),
        (["+4915112345678", "+15551234567"], "codes", "integer", [4915112345678, 15551234567]),
        (["1E+05", "2E+10"], "codes", "number", [1e5, 2e10]),
        (["1.85 m", "2.01 m"], "letters behind numbers", "number", [1.85, 2.01]),
    ],
)
def test_a_column_that_a_person_would_read_is_told_and_cured(
    cells: list[str], code: str, kind: Any, values: list[object]
) -> None:
    column, _, problems = typed_column("x", cells, missing=frozenset())
    assert (column.kind, [problem.code for problem in problems]) == ("text", [code])
    assert kind == "boolean" or all(cell not in problem.message for cell in cells for problem in problems)
    column, read_as, problems = typed_column("x", cells, missing=frozenset(), given=kind)
    assert (column.kind, read_as.tolist(), problems) == (kind, values, [])


@pytest.mark.parametrize(
    ("cells", "dayfirst", "days"),
    [
        (["01/02/2004", "13/02/2004"], True, ["2004-02-01", "2004-02-13"]),
        (["01/02/2004", "02/13/2004"], False, ["2004-01-02", "2004-02-13"]),
        (["3.4.2005", "2005-12-31"], True, ["2005-04-03", "2005-12-31"]),
    ],
)
def test_dates_in_figures_are_read_in_one_order_or_not_at_all(
    cells: list[str], dayfirst: bool, days: list[str]
) -> None:
    _, _, problems = typed_column("x", cells, missing=frozenset())
    assert [problem.code for problem in problems] in (["ambiguous dates"], ["mixed types"], [])
    column, values, _ = typed_column("x", cells, missing=frozenset(), spelling=Spelling(".", ",", dayfirst))
    assert (column.kind, np.datetime_as_string(values, unit="D").tolist()) == ("date", days)
    wrong, _, _ = typed_column("x", cells, missing=frozenset(), spelling=Spelling(".", ",", not dayfirst))
    assert wrong.kind == ("date" if cells[0] == "3.4.2005" else "text")


def test_moments_of_several_zones(tmp_path: Path) -> None:
    text = "t\n2024-01-05T12:00:00+01:00\n2024-07-05T12:00:00+02:00\n2024-07-05T12:00:00Z\n"
    table = read(tmp_path, text)
    assert (kinds(table), told(table)) == (["text"], ["moments"])
    moments = whole_column(read(tmp_path, text, types={"t": "datetime"}), 0)
    assert np.datetime_as_string(moments, unit="m").tolist() == [
        "2024-01-05T11:00", "2024-07-05T10:00", "2024-07-05T12:00",
    ]  # fmt: skip


def test_a_type_that_was_given_is_taken_at_its_word(tmp_path: Path) -> None:
    text = "code,n,d\n1,many,2004-03-12\n22,5,never\n"
    table = read(tmp_path, text, types={"code": "text", "n": "integer", "d": "date"})
    assert kinds(table) == ["text", "integer", "date"]
    assert whole_column(table, 0).tolist() == ["1", "22"]
    assert [(one.code, one.column, one.count) for one in table.problems] == [
        ("not of the given type", "n", 1),
        ("not of the given type", "d", 1),
    ]
    assert frame(table).isna().to_numpy().tolist() == [[False, True, False], [False, False, True]]


@pytest.mark.parametrize(
    ("options", "columns", "first"),
    [
        ({"header": 2}, ["region", "amount"], ["north", 1]),
        ({"skip_rows": 2}, ["region", "amount"], ["north", 1]),
        ({"skip_rows": 3, "header": 0}, ["column_1", "column_2"], ["north", 1]),
    ],
)
def test_the_header_row_may_be_told(
    tmp_path: Path, options: dict[str, int], columns: list[str], first: list[object]
) -> None:
    table = read(tmp_path, "Sales report\n\nregion,amount\nnorth,1\nsouth,2\n", **options)
    assert [column.name for column in table.columns] == columns
    assert frame(table).iloc[0].tolist() == first
    with pytest.raises(DataError, match="there is no row 9"):
        read(tmp_path, "a\n1\n", header=9)


def test_lines_of_errors_count_skipped_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv:4: broken CSV|t\.csv:3: broken CSV"):
        read(tmp_path, 'title\na,b\n1,2\n"x"y,1\n', skip_rows=1)
    table = read(tmp_path, "title\na,b\n1\n", skip_rows=1)
    assert [problem.line for problem in table.problems if problem.code == "ragged rows"] == [3]


def test_columns_at_the_end_without_name_and_cells_are_left_out_and_told(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b,,\n1,2,,\n3,4,,\n")
    assert ([column.name for column in table.columns], told(table)) == (["a", "b"], ["blank columns"])
    kept = read(tmp_path, "a,,c\n1,,2\n")
    assert [column.name for column in kept.columns] == ["a", "column_2", "c"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_float_that_python_prints_is_a_number(values: Sequence[float]) -> None:
    _, read_as, _ = typed_column("x", [repr(value) for value in values], missing=frozenset())
    assert read_as.tolist() == list(values)


def test_the_table_says_how_it_is_written(tmp_path: Path) -> None:
    table = read(tmp_path, "a;b\n1.234 kg;x\n", delimiter=";")
    assert isinstance(table, MemoryTable)
    assert (table.spelling.marks_given, table.spelling.assume) == (False, "")
