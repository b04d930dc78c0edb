"""JSON and JSON lines as tables, and text files that are compressed; each hostile file is one clear error."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.tables import records, whole
from dikast.tables.library import Library
from dikast.tables.load import load
from dikast.tables.table import Table, frame, whole_column

ROWS = [
    {"name": "Zoë", "count": 1, "share": 0.5, "open": True},
    {"name": "1,234", "count": 2, "share": 2, "open": False},
]
KINDS = ["text", "integer", "number", "boolean"]
SPLIT = {"columns": list(ROWS[0]), "data": [list(row.values()) for row in ROWS]}
TEXTS = {
    "t.json": json.dumps(ROWS),
    "split.json": "\n " + json.dumps(SPLIT, indent=1),
    "lines.json": "\n\n".join(map(json.dumps, ROWS)),
    "t.jsonl": "\ufeff" + "".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in ROWS),
    "t.ndjson": "\n".join(map(json.dumps, ROWS)),
}
NESTED_DEEPLY = '[{"a": ' + "[" * 100_000 + "]" * 100_000 + "}]"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def codes(table: Table) -> dict[str, int]:
    return {problem.code: problem.count for problem in table.problems}


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("name", list(TEXTS))
def test_each_form_is_the_same_table(tmp_path: Path, name: str, packed: str) -> None:
    table = load(written(tmp_path, name + packed, TEXTS[name]))
    assert table.name == name.partition(".")[0]
    assert [(column.name, column.kind) for column in table.columns] == list(zip(ROWS[0], KINDS, strict=True))
    assert frame(table).to_dict("records") == ROWS
    assert not table.problems


@pytest.mark.parametrize(("name", "mark"), [("t.csv.gz", ","), ("t.tsv.gz", "\t"), ("t.tab.gz", "\t")])
def test_delimited_text_is_read_compressed_and_found_by_its_name(tmp_path: Path, name: str, mark: str) -> None:
    written(tmp_path, name, f"a{mark}b\n1{mark}x\n")
    for asked in ("t", name, name.removesuffix(".gz")):
        [table] = Library(tmp_path).load(asked).tables if asked in ("t", name) else [load(tmp_path / name)]
        assert (table.name, frame(table).to_dict("list")) == ("t", {"a": [1], "b": ["x"]})
    assert Library(tmp_path / name).load("t").tables[0].name == "t"


def test_what_a_cell_is(tmp_path: Path) -> None:
    first = '{"a": 1, "b": [1, {"c": 2}], "d": "7", "e": NaN, "f": 99999999999999999999}'
    rows = f'[{first}, {{"a": "x", "b": null, "g": null}}]'
    table = load(written(tmp_path, "t.json", rows), types={"d": "integer"})
    kinds = {column.name: column.kind for column in table.columns}
    assert kinds == {"a": "text", "b": "text", "d": "integer", "e": "text", "f": "number", "g": "text"}
    assert whole_column(table, 0).tolist() == ["1", "x"]
    assert whole_column(table, 1).tolist() == ['[1, {"c": 2}]', None]
    assert codes(table) == {"ragged rows": 2, "nested": 1, "mixed types": 1}


def test_the_index_beside_columns_and_data_is_left_out_and_told(tmp_path: Path) -> None:
    table = load(written(tmp_path, "t.json", json.dumps({**SPLIT, "index": [0, 1]})))
    assert codes(table) == {"left out": 1}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("t.json", '[{"a": 1}, {"a": 1, "b": {"c": 1, "c": 2}}]', r"row 2: an object has the key 'c' twice"),
        ("t.jsonl", '{"a": 1}\n{"a": 1, "a": 2}', r"t.jsonl:2: an object has the key 'a' twice"),
        ("t.json", '{"a": 1, "a": 2}', r"an object has the key 'a' twice"),
        ("t.json", NESTED_DEEPLY, r"not JSON that can be read: .*recursion"),
        ("t.json", '[{"a": ' + "[" * 70 + "]" * 70 + "}]", r"row 1: nested more than 64 deep"),
        ("t.json", "[1]", r"row 1: a record is a JSON object"),
        ("t.jsonl", '{"a": 1}\n[2]', r"t.jsonl:2: a record is a JSON object"),
        ("t.json", "7", r"no object and no array"),
        ("t.json", '{"rows": [{"a": 1}]}', r"one object, and no table of rows"),
        ("t.json", '{"columns": ["a", "b"], "data": [[1, 2], [3]]}', r"row 2: field 'data': 1 cells for 2 columns"),
        ("t.json", '{"columns": ["a"], "data": [[1], 2]}', r"row 2: field 'data': no list for 1 columns"),
        ("t.json", '{"columns": "a", "data": []}', r"columns and data are lists"),
        ("t.json", '[{"a": 1}', r"t.json:1: not JSON"),
        ("t.jsonl", '{"a": 1}\n{"a": ', r"t.jsonl:2: not JSON"),
        ("t.json", '[{"a": 1e999}]', r"row 1: a number that is not finite"),
        ("t.json", r'[{"a": "\ud800"}]', r"row 1: half of a surrogate pair"),
        ("t.jsonl", r'{"a": ["\udfff"]}', r"t.jsonl:1: half of a surrogate pair"),
        ("t.json", r'[{"\ud800": 1}]', r"row 1: half of a surrogate pair"),
        ("t.json", "[]", r"no record has a key"),
        ("t.jsonl", " \n", r"the file is empty"),
        ("t.xlsx.gz", "", r"excel is not read compressed \(unpack it\)"),
        ("t.json.zst", "no zstd", r"t.json.zst: cannot be read"),
    ],
)
def test_a_hostile_file_is_one_error(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        load(written(tmp_path, name, text))
    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_utf8_are_told_by_line(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b'{"a": 1}\n{"a": "\xff"}')
    with pytest.raises(DataError, match=r"t.jsonl:2: not UTF-8"):
        load(tmp_path / "t.jsonl")


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.json.gz"])
def test_a_bomb_is_stopped_while_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(whole, "MAX_BYTES", 4 << 20)
    path = tmp_path / name
    path.write_bytes(gzip.compress(b" " * (64 << 20), 9))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="unpacks to more than 4 MiB"):
        load(path)


def test_a_damaged_archive_is_one_error(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv.gz", "a\n1\n" * 1000)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"t.csv.gz: cannot be read"):
        load(path)


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_a_record_that_is_a_document_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(records, "LONGEST", 1000)
    row = json.dumps({"a": "x" * (3 << 20)})
    with pytest.raises(DataError, match=r"an item of more than|a record of more than"):
        load(written(tmp_path, name, f"[{row}]" if name == "t.json" else row))


def test_keys_that_are_values_are_too_many_columns(tmp_path: Path) -> None:
    rows = [{f"k{n}": n} for n in range(16_385)]
    with pytest.raises(DataError, match=r"16385 columns, more than 16384 \(are its keys values\?\)"):
        load(written(tmp_path, "t.json", json.dumps(rows)))
