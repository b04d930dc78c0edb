"""TREC text: documents and sections are found where they are, and what is left out is counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError
from dikast.records import Document
from dikast.retrieval.corpus import read_corpus
from dikast.retrieval.trec_text import OUTSIDE_DOCUMENTS, OUTSIDE_SECTIONS, TAGS, read_documents


def read(text: str, left_out: Counter[str] | None = None) -> list[Document]:
    lines = iter(list(enumerate(text.split("\n"), 1)))
    counted = Counter[str]() if left_out is None else left_out
    return [document for _, document in read_documents(lines, Path("x.trec"), counted)]


def doc(body: str, docno: str = "m1") -> str:
    return f"<DOC>\n<DOCNO>{docno}</DOCNO>\n{body}\n</DOC>"


FIELD: list[tuple[str, list[tuple[str, str]]]] = [
    (  # as Anserini 0.22.1 keeps it
        doc("<TEXT>p < 0.05 for engine group and cold > 3 winters; a<b; x &lt;tag&gt; &amp;amp; AT&T</TEXT>"),
        [("m1", "p < 0.05 for engine group and cold > 3 winters; a<b; x <tag> &amp; AT&T")],
    ),
    (
        "<DOC><DOCNO>a1</DOCNO><TEXT>first engine</TEXT></DOC><DOC><DOCNO>a2</DOCNO><TEXT>second cold</TEXT></DOC>",
        [("a1", "first engine"), ("a2", "second cold")],
    ),
    (doc("<DATE>1990</DATE>\n<TEXT>a <TITLE>inner</TITLE> b</TEXT>"), [("m1", "1990\na  inner  b")]),
    (
        '<DOC id="5">\n<DOCNO>m1</DOCNO>\n<TEXT type="x">body engine</TEXT>\n<HEADLINE>Head</HEADLINE>\n</DOC>',
        [("m1", "body engine\nHead")],
    ),
]
"""`corpus/` of the field's inputs: Anserini's reports on TREC text."""


@pytest.mark.parametrize(("text", "expected"), FIELD)
def test_inputs_from_the_field(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(one.docid, one.contents) for one in read(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<DOC>\n<DOCNO>1</DOCNO>x</DOC><DOC><DOCNO>2</DOCNO>\ny\n</DOC> <DOC><DOCNO>3</DOCNO>z</DOC>", "x y z"),
        (doc("<text>a<TEXT>b</TEXT>c</text><head lang='en'>d</head>"), "a b c\nd"),
        (doc("<TEXT>not closed\n<P>to the end</P>"), "not closed\n to the end"),
        (doc("<TEXTILE>no section</TEXTILE>"), "no section"),
        ("<DOC>\n<DOCNO n='1'> 7 </DOCNO>plain 3 > 2</DOC>", "plain 3 > 2"),
    ],
)
def test_sections_and_documents(text: str, expected: str) -> None:
    assert " ".join(one.contents for one in read(text)).split() == expected.split()


def test_what_is_left_out_is_counted() -> None:
    counted = Counter[str]()
    read("stray" + doc("<PROFILE>12 < 3</PROFILE><TEXT><b>x</b> y</TEXT> !") + " tail\n", counted)
    assert counted == {TAGS: 2, OUTSIDE_SECTIONS: 5, OUTSIDE_DOCUMENTS: 9}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<DOC><DOCNO>1</DOCNO>a\n<DOC><DOCNO>2</DOCNO>b</DOC>", r"x\.trec:2: <DOC> within the document of line 1"),
        ("<DOC><DOCNO>1</DOCNO>a</DOC>\n</DOC>", r"x\.trec:2: </DOC> without <DOC>"),
        ("<DOC><DOCNO>1</DOCNO>a</DOC><DOC>", r"x\.trec:1: <DOC> without </DOC>"),
        ("<DOC>a</DOC>", r"x\.trec:1: no <DOCNO>"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(text)


@given(
    st.lists(st.text(st.sampled_from("ab <>&1.\n"), max_size=30), min_size=1, max_size=5), st.sampled_from(["", "\n"])
)
def test_any_text_comes_back(texts: list[str], between: str) -> None:
    """Whatever stands in a section that is no tag and no entity is the document's text."""
    written = [text.replace("&", "&amp;").replace("<a", "< a").replace("<b", "< b") for text in texts]
    found = read(between.join(doc(f"<TEXT>{text}</TEXT>", f"d{n}") for n, text in enumerate(written)))
    assert [one.contents for one in found] == [text.replace("&amp;", "&").strip() for text in written]


def test_a_file_that_begins_with_other_markup(tmp_path: Path) -> None:
    path = tmp_path / "a.trec"
    path.write_text("<?xml version='1.0'?>\n<!-- p < 3 -->\n" + doc("x"))
    assert list(read_corpus(path)) == [Document("m1", "x")]
