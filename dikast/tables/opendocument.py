"""One sheet of an OpenDocument spreadsheet (.ods, as LibreOffice writes it) to a `MemoryTable`, as a workbook's is.

The format is a zip with one XML file of cells that have types and values (OASIS OpenDocument 1.3, part 3, 9.1 and
19.385); it is read here, by Python's own expat and as it comes, since the libraries that read it build the whole
document first. So a small file cannot ask for much: a cell that is said to be repeated a billion times is counted like
a billion cells, and a document type, which is where entities come from, is refused.

Comments on cells, drawings and tracked changes are passed over.
"""

from __future__ import annotations

import datetime
import math
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from dikast.errors import DataError
from dikast.tables import bounds
from dikast.tables.bounds import Budget
from dikast.tables.delimited import MAX_COLUMNS
from dikast.tables.duck import pick_table
from dikast.tables.excel import Grid, check_size, table_of
from dikast.tables.reading import DEFAULT, Reading
from dikast.tables.table import MemoryTable, Problem

PIECE = 1 << 16
DEEPEST = 256
"""Of elements; a cell's text lies ten deep."""
CONTENT, MANIFEST = "content.xml", "META-INF/manifest.xml"
_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:"
OFFICE, TABLE, TEXT = (f"{_NAMESPACE}{name}:1.0 " for name in ("office", "table", "text"))
CALC = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 "
CELLS = (f"{TABLE}table-cell", f"{TABLE}covered-table-cell")
PASSED_OVER = frozenset(
    {f"{OFFICE}annotation", f"{TABLE}shapes", f"{TABLE}tracked-changes", f"{TABLE}dde-links", f"{OFFICE}forms"}
)
DURATION = re.compile(r"(-?)P(?:(\d{1,9})D)?T?(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:[.,]\d{1,9})?)S)?")
Attributes = dict[str, str]


def read_ods(path: Path, sheet: str | None = None, reading: Reading = DEFAULT) -> MemoryTable:
    """Read a sheet.

    Args:
        path: An .ods file.
        sheet: Its name; may be left out where there is only one.
        reading: The owner's options: `header` and `skip_rows`.

    Raises:
        DataError: The file is no spreadsheet, is encrypted or too large, or the sheet is empty, not told or not there;
            the message lists the sheets.
    """
    budget = Budget(path, bounds.SHEET_SECONDS)
    try:
        check_size(path)
        with zipfile.ZipFile(path) as archive:
            if MANIFEST in archive.namelist() and b"encryption-data" in archive.open(MANIFEST).read(
                bounds.MAX_CELL_BYTES
            ):
                raise DataError("is encrypted", path=path, hint="save it without a password")
            name = pick_table(path, sheet, _parsed(archive, _Names(budget)).names)
            cells = _parsed(archive, _Cells(budget, name))
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot be read as OpenDocument: {type(error).__name__}", path=path) from None
    except expat.ExpatError as error:
        raise DataError(f"cannot be read as OpenDocument: {CONTENT}: {error}", path=path) from None
    return table_of(path, name, sheet, cells.grid, cells.problems, reading)


def _parsed(archive: zipfile.ZipFile, reader: Any) -> Any:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.buffer_text = True
    with archive.open(CONTENT) as file:
        while piece := file.read(PIECE):
            reader.budget.spend(0, len(piece))
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    return reader


class _Names:
    """The names of the sheets, in order."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.names: list[str] = []
        self._depth = 0
        self._passing = 0

    def refuse_doctype(self, *_: object) -> None:
        """A document type may declare entities, which unpack without end or name other files."""
        raise DataError("has a document type", path=self.budget.path, hint="a spreadsheet has none: who made it?")

    def start(self, tag: str, attributes: Attributes) -> None:
        """Begin an element."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise DataError(f"elements nested more than {DEEPEST} deep", path=self.budget.path, hint=bounds.HINT)
        if self._passing or tag in PASSED_OVER:
            self._passing += 1
        else:
            self.enter(tag, attributes)

    def end(self, tag: str) -> None:
        """End an element."""
        self._depth -= 1
        if self._passing:
            self._passing -= 1
        else:
            self.leave(tag)

    def text(self, text: str) -> None:
        """Read characters."""
        if not self._passing:
            self.read(text)

    def enter(self, tag: str, attributes: Attributes) -> None:
        """Begin an element that is not passed over."""
        if tag == f"{TABLE}table":
            self.names.append(attributes.get(f"{TABLE}name", ""))

    def leave(self, tag: str) -> None:
        """End one."""

    def read(self, text: str) -> None:
        """Read characters that are not passed over."""


@dataclass
class _Cell:
    """A cell while it is read."""

    attributes: Attributes
    paragraphs: list[str] = field(default_factory=list[str])


class _Cells(_Names):
    """The cells of the sheet of this name."""

    def __init__(self, budget: Budget, sheet: str) -> None:
        super().__init__(budget)
        self.grid = Grid()
        self._sheet, self._here = sheet, False
        self._at, self._repeated = 0, 1
        self._row: list[Any] = []
        self._blank = 0  # cells without a value, which are none unless a value follows
        self._marks: list[list[int]] = [[], []]
        self._merged = 0
        self._cell: _Cell | None = None

    @property
    def problems(self) -> list[Problem]:
        """What the owner should know of the sheet."""
        told = [
            ("merged cells", self._merged, "merged areas: only the first cell of each has its value", None),
            ("error cells", len(self.grid.errors), "error cells are read as text", self.grid.errors),
            ("formulas", len(self.grid.formulas), "formulas have no stored value and are missing", self.grid.formulas),
        ]
        return [
            Problem(code, f"{count} {text}", count=count, line=rows[0] if rows else None)
            for code, count, text, rows in told
            if count
        ]

    def enter(self, tag: str, attributes: Attributes) -> None:
        """Begin an element."""
        if tag == f"{TABLE}table":
            self._here = attributes.get(f"{TABLE}name", "") == self._sheet
        elif not self._here:
            return
        elif tag == f"{TABLE}table-row":
            self._repeated = self._count(attributes, "number-rows-repeated")
            self._row, self._blank, self._marks = [], 0, [[], []]
        elif tag in CELLS:
            self._cell = _Cell(attributes)
        elif self._cell is not None:
            self._enter_text(tag, attributes, self._cell)

    def _enter_text(self, tag: str, attributes: Attributes, cell: _Cell) -> None:
        if tag == f"{TEXT}p":
            cell.paragraphs.append("")
        elif tag in (f"{TEXT}s", f"{TEXT}tab", f"{TEXT}line-break"):
            count = self._count(attributes, "c", TEXT) if tag == f"{TEXT}s" else 1
            self.budget.spend(0, count)
            self.read(" " * count)

    def leave(self, tag: str) -> None:
        """End an element."""
        if not self._here:
            return
        if tag in CELLS and self._cell is not None:
            self._end_cell(self._cell, covered=tag == CELLS[1])
            self._cell = None
        elif tag == f"{TABLE}table-row":
            self._end_row()
        elif tag == f"{TABLE}table":
            self._here = False

    def read(self, text: str) -> None:
        """Read a cell's characters."""
        if self._cell is not None and self._cell.paragraphs:
            self._cell.paragraphs[-1] += text

    def _end_cell(self, cell: _Cell, *, covered: bool) -> None:
        repeated = self._count(cell.attributes, "number-columns-repeated")
        spans = (self._count(cell.attributes, f"number-{way}-spanned") for way in ("rows", "columns"))
        self._merged += max(spans) > 1
        value = None if covered else self._value(cell)
        lost = value is None and f"{TABLE}formula" in cell.attributes
        if value is None and not lost:
            self._blank += repeated
            return
        width = len(self._row) + self._blank + repeated
        if width > MAX_COLUMNS:
            raise DataError(f"more than {MAX_COLUMNS} columns", path=self.budget.path, hint=bounds.HINT)
        self._row += [None] * self._blank + [value] * repeated
        self._blank = 0
        error = cell.attributes.get(f"{CALC}value-type") == "error"
        for marks, holds in zip(self._marks, (error, lost), strict=True):
            marks += [1] * (repeated if holds else 0)

    def _end_row(self) -> None:
        if self._row:
            if self._at + self._repeated > bounds.MAX_ROWS:
                raise DataError(f"more than {bounds.MAX_ROWS:,} rows", path=self.budget.path, hint=bounds.HINT)
            self.budget.spend(len(self._row) * self._repeated)
            errors, formulas = self._marks
            for at in range(self._at + 1, self._at + self._repeated + 1):
                self.grid.rows[at] = self._row
                self.grid.errors += [at] * len(errors)
                self.grid.formulas += [at] * len(formulas)
        self._at += self._repeated

    def _count(self, attributes: Attributes, name: str, space: str = TABLE) -> int:
        text = attributes.get(f"{space}{name}", "1")
        if not re.fullmatch(r"\d{1,12}", text, re.ASCII):
            raise DataError(f"{name} is no number", path=self.budget.path, hint="a spreadsheet's own program wrote it?")
        return int(text)

    def _value(self, cell: _Cell) -> Any:
        """What a cell holds; text where its value is not of the type that it names."""
        text = "\n".join(cell.paragraphs)
        kind = cell.attributes.get(f"{OFFICE}value-type", "string")
        try:
            if kind in ("float", "percentage", "currency"):
                return _number(cell.attributes[f"{OFFICE}value"])
            if kind == "boolean":
                return cell.attributes[f"{OFFICE}boolean-value"] == "true"
            if kind == "date":
                return _date(cell.attributes[f"{OFFICE}date-value"])
            if kind == "time":
                return _duration(cell.attributes[f"{OFFICE}time-value"])
        except (KeyError, ValueError, OverflowError):
            pass  # its words are left
        text = cell.attributes.get(f"{OFFICE}string-value", text)
        return text if text.strip() else None


def _number(text: str) -> int | float:
    if re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _date(text: str) -> datetime.date:
    return datetime.datetime.fromisoformat(text) if "T" in text else datetime.date.fromisoformat(text)


def _duration(text: str) -> datetime.timedelta:
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError("no duration")
    sign, days, hours, minutes, seconds = found.groups()
    span = datetime.timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=float((seconds or "0").replace(",", ".")),
    )
    return -span if sign else span
