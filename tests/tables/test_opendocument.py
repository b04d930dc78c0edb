"""OpenDocument spreadsheets: what a cell is, sheets, and files that were made to hurt."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.tables import bounds
from dikast.tables.load import load
from dikast.tables.reading import Reading
from dikast.tables.several import open_all
from dikast.tables.table import frame, whole_column

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>{}<office:document-content'
    ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
    "<office:body><office:spreadsheet>"
)
TAIL = "</office:spreadsheet></office:body></office:document-content>"


def cell(value: object = None, more: str = "") -> str:
    """One cell as LibreOffice writes it."""
    if value is None:
        return f"<table:table-cell {more}/>"
    if isinstance(value, bool):
        kind, told = "boolean", f'office:boolean-value="{str(value).lower()}"'
    elif isinstance(value, (int, float)):
        kind, told = "float", f'office:value="{value}"'
    elif isinstance(value, (datetime.date, datetime.datetime)):
        kind, told = "date", f'office:date-value="{value.isoformat()}"'
    else:
        kind, told = "string", ""
    return f'<table:table-cell office:value-type="{kind}" {told} {more}><text:p>{value}</text:p></table:table-cell>'


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def sheet(*rows: str, name: str = "Sheet1") -> str:
    return f'<table:table table:name="{name}"><table:table-column/>{"".join(rows)}</table:table>'


def document(path: Path, *sheets: str, doctype: str = "", manifest: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest or "<manifest/>")
        archive.writestr("content.xml", HEAD.format(doctype) + "".join(sheets) + TAIL)
    return path


DAY = datetime.date(2004, 3, 12)
EMPTY_END = row(cell(more='table:number-columns-repeated="16384"'), more='table:number-rows-repeated="1048574"')


def test_cells_are_what_the_document_says(tmp_path: Path) -> None:
    rows = [
        row(*map(cell, ["name", "n", "x", "ok", "day", "at"])),
        row(*map(cell, ["Zoë", 1, 0.5, True, DAY, datetime.datetime(2004, 3, 12, 10)])),
        row(*map(cell, ["1,234", 2, 2, False, DAY, DAY])),
        EMPTY_END,
    ]
    table = load(document(tmp_path / "t.ods", sheet(*rows)))
    kinds = ["text", "integer", "number", "boolean", "date", "datetime"]
    assert [column.kind for column in table.columns] == kinds
    assert (table.name, table.problems) == ("t", ())
    data = frame(table)
    assert data["name"].tolist() == ["Zoë", "1,234"]
    assert data["x"].tolist() == [0.5, 2.0]
    assert data["at"].astype(str).tolist() == ["2004-03-12 10:00:00", "2004-03-12 00:00:00"]


def test_repeated_cells_and_rows_stand_where_they_are(tmp_path: Path) -> None:
    twice, many = (f'table:number-columns-repeated="{number}"' for number in (2, 9000))
    double = 'table:number-rows-repeated="2"'
    rows = [
        row(*map(cell, ["a", "b", "c", "d"])),
        row(cell(7, twice), cell(more=twice), cell(more=many), more=double),
        row(cell(more=twice), cell(5, twice)),
        EMPTY_END,
    ]
    data = frame(load(document(tmp_path / "t.ods", sheet(*rows))))
    assert data.fillna(0).to_numpy().tolist() == [[7, 7, 0, 0], [7, 7, 0, 0], [0, 0, 5, 5]]


def test_text_is_what_a_reader_sees_and_comments_are_not(tmp_path: Path) -> None:
    note = "<office:annotation><text:p>a secret remark</text:p></office:annotation>"
    words = f'{note}<text:p>one<text:s text:c="2"/>two <text:span>three</text:span></text:p><text:p>four</text:p>'
    spoken = f'<table:table-cell office:value-type="string">{words}</table:table-cell>'
    late = '<table:table-cell office:value-type="time" office:time-value="PT10H30M00S"/>'
    share = (
        '<table:table-cell office:value-type="percentage" office:value="0.45"><text:p>45%</text:p></table:table-cell>'
    )
    rows = [row(*map(cell, ["words", "time", "share"])), row(spoken, late, share)]
    table = load(document(tmp_path / "t.ods", sheet(*rows)))
    assert [whole_column(table, at).tolist() for at in range(3)] == [["one  two three\nfour"], ["10:30:00"], [0.45]]


def test_what_a_reader_would_not_see_is_told(tmp_path: Path) -> None:
    wrong = cell("#DIV/0!", 'calcext:value-type="error"')
    rows = [
        row(*map(cell, ["a", "b", "c"])),
        row(cell(1, 'table:number-rows-spanned="2"'), wrong, cell(more='table:formula="of:=1+1"')),
        row("<table:covered-table-cell/>", cell("x"), cell(2)),
    ]
    table = load(document(tmp_path / "t.ods", sheet(*rows)))
    assert {problem.code: problem.line for problem in table.problems} == {
        "merged cells": None, "error cells": 2, "formulas": 2
    }  # fmt: skip


def test_sheets_are_tables(tmp_path: Path) -> None:
    one, two = (sheet(row(cell("a")), row(cell(n)), name=f"s{n}") for n in (1, 2))
    path = document(tmp_path / "t.ods", one, two, sheet(EMPTY_END, name="nothing"))
    with pytest.raises(DataError, match=r"which table\? \(tables: nothing, s1, s2\)"):
        load(path)
    assert whole_column(load(path, table="s2"), 0).tolist() == [2]
    together = open_all(path, Reading())
    assert ([table.name for table in together.tables], together.empty) == (["s1", "s2"], ("nothing",))


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
WIDE = 'table:number-columns-repeated="8193"'
MANY = 'table:number-columns-repeated="999999999"'


@pytest.mark.parametrize(
    ("rows", "more", "told"),
    [
        ([row(cell("&b;"))], {"doctype": LAUGHS}, "has a document type"),
        ([row(cell("&a;"))], {"doctype": OUTSIDE}, "has a document type"),
        ([row(cell("a")), row(cell(7, MANY))], {}, "more than 16384 columns"),
        ([row(cell("a")), row(cell(more=WIDE), cell(7, WIDE))], {}, "more than 16384 columns"),
        ([row(cell("a")), row(cell(7), more='table:number-rows-repeated="999999999"')], {}, "more than 1,048,576 rows"),
        ([row(cell("a")), row(cell(7, MANY.replace("999", "9e9")))], {}, "number-columns-repeated is no number"),
        ([row(cell("<text:span>" * 300 + "</text:span>" * 300))], {}, "elements nested more than 256 deep"),
        ([row(cell("a")), "<table:table-row>"], {}, "mismatched tag"),
        ([row(cell("a"))], {"manifest": "<encryption-data/>"}, "is encrypted"),
    ],
)
def test_a_hostile_document_is_one_error(tmp_path: Path, rows: list[str], more: dict[str, str], told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        load(document(tmp_path / "t.ods", sheet(*rows), **more))
    assert "\n" not in str(caught.value)


def test_blanks_that_are_said_to_be_many_are_counted(tmp_path: Path) -> None:
    blanks = cell('<text:s text:c="99999999999"/>')
    with pytest.raises(DataError, match="MiB of text"):
        load(document(tmp_path / "t.ods", sheet(row(blanks))))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_BYTES", 1 << 20)
    with pytest.raises(DataError, match=r"unpacks to 4 MiB, more than 1"):
        load(document(tmp_path / "t.ods", sheet(row(cell(" " * (4 << 20))))))


@pytest.mark.parametrize("content", [b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_spreadsheet_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.ods").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as OpenDocument"):
        load(tmp_path / "t.ods")
