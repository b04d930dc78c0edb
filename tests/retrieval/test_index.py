"""Index files: round trips, atomic writing, and every way in which a file can be wrong."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dikast.errors import DataError, RetrievalError
from dikast.records import Document
from dikast.retrieval import analysis, store
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.index import Index, build_index, extend_index
from dikast.retrieval.query import WeightedQuery

DOCUMENTS = [
    Document("d2", "an oracle hides a table"),
    Document("d10", "the table, the TABLE and tables"),
    Document("d1", ""),
    Document("d3", "naïve 漢字 oracle"),
]

words = st.sampled_from(["oracle", "table", "critic", "judge", "solver", "the", "hidden", "é"])
collections = st.dictionaries(
    st.text("abc019", min_size=1, max_size=4), st.lists(words, max_size=8).map(" ".join), min_size=1, max_size=20
)


def test_counts_are_those_of_the_texts() -> None:
    index = Index.build(DOCUMENTS)
    assert index.docids == ["d1", "d10", "d2", "d3"]
    assert index.lengths.tolist() == [0, 3, 3, 4]
    postings = index.postings("tabl")
    assert postings is not None
    assert [index.docids[number] for number in postings.documents] == ["d10", "d2"]
    assert postings.frequencies.tolist() == [3, 1]
    assert (index.document_frequency("oracl"), index.document_frequency("absent")) == (2, 0)
    assert index.postings("absent") is None
    assert index.documents_with_terms == 3
    assert index.average_length == pytest.approx(10 / 3)


@given(collections, st.randoms())
def test_the_order_of_documents_does_not_matter(texts: dict[str, str], order: random.Random) -> None:
    documents = [Document(*item) for item in texts.items()]
    first = Index.build(documents)
    order.shuffle(documents)
    second = Index.build(documents)
    assert first.content_hash == second.content_hash
    for term in first.terms:
        one, other = first.postings(term), second.postings(term)
        assert one is not None
        assert other is not None
        assert one.documents.tolist() == other.documents.tolist()
        assert one.frequencies.tolist() == other.frequencies.tolist()


def test_the_hash_is_of_ids_and_texts() -> None:
    hashes = {
        Index.build(documents).content_hash
        for documents in (DOCUMENTS, DOCUMENTS[:3], [*DOCUMENTS[:3], Document("d3", "other")])
    }
    assert len(hashes) == 3


@settings(max_examples=20)
@given(collections)
def test_a_saved_index_is_the_same(texts: dict[str, str]) -> None:
    import tempfile

    documents = [Document(*item) for item in texts.items()]
    with tempfile.TemporaryDirectory() as folder:
        saved, built = build_index(documents, Path(folder) / "x.index"), Index.build(documents)
        assert saved.content_hash == built.content_hash
        assert saved.docids == built.docids
        assert saved.terms == built.terms
        assert all(saved.document(document.docid) == document for document in documents)


def test_progress_tells_the_number_of_documents() -> None:
    told: list[int] = []
    Index.build((Document(f"d{number}", "x") for number in range(2500)), told.append)
    assert told == [1000, 2000, 2500]


def test_a_document_of_ten_megabytes() -> None:
    index = Index.build([Document("big", "oracle table " * 800_000), Document("small", "oracle")])
    assert index.lengths.tolist() == [1_600_000, 1]
    assert len(index.document("big").contents) == 10_400_000


def test_only_stop_words() -> None:
    index = Index.build([Document("d", "to be or not to be")])
    assert (index.terms, index.documents_with_terms) == ({}, 0)


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([], "holds no document"),
        ([Document("d", "a"), Document("e", "b"), Document("d", "c")], "'d' comes twice"),
        ([Document("", "a")], "'' is empty or holds white space"),
        ([Document("a b", "a")], "'a b' is empty or holds white space"),
        ([Document("d", "\ud800")], "'d': the text is not valid Unicode"),
    ],
)
def test_wrong_documents(documents: list[Document], told: str) -> None:
    with pytest.raises(DataError, match=told):
        Index.build(documents)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    build_index(DOCUMENTS, tmp_path / "x.index")
    return tmp_path / "x.index"


def test_any_cut_is_told(path: Path) -> None:
    whole = path.read_bytes()
    for length in {0, 1, 7, 40, 63, 64, 100, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(RetrievalError, match=r"torn|empty|not a dikast index|cannot read"):
            Index.open(path)


def test_any_flipped_byte_is_told(path: Path) -> None:
    """When the file is opened, or, in a text, when that document is read."""
    whole = path.read_bytes()
    padding = {place for place, byte in enumerate(whole) if byte == 0}
    for place in sorted(set(range(len(whole))) - padding):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(RetrievalError):
            read_all(path)


def read_all(path: Path) -> None:
    index = Index.open(path)
    for docid in index.docids:
        index.document(docid)


def test_foreign_files_are_told(tmp_path: Path) -> None:
    for name, content, told in [
        ("text", b"some text that is longer than a preamble " * 5, "not a dikast index"),
        ("unfinished", bytes(500), "torn"),
        ("short", b"DIKASTIX", "not a dikast index"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RetrievalError, match=told):
            Index.open(tmp_path / name)
    with pytest.raises(RetrievalError, match="cannot read the index: No such file"):
        Index.open(tmp_path / "absent")


def test_other_versions_are_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "VERSION", 2)
        with pytest.raises(RetrievalError, match="index format 1, this dikast reads 2"):
            Index.open(path)
    monkeypatch.setattr(analysis, "ANALYZER", "lucene-english-2")
    with pytest.raises(RetrievalError, match="analysed by lucene-english-1, this dikast has lucene-english-2"):
        Index.open(path)


def test_a_failed_build_leaves_the_old_index_and_nothing_else(path: Path) -> None:
    def breaking() -> Iterator[Document]:
        yield Document("new", "text")
        raise DataError("line 2 is broken")

    before = path.read_bytes()
    with pytest.raises(DataError):
        build_index(breaking(), path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["x.index"]


def test_an_index_that_is_added_to_is_that_of_all_documents(tmp_path: Path) -> None:
    """Array by array, and so score for score; in the language of the index, whoever adds to it."""
    texts = ["Die Häuser der Nachbarn", "der Garten", "Haus am Garten Haus", "", "ein Boot", "Häuser am Fluss"]
    documents = [Document(f"d{number}", text) for number, text in enumerate(texts)]
    path = tmp_path / "x.index"
    build_index([documents[4], documents[1]], path, language="de")
    extend_index([documents[5], documents[0]], path)
    index = extend_index(iter([documents[3], documents[2]]), path)
    whole = build_index(documents, tmp_path / "whole.index", language="de")
    assert (index.docids, index.terms, index.content_hash) == (whole.docids, whole.terms, whole.content_hash)
    assert index.lengths.tolist() == whole.lengths.tolist()
    for term in whole.terms:
        ours, theirs = index.postings(term), whole.postings(term)
        assert ours is not None
        assert theirs is not None
        assert ours.documents.tolist() == theirs.documents.tolist()
        assert ours.frequencies.tolist() == theirs.frequencies.tolist()
    assert [index.document(docid) for docid in index.docids] == documents
    assert BM25(path).rank([WeightedQuery({"haus": 1.0}, "")], 9)[0].scores.tolist() == (
        BM25(whole).rank([WeightedQuery({"haus": 1.0}, "")], 9)[0].scores.tolist()
    )


@pytest.mark.parametrize(
    ("added", "told"),
    [
        (
            [Document("new", "x"), Document("d2", "x"), Document("y", "x"), Document("d1", "x")],
            "2 .* already: 'd2', 'd1'",
        ),
        ([Document("new", "x"), Document("new", "y")], "'new' comes twice"),
        ([], "holds no document"),
        ([Document("new", "\ud83d")], "not valid Unicode"),
    ],
)
def test_what_cannot_be_added_leaves_the_index(added: list[Document], told: str, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(DataError, match=told):
        extend_index(added, path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["x.index"]


def test_a_process_that_is_killed_while_it_adds_leaves_the_index(path: Path) -> None:
    code = (
        "import os, signal, sys; from dikast.records import Document; from dikast.retrieval.index import extend_index\n"
        "def documents():\n"
        "    yield Document('new', 'text')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "extend_index(documents(), sys.argv[1])"
    )
    before = path.read_bytes()
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert len(extend_index([Document("new", "text")], path)) == len(DOCUMENTS) + 1


def test_two_who_add_at_once_lose_nothing_in_silence(path: Path) -> None:
    def slow() -> Iterator[Document]:
        yield Document("mine", "text")
        extend_index([Document("theirs", "text")], path)

    with pytest.raises(RetrievalError, match=r"x\.index: somebody else changed the index meanwhile"):
        extend_index(slow(), path)
    assert "theirs" in Index.open(path).docids


def test_an_index_that_is_not_there_is_not_added_to(tmp_path: Path) -> None:
    with pytest.raises(RetrievalError, match="cannot read the index: No such file"):
        extend_index(DOCUMENTS, tmp_path / "x.index")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RetrievalError, match="cannot write the index"):
        build_index(DOCUMENTS, tmp_path / "file" / "x.index")


def test_unknown_document() -> None:
    with pytest.raises(RetrievalError, match="no document 'd4'"):
        Index.build(DOCUMENTS).document("d4")


def test_nothing_is_unpickled(path: Path) -> None:
    assert b"pickle" not in Path(store.__file__).read_bytes().replace(b"unpickled", b"")
    stored = store.open_file(path)
    assert all(array.dtype.kind in "iu" for array in stored.sections.values())
