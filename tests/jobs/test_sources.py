from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dikast.errors import DataError, UsageError
from dikast.jobs.sources import parse_columns, read_rows


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", '\ufeffq,id\n"cars, red",1\n"two\nlines",2\n'),
        ("a.tsv", 'q\tid\ncars, red\t1\n"two\nlines"\t2\n'),
        ("a.jsonl", '{"q": "cars, red", "id": "1"}\n\n{"q": "two\\nlines", "id": "2"}\n'),
    ],
)
def test_the_forms_that_users_have(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found = list(read_rows(path, {"query": "q"}))
    assert found == [{"query": "cars, red", "id": "1"}, {"query": "two\nlines", "id": "2"}]


def test_parquet(tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"q": ["a", "b"], "n": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    assert list(read_rows(tmp_path / "a.parquet", {"query": "q"})) == [{"query": "a", "n": 1}, {"query": "b", "n": 2}]
    (tmp_path / "b.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"b\.parquet.*Parquet"):
        list(read_rows(tmp_path / "b.parquet"))


CELLS = st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, min_size=1, max_size=5))
def test_json_lines_round_trip(tmp_path: Path, cells: list[str]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"q": cell}) + "\n" for cell in cells), encoding="utf-8")
    assert [row["q"] for row in read_rows(path)] == cells


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.csv", b"q,id\nx,1,2\n", r"a\.csv:2.*2"),
        ("a.csv", b"q,id\nx\n", r"a\.csv:2"),
        ("a.csv", b"q\n\xff\n", "UTF-8"),
        ("a.csv", b'q\n"open\n', r"a\.csv"),
        ("a.jsonl", b'{"q": 1}\n{"q"\n', r"a\.jsonl:2: not JSON"),
        ("a.jsonl", b"[1]\n", r"a\.jsonl:1: not a JSON object"),
        ("a.csv", b"id\n1\n", r"a\.csv:2: field 'q'.*the file has: id"),
    ],
)
def test_broken_files_are_told(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=told):
        list(read_rows(tmp_path / name, {"query": "q"}))


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"known: \.csv"):
        list(read_rows(tmp_path / "a.docx"))
    with pytest.raises(DataError, match="no such file"):
        list(read_rows(tmp_path / "a.csv"))


def test_columns() -> None:
    assert parse_columns("query=question, qid=id") == {"query": "question", "qid": "id"}
    assert parse_columns(None) == {}
    for wrong in ("query", "=x", "a=b,c"):
        with pytest.raises(UsageError, match="ours=theirs"):
            parse_columns(wrong)
