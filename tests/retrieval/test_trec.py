"""Topics, judgments and runs: formats, round trips, and one clear line for whatever is wrong."""

from __future__ import annotations

import json
import re
import tempfile
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError
from dikast.optional import needs
from dikast.retrieval.retriever import Hit
from dikast.retrieval.trec import falling, read_qrels, read_run, read_topics, run_lines, write_run
from tests.packing import packed

names = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=6).filter(
    lambda name: name.split() == [name] and not name.startswith("\ufeff")
)
numbers = st.floats(-1e30, 1e30) | st.sampled_from([0.0, 1.0, -1.0, 5e-324])
rankings = st.lists(st.tuples(names, numbers), max_size=30, unique_by=lambda hit: hit[0]).map(
    lambda hits: sorted((Hit(*hit) for hit in hits), key=lambda hit: -hit.score)
)


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "topics"),
    [
        ("1\tfirst query\n2\tsecond\twith tab\n", {"1": "first query", "2": "second\twith tab"}),
        ('{"_id": "1", "text": "x", "metadata": {}}\n{"qid": 2, "query": "y"}\n', {"1": "x", "2": "y"}),
        ('1\t"quoted "" field"\n2\tplain "quote" here\n', {"1": 'quoted " field', "2": 'plain "quote" here'}),
        ('1\t"over\n\ntwo lines"\n2\tx\n', {"1": "over\n\ntwo lines", "2": "x"}),
        ('1\t"open quote\n2\tx\n', {"1": '"open quote', "2": "x"}),
        ('1\t"open quote at the end\n', {"1": '"open quote at the end'}),
    ],
)
def test_topics(content: str, topics: dict[str, str], tmp_path: Path) -> None:
    assert read_topics(write(tmp_path / "t", content)) == topics


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "the file holds no topic"),
        ("1 x\n", ":1: no tab"),
        ("1\tx\n1\ty\n", ":2: query id '1' comes twice"),
        ("\tx\n", ":1: query id '' is empty"),
        ("a b\tx\n", ":1: query id 'a b' is empty or holds white space"),
        ('{"id": "1"}\n', ":1: field 'text': missing"),
        ('{"text": "x"}\n', ":1: field 'id': missing"),
        ('{"id": "1", "text": ["x"]}\n', ":1: field 'text': missing or not text"),
        ('{"id"\n', ":1: not JSON"),
        ('1\t"x\nno tab\n2\ty\n', ":2: no tab"),
        ("1\t \n", ":1: query '1' has no text"),
        ('{"id": "q\\ud83d", "text": "x"}\n', ":1: query id 'q\\ud83d' is not valid Unicode"),
        ('{"id": true, "text": "x"}\n', ":1: query id is missing or no id: True"),
        ('{"id": 1.5, "text": "x"}\n', ":1: query id is missing or no id: 1.5"),
    ],
)
def test_wrong_topics(content: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_topics(write(tmp_path / "topics.tsv", content))
    assert told in str(error.value)
    assert "topics.tsv" in str(error.value)


ROWS = [{"qid": 7, "query": "a, b"}, {"qid": 8, "query": "c"}]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.json", "t.csv.gz", "t.json.zst"])
def test_topics_that_are_rows(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "t.parquet":
        needs("pyarrow.parquet").write_table(needs("pyarrow").Table.from_pylist(ROWS), path)
    else:
        data = json.dumps(ROWS).encode() if ".json" in name else b'qid,query\n7,"a, b"\n8,c\n'
        path.write_bytes(packed(data, path))
    assert read_topics(path) == {"7": "a, b", "8": "c"}


def test_topics_by_names_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "id\tn\tmy question\nx\t1\tfirst\ny\t2\tsecond\n")
    assert read_topics(path, {"query": "my question"}) == {"x": "first", "y": "second"}
    assert read_topics(path, {"query": "my question", "qid": "n"}) == {"1": "first", "2": "second"}
    with pytest.raises(DataError, match=r"t\.tsv: field 'question': no such column, wanted as 'query'"):
        read_topics(path, {"query": "question"})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("qid,query\n", "t.csv: the file holds no topic"),
        ("qid,query\n1,x\n1,y\n", "t.csv:3: field 'qid': query id '1' comes twice"),
        ("qid,query\n,x\n", "t.csv:2: field 'qid': query id '' is empty or holds white space"),
        ("qid,topic\n1,x\n", "t.csv:2: field 'text': missing (the row has: qid, topic)"),
    ],
)
def test_wrong_topics_in_rows(content: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(told)):
        read_topics(write(tmp_path / "t.csv", content))


@pytest.mark.parametrize(
    ("content", "qrels"),
    [
        ("q 0 d 1\nq Q0 e -1\nr 0 d 0\n", {"q": {"d": 1, "e": -1}, "r": {"d": 0}}),
        ("query-id\tcorpus-id\tscore\nq\td\t2\n", {"q": {"d": 2}}),
        ("q 0 d 1\nq 0 d 1\n", {"q": {"d": 1}}),
    ],
)
def test_qrels(content: str, qrels: dict[str, dict[str, int]], tmp_path: Path) -> None:
    assert read_qrels(write(tmp_path / "q", content)) == qrels


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "the file holds no judgment"),
        ("query-id\tcorpus-id\tscore\n", "the file holds no judgment"),
        ("q 0 d 1\nq 0 d 1 extra\n", ":2: 5 fields, not 4"),
        ("q d\n", ":1: 2 fields, not 4"),
        ("q 0 d high\n", ":1: field 'grade': 'high' is not a whole number"),
        ("q 0 d 1.5\n", ":1: field 'grade': '1.5' is not a whole number"),
        ("q 0 d 1\nq 0 d 2\n", ":2: document 'd' has two grades for query 'q': 1 and 2"),
    ],
)
def test_wrong_qrels(content: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_qrels(write(tmp_path / "qrels.txt", content))
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "the file holds no ranking"),
        ("q Q0 d 1 2.0\n", ":1: 5 fields, not 6"),
        ("q Q0 d 1 2.0 t\nq Q0 d 2 1.0 t\n", ":2: document 'd' comes twice for query 'q'"),
        ("q Q0 d 1 high t\n", ":1: field 'score': 'high' is not a finite number"),
        ("q Q0 d 1 nan t\n", ":1: field 'score': 'nan' is not a finite number"),
        ("q Q0 d 1 -inf t\n", ":1: field 'score': '-inf' is not a finite number"),
        ("q Q0 d 1 1e39 t\n", ":1: field 'score': '1e39' is not a finite number"),
    ],
)
def test_wrong_runs(content: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_run(write(tmp_path / "x.run", content))
    assert told in str(error.value)


def test_a_run_is_read_in_the_order_that_trec_eval_gives_it(tmp_path: Path) -> None:
    """By score, whatever the ranks say; ties, as 32-bit floats, by document id descending."""
    lines = ["q Q0 a 1 1.00000000001 t", "q Q0 b 2 3.0 t", "q Q0 c 3 1.0 t", "q Q0 d 4 2.0 t"]
    run = read_run(write(tmp_path / "x.run", "\n".join(lines)))
    assert [hit.docid for hit in run["q"]] == ["b", "d", "c", "a"]


@given(st.dictionaries(names, rankings.filter(bool), min_size=1, max_size=4), names)
def test_a_written_run_is_read_in_its_order(run: dict[str, list[Hit]], tag: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.run"
        write_run(path, run, tag)
        again = read_run(path)
    assert {qid: [hit.docid for hit in hits] for qid, hits in again.items()} == {
        qid: [hit.docid for hit in hits] for qid, hits in run.items()
    }


@given(rankings)
def test_written_scores_fall_strictly_even_as_32_bit_floats(hits: list[Hit]) -> None:
    scores = [np.float32(line.split()[4]) for line in run_lines({"q": hits}, "t")]
    assert all(first > second for first, second in pairwise(scores))


@given(
    st.lists(st.sampled_from([2.0, 1.0, 1.0000000001, float(np.float32(0.1)), 1 / 3, 0.0, 1e-45, -3e38]), max_size=20)
)
def test_scores_are_moved_one_after_another(scores: list[float]) -> None:
    """What `falling` says, one score at a time."""
    expected: list[str] = []
    last = np.float32(np.inf)
    for score in scores:
        below = np.nextafter(last, np.float32(-np.inf))
        kept = np.float32(score) <= below
        last = np.float32(score) if kept else below
        expected.append(repr(score) if kept and float(last) != score else str(last))
    assert falling(scores) == expected


def test_scores_that_fall_are_written_as_they_are() -> None:
    assert list(run_lines({"q": [Hit("b", 2.5), Hit("a", 1.25)]}, "t")) == ["q Q0 b 1 2.5 t", "q Q0 a 2 1.25 t"]


@pytest.mark.parametrize(("qid", "docid", "tag"), [("a b", "d", "t"), ("q", "", "t"), ("q", "d", "my run")])
def test_names_that_a_run_cannot_hold(qid: str, docid: str, tag: str) -> None:
    with pytest.raises(DataError, match="a TREC run cannot hold it"):
        list(run_lines({qid: [Hit(docid, 1.0)]}, tag))


@pytest.mark.parametrize(
    ("run", "tag"),
    [
        ({"q": [Hit("d", 1.0)]}, "my tag"),
        ({"q": [Hit("d", 1.0), Hit("e", float("nan"))]}, "t"),
        ({"q": [Hit("d", float("inf"))]}, "t"),
        ({"q": [Hit("d", -1e39)]}, "t"),
        ({"q": [Hit("d", 2.0), Hit("d\ud83d", 1.0)]}, "t"),
        ({"q\udcff": [Hit("d", 1.0)]}, "t"),
        ({"q": [Hit("d", 1.0)]}, "\ud800"),
    ],
)
def test_a_run_that_cannot_be_written_leaves_the_older_file(
    run: dict[str, list[Hit]], tag: str, tmp_path: Path
) -> None:
    """Reported of fuse: a `nan` in the file, and a file emptied by a tag of two words."""
    path = write(tmp_path / "x.run", "older\n")
    with pytest.raises(DataError) as error:
        write_run(path, {"first": [Hit("d", 1.0)], **run}, tag)
    assert "\n" not in str(error.value)
    assert path.read_text() == "older\n"
    assert [each.name for each in tmp_path.iterdir()] == ["x.run"]


def test_where_a_run_cannot_go(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "x.run", tmp_path, write(tmp_path / "file", "x") / "x.run"):
        with pytest.raises(DataError, match=r"there is no folder|is a folder"):
            write_run(path, {"q": [Hit("d", 1.0)]}, "t")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = write(tmp_path / "real.run", "older\n")
    (tmp_path / "link.run").symlink_to(real)
    write_run(tmp_path / "link.run", {"q": [Hit("d", 1.0)]}, "t")
    assert (tmp_path / "link.run").is_symlink()
    assert real.read_text() == "q Q0 d 1 1.0 t\n"


def columns(path: Path, qids: object, queries: object) -> Path:
    needs("pyarrow.parquet").write_table(needs("pyarrow").table({"qid": qids, "query": queries}), path)
    return path


@pytest.mark.parametrize(
    ("qids", "queries", "told"),
    [
        ([1.0, 2.0], ["cold", None], "row 2: field 'query': not text: None"),
        ([1.0], [2.0], "row 1: field 'query': not text: 2.0"),
        ([float("nan")], ["cold"], "row 1: field 'qid': query id is missing or no id: nan"),
        ([None, "a"], ["cold", "x"], "row 1: field 'qid': query id is missing or no id: None"),
        ([1.5], ["cold"], "row 1: field 'qid': query id is missing or no id: 1.5"),
        ([2.0**60], ["cold"], "row 1: field 'qid': query id is missing or no id"),
        ([True], ["cold"], "row 1: field 'qid': query id is missing or no id: True"),
        (["q5"], [" "], "row 1: field 'qid': query 'q5' has no text"),
    ],
)
def test_topics_out_of_a_table_are_checked_as_those_of_a_file(
    qids: list[object], queries: list[object], told: str, tmp_path: Path
) -> None:
    """`genqr/` of the field's inputs: a query lost, "None" asked, "1.0" for 1."""
    with pytest.raises(DataError, match=re.escape(f"t.parquet: {told}")):
        read_topics(columns(tmp_path / "t.parquet", qids, queries))


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    for qid, text in ((1.0, "1"), (2, "2"), (np.float32(4), "4"), (Decimal(5), "5"), (" 7 ", "7"), (2**60, str(2**60))):
        assert read_topics(columns(tmp_path / "t.parquet", [qid], ["x"])) == {text: "x"}
    assert read_topics(write(tmp_path / "t.csv", "qid,query\n6.0,x\n001,y\n1e3,z\n")) == {
        "6.0": "x",
        "001": "y",
        "1e3": "z",
    }
