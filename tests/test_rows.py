"""Every form in which users have rows: the same rows out of each, and each fault told in one line."""

from __future__ import annotations

import csv
import io
import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dikast.errors import DataError, DikastError, MissingExtraError, UsageError
from dikast.optional import needs
from dikast.rows import FORMATS, NAMES_SHOWN, parse_columns, read_rows
from tests.packing import packed

Values = dict[str, str]
ROWS: list[Values] = [{"my q": "cars, red", "id": "1"}, {"my q": 'two\nlines and a "quote"', "id": "2"}]
IN_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def as_table(rows: list[Values], delimiter: str, names: list[str] | None = None) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names or list(rows[0]), delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(rows: list[Values], names: list[str] | None = None) -> bytes:
    pa, file = needs("pyarrow"), io.BytesIO()
    columns = {name: [row[name] for row in rows] for name in names or rows[0]}
    schema = pa.schema([(name, pa.string()) for name in columns])
    needs("pyarrow.parquet").write_table(pa.table(columns, schema=schema), file)
    return file.getvalue()


def as_lines(rows: list[Values]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


WRITERS: dict[str, Callable[[list[Values]], bytes]] = {
    ".csv": lambda rows: as_table(rows, ","),
    ".tsv": lambda rows: as_table(rows, "\t"),
    ".jsonl": as_lines,
    ".ndjson": as_lines,
    ".json": lambda rows: json.dumps(rows, indent=1).encode(),
    ".parquet": as_parquet,
}


def write(folder: Path, suffix: str, data: bytes, compression: str = "") -> Path:
    path = folder / f"a{suffix}{compression}"
    path.write_bytes(packed(data, path))
    return path


def values(path: Path, columns: dict[str, str] | None = None, **options: Any) -> list[dict[str, object]]:
    return [dict(row.values) for row in read_rows(path, columns, **options)]


def test_each_form_has_a_writer_here() -> None:
    assert WRITERS.keys() == FORMATS.keys()


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_rows_out_of_every_form(tmp_path: Path, suffix: str, compression: str) -> None:
    path = write(tmp_path, suffix, WRITERS[suffix](ROWS), compression)
    assert values(path) == ROWS
    named = list(read_rows(path, {"query": "my q"}))
    assert [dict(row.values) for row in named] == [{"query": row["my q"], "id": row["id"]} for row in ROWS]
    assert [row.place for row in named] == [1, 2]


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMATS if suffix != ".parquet"])
def test_a_byte_order_mark_is_not_text(tmp_path: Path, suffix: str) -> None:
    assert values(write(tmp_path, suffix, b"\xef\xbb\xbf" + WRITERS[suffix](ROWS))) == ROWS


CELLS = st.text(st.characters(codec="utf-8"), min_size=1)
TABLES = st.lists(st.fixed_dictionaries({"q": CELLS, "other name": CELLS}), min_size=1, max_size=5)


@pytest.mark.parametrize("suffix", FORMATS)
@IN_ONE_FOLDER
@given(rows=TABLES, compression=st.sampled_from(["", ".gz", ".zst"]))
def test_round_trips(tmp_path: Path, suffix: str, rows: list[Values], compression: str) -> None:
    path = write(tmp_path, suffix, WRITERS[suffix](rows), compression)
    assert values(path) == rows
    assert values(path, {"o": "other name"}) == [{"q": row["q"], "o": row["other name"]} for row in rows]


@IN_ONE_FOLDER
@given(st.binary(max_size=60), st.sampled_from([*FORMATS, ".csv.gz", ".json.zst", ".parquet.gz"]))
def test_any_bytes_are_read_or_refused_with_the_files_name(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(data)
    told = path.name
    try:
        list(read_rows(path, {"q": "a"}))
    except DikastError as error:
        told = str(error)
    assert path.name in told
    assert "\n" not in told


TEXT = [".csv", ".tsv", ".jsonl", ".ndjson", ".json"]
OBJECTS = [".jsonl", ".ndjson", ".json"]
SEPARATED = {".csv": ",", ".tsv": "\t"}


def faults() -> list[tuple[str, bytes, str]]:
    """Suffix, data, what is told."""
    found = [(suffix, b"", r": the file is empty") for suffix in FORMATS]
    found += [(suffix, b"\n\n", r": the file is empty") for suffix in TEXT]
    found += [(suffix, b"\xef\xbb\xbf{}\n{\xff", r":2: byte 2 of the line \(0xff\) is not UTF-8") for suffix in TEXT]
    for suffix, mark in SEPARATED.items():
        rows = f'a{mark}b\n"1\n1"{mark}2\n\n'
        found += [
            (suffix, f"{rows}3\n".encode(), r":5: 1 cells under 2 column names"),
            (suffix, f"{rows}3{mark}4{mark}5\n".encode(), r":5: 3 cells under 2 column names"),
            (suffix, f'{rows}3{mark}"4'.encode(), r":5: not readable: unexpected end of data \(a cell with a quote"),
            (suffix, f'{rows}3{mark}"4"5\n'.encode(), r":5: not readable: "),
            (suffix, f"a{mark}b{mark} a\n".encode(), r":1: two columns have the name 'a'"),
        ]
    for suffix in OBJECTS:
        found += [
            (suffix, b'{"a": 1}\n\n{"a"\n', r":3: not JSON: .* at column 5"),
            (suffix, b'{"a": 1}\n[1]\n', r":2: not a JSON object but a list"),
            (suffix, b'{"a": ' + b"[" * 100_000, r":1: not JSON"),
            (suffix, b'{"a": ' + b"1" * 5_000 + b"}", r":1: not JSON"),
        ]
    found += [
        (".json", b'[{"a": 1},\n{"a": \n}]', r":3: not JSON: Expecting value at column 1"),
        (".json", b'[{"a": 1},\n{"a": "x', r":2: not JSON: Unterminated string starting at column 7"),
        (".json", b'[{"a": 1},\n', r":2: not JSON: Expecting value"),
        (".json", b'[{"a": 1}\n{"a": 2}]', r":2: not JSON: expecting '\]' at column 1"),
        (".json", b'[{"a": 1}]\n]', r":2: not JSON: text after the array at column 1"),
        (".json", b'[{"a": 1}, "x"]', r": row 2: not a JSON object but text"),
        (".json", b"[" * 100_000, r":1: not JSON"),
        (".parquet", b"PAR1 not really", r": not a readable Parquet file: "),
        (".parquet", as_parquet(ROWS)[:-9] + b"x" * 9, r": not a readable Parquet file: "),
    ]
    return found


@pytest.mark.parametrize(("suffix", "data", "told"), faults())
@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
def test_each_fault_is_told_in_one_line(tmp_path: Path, suffix: str, data: bytes, told: str, compression: str) -> None:
    path = write(tmp_path, suffix, data, compression)
    empty_inside = suffix == ".parquet" and compression and not data
    wanted = ": not a readable Parquet file: .*0 bytes" if empty_inside else told
    with pytest.raises(DataError, match=rf"a\{suffix}{compression}{wanted}") as error:
        list(read_rows(path))
    assert "\n" not in str(error.value)


def test_parquet_names_are_told_apart(tmp_path: Path) -> None:
    pa, path = needs("pyarrow"), tmp_path / "a.parquet"
    needs("pyarrow.parquet").write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(DataError, match=r"a\.parquet: two columns have the name 'a'"):
        list(read_rows(path))


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_mapped_column_that_is_not_there_is_refused_before_the_first_row(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, suffix, WRITERS[suffix](ROWS))
    with pytest.raises(DataError, match=r": field 'topic': no such column, wanted as 'query' \(the file has: my q, id"):
        read_rows(path, {"id": "id", "query": "topic"})


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_so_it_is_where_there_is_a_header_and_no_row(tmp_path: Path, suffix: str) -> None:
    names = ["q", "id"]
    data = as_parquet([], names) if suffix == ".parquet" else as_table([], SEPARATED[suffix], names)
    path = write(tmp_path, suffix, data)
    assert values(path) == values(path, {"query": "q"}) == []
    with pytest.raises(DataError, match=r"no such column, wanted as 'query' \(the file has: q, id\)"):
        read_rows(path, {"query": "topic"})


@pytest.mark.parametrize("suffix", OBJECTS)
def test_an_object_may_lack_what_another_has(tmp_path: Path, suffix: str) -> None:
    rows = [{"q": "a"}, {"q": "b", "better": "1"}]
    path = write(tmp_path, suffix, WRITERS[suffix](rows))
    assert values(path, {"gold": "better"}) == [{"q": "a"}, {"q": "b", "gold": "1"}]
    assert values(write(tmp_path, ".json", b"[]"), {"gold": "better"}) == []


def test_mapping(tmp_path: Path) -> None:
    path = write(tmp_path, ".jsonl", b'{"id": "own", "number": "7", "q": "x"}\n')
    assert values(path, {"id": "number"}) == [{"id": "7", "q": "x"}]
    late = write(tmp_path, ".ndjson", b'{"number": "7", "id": "own"}\n')
    assert values(late, {"id": "number"}) == [{"id": "7"}]
    assert values(path, {"id": "q", "query": "q"}) == [{"id": "x", "query": "x", "number": "7"}]
    assert values(path, {"id": "number", "number": "id"}) == [{"number": "own", "id": "7", "q": "x"}]


def test_many_columns_are_not_all_listed(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", ",".join(f"c{n}" for n in range(100)).encode() + b"\n")
    with pytest.raises(DataError, match=rf"c{NAMES_SHOWN - 1}, \.\.\.\)"):
        read_rows(path, {"q": "absent"})


def test_white_space_around_a_name_in_a_header_is_not_part_of_it(tmp_path: Path) -> None:
    assert values(write(tmp_path, ".csv", b"id, my q \n1, x\n"), {"query": "my q"}) == [{"id": "1", "query": " x"}]


def test_a_cell_may_hold_a_document(tmp_path: Path) -> None:
    text = "x" * 200_000
    assert values(write(tmp_path, ".csv", f"q\n{text}\n".encode())) == [{"q": text}]


def test_unquoted_tsv(tmp_path: Path) -> None:
    path = write(tmp_path, ".tsv", b'q\tid\n"open\t1\na "b"\t"2"\n')
    assert values(path, {"number": "id"}, quoted=False) == [
        {"q": '"open', "number": "1"},
        {"q": 'a "b"', "number": '"2"'},
    ]
    with pytest.raises(DataError, match=r"a\.tsv:2: not readable"):
        values(path)
    assert values(write(tmp_path, ".csv", b'q\n"a"\n'), quoted=False) == [{"q": "a"}]


def test_places_and_lines(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", b'\nq\n"a\nb"\n\nc\n')
    assert [(row.place, row.line, row.where) for row in read_rows(path)] == [(1, 3, "line 3"), (2, 6, "line 6")]
    path = write(tmp_path, ".jsonl", '{"q": "1\u2028\x852"}\r\n\n{"q": "3"}\n'.encode())
    assert [(row.place, row.line, row.text("q")) for row in read_rows(path)] == [(1, 1, "1\u2028\x852"), (2, 3, "3")]
    path = write(tmp_path, ".json", b'[{"q": 1},\n\n{"q": 2}]')
    assert [(row.place, row.line, row.where) for row in read_rows(path)] == [(1, None, "row 1"), (2, None, "row 2")]


def test_json_lines_may_be_called_json(tmp_path: Path) -> None:
    path = write(tmp_path, ".json", b'\n {"q": 1}\n{"q": 2}\n')
    assert [(row.line, row.values) for row in read_rows(path)] == [(2, {"q": 1}), (3, {"q": 2})]


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    for name in ("a.docx", "a.gz", "a.docx.zst"):
        with pytest.raises(UsageError, match=r"known: \.csv, .*; these with \.gz or \.zst"):
            read_rows(tmp_path / name)
    with pytest.raises(DataError, match=r"a\.csv: no such file"):
        read_rows(tmp_path / "a.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv: cannot be read: Is a directory"):
        list(read_rows(tmp_path / "folder.csv"))


@pytest.mark.parametrize("name", ["a.csv.zst", "a.parquet"])
def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"'pyarrow' is not installed \(pip install 'dikast\[data\]'\)"):
        list(read_rows(tmp_path / name))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
def test_memory_stays_flat(tmp_path: Path, suffix: str, compression: str) -> None:
    """Counts what Python allocates; pyarrow's own pages are not seen."""
    rows = [{"q": f"{number} " * 200, "id": str(number)} for number in range(20_000)]
    path = write(tmp_path, suffix, WRITERS[suffix](rows), compression)
    size = sum(len(row["q"]) for row in rows)
    del rows
    tracemalloc.start()
    try:
        assert sum(len(row.text("q")) for row in read_rows(path)) == size
        assert tracemalloc.get_traced_memory()[1] < size / 3
    finally:
        tracemalloc.stop()


def test_columns() -> None:
    assert parse_columns("query=question, qid=my id") == {"query": "question", "qid": "my id"}
    assert parse_columns('"query=a, b",qid=x=y') == {"query": "a, b", "qid": "x=y"}
    assert parse_columns(None) == parse_columns("") == {}
    for wrong in ("query", "=x", "a=b,c", "a=b,"):
        with pytest.raises(UsageError, match="ours=theirs"):
            parse_columns(wrong)
    with pytest.raises(UsageError, match="'a' is named twice"):
        parse_columns("a=b,a=c")


def test_a_cell_that_is_too_large_is_not_called_badly_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dikast.rows.LARGEST_CELL", 50)
    (tmp_path / "a.csv").write_text("a\n" + "x" * 200 + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="field larger") as told:
        list(read_rows(tmp_path / "a.csv"))
    assert "characters at most" in told.value.hint
