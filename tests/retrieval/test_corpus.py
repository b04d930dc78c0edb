"""Reading collections: the formats, and one clear line for whatever is wrong with a file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError
from dikast.records import Document
from dikast.retrieval.corpus import read_corpus

TREC = """
<DOC>
<DOCNO> FT-1 </DOCNO>
<DATE>1992</DATE><PROFILE>left out</PROFILE>
<HEADLINE>A &amp; B</HEADLINE>
<TEXT>
two <b>lines</b>
</TEXT>
</DOC>
<doc><docno>2</docno>plain
text</doc>
"""


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", '{"id": "1", "contents": "x"}\n\n{"id": 2, "contents": "y"}\n', [("1", "x"), ("2", "y")]),
        ("a.jsonl.gz", '\ufeff{"_id": "1", "title": "T", "text": "x", "metadata": {}}\r\n', [("1", "T x")]),
        ("a.jsonl", '{"_id": "1", "title": "", "text": "x"}', [("1", "x")]),
        ("a.jsonl", '{"id": "1", "contents": "x", "title": "not twice"}', [("1", "x")]),
        ("a.json", '[{"id": "1", "contents": "x"},\n {"id": "2", "contents": "y"}]', [("1", "x"), ("2", "y")]),
        ("a.json", '{\n "id": "1",\n "contents": "x"\n}', [("1", "x")]),
        ("a.json", '{"id": "1", "contents": "x"}\n{"id": "2", "contents": "y"}', [("1", "x"), ("2", "y")]),
        ("a.tsv", "1\tx\ty\n{2\t[z\n", [("1", "x\ty"), ("{2", "[z")]),
        ("a.txt.gz", "1\tx\n2\t\n", [("1", "x"), ("2", "")]),
        ("a.trec", TREC, [("FT-1", "1992\nA & B\n\ntwo  lines"), ("2", "plain\ntext")]),
    ],
)
def test_formats(name: str, content: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    assert list(read_corpus(write(tmp_path / name, content))) == [Document(*each) for each in expected]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", "", "holds no document"),
        ("a.jsonl", "\n \n", "holds no document"),
        (
            "a.jsonl",
            '{"id": "1", "contents": "x"}\n{"id": "1", "contents": "y"}',
            "a.jsonl:2: document id '1' comes twice",
        ),
        ("a.jsonl", '{"id": "1", "contents": "x"}\n{"id": "2", "contents', "a.jsonl:2: not JSON"),
        ("a.jsonl", '{"id": "1"}', "a.jsonl:1: field 'contents': missing"),
        ("a.jsonl", '{"contents": "x"}', "a.jsonl:1: field 'id': missing"),
        ("a.jsonl", '{"id": "1", "contents": null}', "a.jsonl:1: field 'contents': not a string: None"),
        ("a.jsonl", '{"id": "a b", "contents": "x"}', "a.jsonl:1: document id 'a b' is empty or holds white space"),
        ("a.jsonl", '{"id": "1", "contents": "x"}\n["2"]', "a.jsonl:2: a document is a JSON object"),
        ("a.jsonl", "{" * 100_000, "a.jsonl:1: not JSON"),
        (
            "a.jsonl",
            b'{"id": "1", "contents": "x"}\n{"id": "2", "contents": "\xe9t\xe9"}',
            "a.jsonl:2: byte 26 of the line",
        ),
        ("a.json", '[{"id": "1", "contents": "x"},\n oops]', "a.json:2: not JSON"),
        ("a.tsv", "1\tx\nno tab here\n", "a.tsv:2: no tab"),
        ("a.tsv", "\tx\n", "a.tsv:1: document id '' is empty"),
        ("a.trec", "<DOC>\n<DOCNO>1</DOCNO>\ncut short", "a.trec:1: <DOC> without </DOC>"),
        ("a.trec", "\n<DOC>no number</DOC>", "a.trec:2: no <DOCNO>"),
    ],
)
def test_what_is_wrong_is_told(name: str, content: str | bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        list(read_corpus(write(tmp_path / name, content)))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_gzip_file_cut_short(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"id": str(number), "contents": f"text {number}"}) + "\n" for number in range(5000))
    path = write(tmp_path / "a.jsonl.gz", lines)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"a\.jsonl\.gz:\d+: cannot be read: Compressed file ended"):
        list(read_corpus(path))
    path.write_bytes(b"not gzip")
    with pytest.raises(DataError, match="cannot be read: Not a gzipped file"):
        list(read_corpus(path))


def test_missing_file_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.jsonl: cannot be read: No such file"):
        list(read_corpus(tmp_path / "absent.jsonl"))
    (tmp_path / "image.png").write_bytes(b"x")
    with pytest.raises(DataError, match="the folder holds no collection"):
        list(read_corpus(tmp_path))


def test_folders(tmp_path: Path) -> None:
    anserini = tmp_path / "anserini"
    (anserini / "part").mkdir(parents=True)
    write(anserini / "part" / "b.jsonl.gz", '{"id": "2", "contents": "y"}')
    write(anserini / "a.json", '[{"id": "1", "contents": "x"}]')
    assert [document.docid for document in read_corpus(anserini)] == ["1", "2"]
    write(anserini / "c.tsv", "1\tagain")
    with pytest.raises(DataError, match=r"c\.tsv:1: document id '1' comes twice"):
        list(read_corpus(anserini))

    beir = tmp_path / "beir"
    beir.mkdir()
    write(beir / "corpus.jsonl", '{"_id": "1", "title": "T", "text": "x"}')
    write(beir / "queries.jsonl", '{"_id": "q", "text": "not a document"}')
    assert list(read_corpus(beir)) == [Document("1", "T x")]


def test_reading_is_lazy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "1\tx\nbroken\n")
    assert next(read_corpus(path)) == Document("1", "x")


def test_a_document_of_ten_megabytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps({"id": "1", "contents": "é" * 5_000_000}))
    assert len(next(read_corpus(path)).contents) == 5_000_000


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=5), unique=True, min_size=1
    ),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_json_lines_round_trip(ids: list[str], text: str) -> None:
    import tempfile

    documents = [Document(docid, text) for docid in ids if docid.split() == [docid]]
    if not documents:
        return
    with tempfile.TemporaryDirectory() as folder:
        lines = [json.dumps({"id": each.docid, "contents": each.contents}) + "\n" for each in documents]
        assert list(read_corpus(write(Path(folder) / "a.jsonl", "".join(lines)))) == documents
