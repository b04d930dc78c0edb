"""Question files: the releases' layouts, this project's, and a user's own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.files import suffix_of
from dikast.optional import needs
from dikast.tables.questions import Gold, Question, Shape, Sql, read_questions
from tests.packing import packed


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def one(path: Path, shape: Shape = "own", **options: Any) -> Question:
    (question,) = read_questions(path, shape, **options)
    return question


def test_wikitablequestions_as_released(tmp_path: Path):
    header = "id\tutterance\tcontext\ttargetValue"
    path = write(tmp_path, "t.tsv", f'{header}\nnt-0\twhat is "x"?\tcsv/204-csv/149.csv\ta\\pb|line\\nend|c\\\\d\n')
    question = one(path, "wtq")
    assert question.target == ("a|b", "line\nend", "c\\d")
    assert (question.text, question.table, question.canonical) == ('what is "x"?', "csv/204-csv/149.csv", None)
    path = write(tmp_path, "u.tsv", f"{header}\ttargetCanon\nnu-1\tq\tt\t100,000|b\t100000.0|b\n")
    assert one(path, "wtq").canonical == ("100000.0", "b")
    path = write(tmp_path, "v.tsv", f"{header}\ttargetCanon\nnu-1\tq\tt\ta|b\ta\n")
    with pytest.raises(DataError, match=r"v\.tsv:2: .*1 canonical forms for 2 items"):
        one(path, "wtq")


def test_wikisql_as_released(tmp_path: Path):
    sql = {"sel": 3, "agg": 3, "conds": [[0, 0, "Elgin"], [2, 1, 5.5]]}
    path = write(tmp_path, "t.jsonl", json.dumps({"phase": 1, "question": "q", "table_id": "1-2-3", "sql": sql}) + "\n")
    question = one(path, "wikisql")
    assert question.sql == Sql(3, "COUNT", ((0, "=", "Elgin"), (2, ">", 5.5)))
    assert (question.id, question.table, question.target) == ("1", "1-2-3", ())


@pytest.mark.parametrize(
    "sql",
    [
        None,
        {},
        {"select": 0, "agg": "MEDIAN", "where": []},
        {"select": -1, "agg": "", "where": []},
        {"select": 0, "agg": "", "where": [[0, "~", 1]]},
        {"select": 0, "agg": "", "where": [[0, "="]]},
        {"select": 0, "agg": "", "where": [[0, "=", None]]},
        {"sel": 0, "agg": 9, "conds": []},
        {"sel": 0, "agg": -1, "conds": []},
        {"sel": 0, "agg": 0, "conds": [[0, 3, "x"]]},
    ],
)
def test_no_wikisql_query(tmp_path: Path, sql: object):
    path = write(tmp_path, "t.jsonl", json.dumps({"question": "q", "table": "t", "sql": sql}))
    with pytest.raises(DataError, match=r"t\.jsonl:1: field 'sql'"):
        one(path, "wikisql")


def test_sqa_as_released(tmp_path: Path):
    header = "id\tannotator\tposition\tquestion\ttable_file\tanswer_coordinates\tanswer_text"
    cells = "['(5, 2)', '(6, 2)']\t['19,348', \"it's\"]"
    question = one(write(tmp_path, "t.tsv", f"{header}\nnt-1\t0\t2\tq\ttable_csv/203_1.csv\t{cells}\n"), "sqa")
    assert question.coordinates == {(5, 2), (6, 2)}
    assert question.target == ("19,348", "it's")
    assert (question.id, question.sequence, question.position) == ("nt-1/0/2", "nt-1/0", 2)
    for bad in ("['(5; 2)']\t['a']", "['(5, 2)']\tfive", "['(5, 2)']\t7"):
        with pytest.raises(DataError, match=r"t\.tsv:2: field 'answer_"):
            one(write(tmp_path, "t.tsv", f"{header}\nnt-1\t0\t2\tq\tt.csv\t{bad}\n"), "sqa")


def test_tabfact_as_released(tmp_path: Path):
    path = write(tmp_path, "t.json", json.dumps({"2-1.csv": [["a", "b"], [1, 0], "caption"]}))
    assert [(q.id, q.text, q.label) for q in read_questions(path, "tabfact")] == [
        ("2-1.csv-0", "a", True),
        ("2-1.csv-1", "b", False),
    ]
    for bad in ("[]", '{"t": 3}', '{"t": [["a"], [1, 0]]}', '{"t": [["a"], [2]]}'):
        with pytest.raises(DataError, match=r"t\.json"):
            list(read_questions(write(tmp_path, "t.json", bad), "tabfact"))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_users_own_file(tmp_path: Path, suffix: str):
    rows = [{"q": "how many?", "sheet": "t1", "answer": "[17]", "owner": "Ada"}]
    path = tmp_path / f"t.{suffix}"
    if suffix == "jsonl":
        path.write_text(json.dumps(rows[0]) + "\n\n")
    elif suffix == "parquet":
        needs("pyarrow.parquet").write_table(needs("pyarrow").Table.from_pylist(rows), path)
    else:
        mark = "," if suffix == "csv" else "\t"
        path.write_text(f"{mark.join(rows[0])}\n{mark.join(rows[0].values())}\n")
    question = one(path, columns={"question": "q", "table": "sheet", "target": "answer"})
    assert (question.text, question.table, question.target) == ("how many?", "t1", ("[17]",))
    assert question.id == "1"
    assert question.extra == {"owner": "Ada"}


@pytest.mark.parametrize("name", ["t.json", "t.json.gz", "t.jsonl.zst", "t.csv.gz", "t.ndjson"])
def test_compressed_files_and_arrays(tmp_path: Path, name: str):
    row = {"q": "how many?", "table": "t1", "answer": "17"}
    forms = {".json": json.dumps([row]), ".csv": "q,table,answer\nhow many?,t1,17\n"}
    path, data = tmp_path / name, forms.get(suffix_of(Path(name)), json.dumps(row)).encode()
    path.write_bytes(packed(data, path))
    assert one(path, columns={"question": "q"}) == Question("1", "how many?", "t1", ("17",), gold=Gold("17"))


def test_null_is_an_answer_where_a_field_can_be_left_out(tmp_path: Path):
    rows = [{"question": "q", "table": "t", "answer": None}]
    assert one(write(tmp_path, "t.json", json.dumps(rows))).gold == Gold(None)
    schema = needs("pyarrow").schema([(name, needs("pyarrow").string()) for name in rows[0]])
    needs("pyarrow.parquet").write_table(needs("pyarrow").Table.from_pylist(rows, schema), tmp_path / "t.parquet")
    assert one(tmp_path / "t.parquet").gold is None


def test_tabfact_as_released_and_compressed(tmp_path: Path):
    path = tmp_path / "t.json.gz"
    path.write_bytes(gzip.compress(b'{"2-1.csv": [["a"], [1], "caption"]}'))
    assert one(path, "tabfact").id == "2-1.csv-0"


def test_quotes_in_tsv_are_quotes_in_the_releases_alone(tmp_path: Path):
    released = write(tmp_path, "t.tsv", 'id\tutterance\tcontext\ttargetValue\nnt-0\t"a" or "b"\tt.csv\t"x\n')
    assert (one(released, "wtq").text, one(released, "wtq").target) == ('"a" or "b"', ('"x',))
    own = write(tmp_path, "o.tsv", 'question\ttable\n"a\tb"\tt\n')
    assert one(own).text == "a\tb"


def test_an_own_answer_needs_no_mapping_and_a_wrong_one_is_told(tmp_path: Path):
    path = write(tmp_path, "t.csv", "question,table,answer\nhow many?,t1,17\n")
    assert (one(path).target, one(path).extra) == (("17",), {})
    for columns in ({"target": "gold"}, {"id": "number"}):
        with pytest.raises(DataError, match=rf"t\.csv: field '{next(iter(columns.values()))}': no such column"):
            list(read_questions(path, columns=columns))
    some = write(tmp_path, "t.jsonl", '{"question": "q", "table": "t", "gold": 1}\n{"question": "p", "table": "t"}\n')
    assert [found.target for found in read_questions(some, columns={"target": "gold"})] == [("1",), ()]


def test_a_gold_querys_cell_is_in_no_message(tmp_path: Path):
    for conditions in ([[0, 0, ["secretann"]]], [["secretann", 0, 1]]):
        row = {"question": "q", "table_id": "t", "sql": {"sel": 0, "agg": 0, "conds": conditions}}
        with pytest.raises(DataError, match="not a WikiSQL query") as told:
            one(write(tmp_path, "t.jsonl", json.dumps(row)), "wikisql")
        assert "secretann" not in str(told.value)


@pytest.mark.parametrize("name", ["answer", "target"])
def test_own_answers_by_either_name(tmp_path: Path, name: str):
    row = {"question": "q", "table": "t", name: "17"}
    assert one(write(tmp_path, "t.jsonl", json.dumps(row))).target == ("17",)
    mapped = {"question": "q", "table": "t", "gold": "17"}
    assert one(write(tmp_path, "m.jsonl", json.dumps(mapped)), columns={name: "gold"}).target == ("17",)
    both = one(write(tmp_path, "b.jsonl", json.dumps({**row, "target": "18", "answer": "said"})))
    assert (both.target, both.extra) == (("18",), {"answer": "said"})


def test_own_targets_may_be_lists(tmp_path: Path):
    row = {"id": 7, "question": "q", "table": "t", "target": ["a", 2]}
    question = one(write(tmp_path, "t.jsonl", json.dumps(row)))
    assert (question.id, question.target) == ("7", ("a", "2"))
    assert one(write(tmp_path, "t.jsonl", json.dumps({**row, "target": None}))).target == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.jsonl", '{"question": "q"}', r"t\.jsonl:1: field 'table': missing \(the row has question\)"),
        ("t.jsonl", '{"question": "", "table": "t"}', r"t\.jsonl:1: field 'question': text is needed"),
        ("t.jsonl", '{"question": ["q"], "table": "t"}', r"field 'question': text is needed"),
        ("t.jsonl", '{"question": "q",\n', r"t\.jsonl:1: not JSON"),
        ("t.jsonl", "[1]", r"t\.jsonl:1: not a JSON object"),
        ("t.jsonl", "[" * 100_000, r"t\.jsonl:1: not JSON"),
        ("t.csv", "", r"t\.csv: the file is empty"),
        ("t.csv", "question,table\nq\n", r"t\.csv:2: 1 cells under 2 column names"),
        ("t.csv", 'question,table\n"q"x,t\n', r"t\.csv:2: not readable"),
        ("t.parquet", "x", r"t\.parquet: not a readable Parquet file"),
    ],
)
def test_broken_rows_name_their_place(tmp_path: Path, name: str, text: str, message: str):
    with pytest.raises(DataError, match=message):
        list(read_questions(write(tmp_path, name, text)))


def test_wrong_arguments(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        list(read_questions(tmp_path / "absent.jsonl"))
    with pytest.raises(DataError, match="no such file"):
        list(read_questions(tmp_path / "absent.json", "tabfact"))
    with pytest.raises(UsageError, match=r"cannot read rows from a '\.docx' file"):
        list(read_questions(tmp_path / "t.docx"))
    with pytest.raises(UsageError, match="cannot map reply"):
        list(read_questions(tmp_path / "t.csv", columns={"reply": "a"}))
    shape: Any = "cosql"
    with pytest.raises(UsageError, match="has the shape 'cosql'"):
        list(read_questions(tmp_path / "t.csv", shape))
    latin = tmp_path / "t.csv"
    latin.write_bytes("question,table\nZoë,t\n".encode("cp1252"))
    with pytest.raises(DataError, match="not UTF-8"):
        list(read_questions(latin))
