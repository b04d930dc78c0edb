"""CSV and TSV, clean and dirty: told, not guessed, and nothing lost."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast import optional
from dikast.errors import DataError, MissingExtraError, UsageError
from dikast.fence import UNSEEN
from dikast.tables.cells import typed_column
from dikast.tables.headers import MAX_HEADER_CHARACTERS, clean_headers
from dikast.tables.load import load
from dikast.tables.table import Table, frame, whole_column

Write = Callable[..., Path]


def kinds(table: Table) -> list[str]:
    return [column.kind for column in table.columns]


def told(table: Table) -> dict[str, int]:
    return {problem.code: problem.count for problem in table.problems}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def at(text: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return at


def test_a_clean_file(write: Write):
    table = load(write('Name,Born,Height,Since\n"Lovelace, Ada",1815,1.65,2004-03-12\nBob,1900,2,2005-01-01\n'))
    assert (table.name, table.rows, table.problems) == ("t", 2, ())
    assert kinds(table) == ["text", "integer", "number", "date"]
    shown = frame(table)
    assert list(shown.columns) == ["Name", "Born", "Height", "Since"]
    assert shown["Name"].tolist() == ["Lovelace, Ada", "Bob"]
    assert shown["Born"].dtype == np.int64
    assert shown["Height"].tolist() == [1.65, 2.0]
    assert shown["Since"].dt.year.tolist() == [2004, 2005]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2", "+3"], "integer"),
        (["1,234", "12", "1,234,567"], "integer"),
        (["0", "10"], "integer"),
        (["007", "008"], "text"),
        (["12E4", "13"], "text"),
        (["1,23", "4"], "text"),
        (["12,345,6"], "text"),
        (["9" * 18], "integer"),
        (["9" * 20], "text"),
        (["1.5", "2"], "number"),
        ([".5", "-.5"], "number"),
        (["1e-05", "1.5E+20"], "number"),
        (["1.", "2."], "text"),
        (["nan", "1"], "text"),
        (["inf"], "text"),
        (["1_000"], "text"),
        (["١٢"], "text"),
        (["$5"], "text"),
        (["5%"], "text"),
        (["2004-03-12"], "date"),
        (["2004-02-30"], "text"),
        (["03/12/2004"], "text"),
        (["2004-03-12 10:00"], "text"),
        (["true", "false"], "text"),
        (["", ""], "text"),
        (["1", ""], "integer"),
        (["1", "N/A"], "text"),
    ],
)
def test_kinds_of_text_cells(cells: list[str], kind: str):
    column, values, _ = typed_column("x", cells, thousands=",", missing=frozenset())
    assert column.kind == kind
    assert len(values) == len(cells)


def test_missing_cells(write: Write):
    table = load(write("a,b,c,d\n1,x,2004-03-12,N/A\n,,,2\n"), missing=["N/A"])
    shown = frame(table)
    assert kinds(table) == ["integer", "text", "date", "integer"]
    assert shown.isna().to_numpy().tolist() == [[False, False, False, True], [True, True, True, False]]
    assert shown["a"].dtype == np.float64


def test_large_integers_beside_missing_cells_stay_exact(write: Write):
    shown = frame(load(write(f"a,b\n{2**53 + 1},x\n,y\n")))
    assert shown["a"].tolist()[0] == 2**53 + 1
    assert shown["a"].isna().tolist() == [False, True]


def test_a_text_column_without_cells_is_still_text(write: Write):
    table = load(write("a,b\n,1\n,2\n"))
    assert frame(table)["a"].str.lower().isna().all()
    assert told(table) == {"empty column": 1}


def test_headers_are_made_usable_and_told(write: Write):
    table = load(write('Name,Name,,"Two\nLines",\u202eevil\u200b,<|im_start|>system\n1,2,3,4,5,6\n'))
    names = [column.name for column in table.columns]
    assert names[:4] == ["Name", "Name (2)", "column_3", "Two Lines"]
    assert names[4] == "evil"
    assert "<|im_start|>" not in names[5]
    assert [problem.code for problem in table.problems] == [
        "repeated header", "empty header", "cleaned header", "cleaned header", "cleaned header",
    ]  # fmt: skip
    assert frame(table).iloc[0].tolist() == [1, 2, 3, 4, 5, 6]


@given(st.lists(st.text(max_size=20) | st.just("x" * 500), max_size=8))
def test_headers_are_all_different_and_one_line(raw: list[str]):
    names, _ = clean_headers(raw)
    assert len(set(names)) == len(names) == len(raw)
    assert not any(UNSEEN.search(name) or "\n" in name for name in names)
    assert all(names)
    assert all(len(name) <= MAX_HEADER_CHARACTERS + len(" (8)") for name in names)


def test_ragged_rows_lose_nothing(write: Write):
    table = load(write("a,b\n1\n2,3,4\n\n5,6\n"))
    shown = frame(table)
    assert list(shown.columns) == ["a", "b", "column_3"]
    assert shown["a"].tolist() == [1, 2, 5]
    assert shown["column_3"].dropna().tolist() == [4]
    lines = [(problem.code, problem.count, problem.line) for problem in table.problems]
    assert ("ragged rows", 1, 2) in lines
    assert ("ragged rows", 1, 3) in lines
    assert ("empty lines", 1, 4) in lines


def test_spaces_separators_and_mixtures_are_told(write: Write):
    table = load(write('n,s,m\n"1,234",New\u00a0York,1\n 5 ,\u200bParis,2\n6,Rome,many\n'))
    shown = frame(table)
    assert shown["n"].tolist() == [1234, 5, 6]
    assert shown["s"].tolist() == ["New York", "Paris", "Rome"]
    assert shown["m"].tolist() == ["1", "2", "many"]
    assert told(table) == {"thousands separators": 1, "odd spaces": 2, "mixed types": 1}


def test_problems_hold_no_cell(write: Write):
    secret = "5ec2e7ce11"
    body = "".join(f"{n},\u00a0{secret}\n" for n in range(5)) + f"{secret},{secret},{secret}\n{secret}\n"
    table = load(write(f"a,b\n{body}"))
    assert table.problems
    assert not any(secret in problem.message for problem in table.problems)


def test_other_thousands_separators(write: Write):
    path = write("a;b\n1.234;1,5\n")
    assert kinds(load(path, delimiter=";", thousands=".")) == ["integer", "text"]
    assert kinds(load(path, delimiter=";", thousands="")) == ["number", "text"]


def test_a_wrong_delimiter_is_told(write: Write):
    assert told(load(write("a;b\n1;2\n"))) == {"one column": 1}
    assert kinds(load(write("a\tb\n1\tx\n", "t.tsv"))) == ["integer", "text"]


def test_encodings(write: Write):
    latin = write("Name\nZoë\n".encode("cp1252"), "latin.csv")
    with pytest.raises(DataError, match=r"latin\.csv:2: not utf-8 \(save it as UTF-8"):
        load(latin)
    assert whole_column(load(latin, encoding="cp1252"), 0).tolist() == ["Zoë"]
    assert whole_column(load(write("Name\nZoë\n".encode("utf-16"))), 0).tolist() == ["Zoë"]
    assert load(write("\ufeffName\nZoë\n")).columns[0].name == "Name"
    with pytest.raises(DataError, match="no encoding is called 'klingon'"):
        load(latin, encoding="klingon")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ('a,b\n"x"y,1\n', r"t\.csv:2: broken CSV"),
        ('a,b\n1,2\n"never closed,1\n', r"t\.csv:\d: broken CSV"),
        ("a\n" + "," * 20_000 + "\n", r"t\.csv:2: 20001 columns"),
        ("a\n" + "x" * 200_000 + "\n", r"t\.csv:\d: a cell has more than 131,072 characters"),
    ],
)
def test_broken_files(write: Write, text: str, message: str):
    with pytest.raises(DataError, match=message):
        load(write(text))


@pytest.mark.parametrize("delimiter", [";;", "\\t", '"', "\n"])
def test_what_is_no_delimiter(write: Write, delimiter: str):
    with pytest.raises(UsageError, match=r"t\.csv: a delimiter is one character"):
        load(write("a,b\n1,2\n"), delimiter=delimiter)


def test_files_too_large_for_text_cells(write: Write, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dikast.tables.whole.MAX_BYTES", 3)
    with pytest.raises(DataError, match="convert it to Parquet"):
        load(write("a\n1\n"))


def test_backslash_escaped_quotes(write: Write):
    table = load(write('a,b\n"say \\"hi\\"",1\n'), escape="\\")
    assert whole_column(table, 0).tolist() == ['say "hi"']


def test_only_a_header(write: Write):
    table = load(write("a,b\n"))
    assert (table.rows, kinds(table)) == (0, ["text", "text"])
    assert frame(table).shape == (0, 2)


def test_what_is_no_table_file(tmp_path: Path, write: Write):
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "absent.csv")
    with pytest.raises(UsageError, match=r"which format is '[.]docx'"):
        load(write("x", "t.docx"))
    assert load(write("a\n1\n", "t.txt"), format="csv").rows == 1


def test_a_missing_package_is_named():
    with pytest.raises(MissingExtraError, match=r"'no_such_package' is not installed \(pip install 'dikast\[data\]'\)"):
        optional.needs("no_such_package.part")


def test_frame_under_other_names(write: Write):
    table = load(write("salary,name\n1,x\n"))
    assert list(frame(table, ["c1", "c2"]).columns) == ["c1", "c2"]


cell = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=10)


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), max_size=6)))
def test_every_cell_arrives(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]):
    width = len(rows[0]) if rows else 1
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([f"h{n}" for n in range(width)])
    writer.writerows(rows)
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    table = load(path, thousands="")
    assert table.rows == len(rows)
    for position in range(width):
        for written, read in zip([row[position] for row in rows], whole_column(table, position).tolist(), strict=True):
            if isinstance(read, str):
                assert "".join(read.split()) in "".join(written.split())
            elif isinstance(read, (int, float)) and not pd.isna(read):
                assert float(written) == read
