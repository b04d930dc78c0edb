"""TREC's topics: the forms of its years, what of them is the query, and one clear line for whatever is wrong."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dikast.errors import DataError, UsageError
from dikast.retrieval.marked_topics import read_marked
from dikast.retrieval.trec import parse_fields, read_topics

ROBUST = """
<top>

<num> Number: 301
<title> International Organized Crime

<desc> Description:
Identify organizations that participate in international criminal
activity: smuggling &amp; more, p < 0.05.

<narr> Narrative:
A relevant document must as a minimum identify the organization.

</top>

<top>
<num> Number: 051
<dom> Domain: International Economics
<title> Topic:  Airbus Subsidies
<desc> Description:  Summary: what <i>Airbus</i> gets
<con> Concept(s): 1. Airbus
</top>
"""
COVID = """<?xml version="1.0" encoding="UTF-8"?>
<topics task="COVIDSearch Round 1" batch="1">
  <topic number="1">
    <query>coronavirus &lt;origin&gt;</query>
    <question>what is the <![CDATA[origin]]> of COVID-19</question>
    <narrative>range of
      information</narrative>
  </topic>
  <topic number="02"><query>weather</query><question>how does it respond?</question><narrative>n</narrative></topic>
</topics>
"""
MICROBLOG = "<top>\n<num> Number: MB001 </num>\n<query> BBC staff cuts </query>\n<querytime>Tue</querytime>\n</top>\n"
TRIALS = '<topics task="2021 TREC Clinical Trials">\n<topic number="1">\nA 45-year-old <b>man</b>\n</topic></topics>'
WEB = (
    '<webtrack2012><topic number="151" type="faceted"><query>403b</query><description>What is it?</description>'
    '<subtopic number="1" type="inf">a</subtopic><subtopic number="2" type="nav">b</subtopic></topic></webtrack2012>'
)


def read(tmp_path: Path, content: str, *fields: str) -> dict[str, str]:
    path = tmp_path / "topics.txt"
    path.write_text(content, encoding="utf-8")
    return read_topics(path, fields=fields)


DESC_301 = "Identify organizations that participate in international criminal activity: smuggling & more, p < 0.05."


@pytest.mark.parametrize(
    ("content", "fields", "topics"),
    [
        (ROBUST, (), {"301": "International Organized Crime", "51": "Airbus Subsidies"}),
        (ROBUST, ("desc",), {"301": DESC_301, "51": "Summary: what Airbus gets"}),
        (
            ROBUST,
            ("title", "description"),
            {"301": f"International Organized Crime {DESC_301}", "51": "Airbus Subsidies Summary: what Airbus gets"},
        ),
        (COVID, (), {"1": "coronavirus <origin>", "02": "weather"}),
        (COVID, ("question",), {"1": "what is the origin of COVID-19", "02": "how does it respond?"}),
        (COVID, ("Query", "narr"), {"1": "coronavirus <origin> range of information", "02": "weather n"}),
        (MICROBLOG, (), {"MB001": "BBC staff cuts"}),
        (TRIALS, (), {"1": "A 45-year-old man"}),
        (WEB, (), {"151": "403b"}),
        (WEB, ("desc",), {"151": "What is it?"}),
        (WEB, ("subtopic",), {"151": "a b"}),
        ("<topic id='q&amp;1'><title>x</title></topic>", (), {"q&1": "x"}),
        ("<TOP><NUM>7</NUM><TITLE>Topic maps: a</TITLE></TOP>", (), {"7": "Topic maps: a"}),
    ],
)
def test_the_forms_of_trec(content: str, fields: tuple[str, ...], topics: dict[str, str], tmp_path: Path) -> None:
    assert read(tmp_path, content, *fields) == topics


@pytest.mark.parametrize(
    ("content", "fields", "told"),
    [
        (ROBUST, ("narr",), "topics.txt:16: field 'narr': missing or empty"),
        (COVID, ("title",), "topics.txt:3: field 'title': missing or empty"),
        (COVID.replace("<query>weather</query>", "<query> </query>"), (), "topics.txt:9: field 'title': missing"),
        (ROBUST.replace("</top>", ""), (), "topics.txt:16: a topic within the topic of line 2"),
        (ROBUST.replace("</top>\n\n<top>", "</top>\n</top>\n<top>"), (), "topics.txt:15: </top> closes no topic"),
        (ROBUST[: ROBUST.rindex("</top>")], (), "topics.txt:16: the topic is not closed"),
        ("<topics>\n</topics>", (), "topics.txt:1: no <top> and no <topic>"),
        ("<topic><query>x</query></topic>", (), "topics.txt:1: field 'number': the topic has no id"),
        (MICROBLOG + MICROBLOG, (), "topics.txt:6: query id 'MB001' comes twice"),
        ("<top><num> Number: 3 4 <title> x </top>", (), "query id '3 4' is empty or holds white space"),
    ],
)
def test_what_is_wrong(content: str, fields: tuple[str, ...], told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, content, *fields)
    assert told in str(error.value)


def test_a_missing_field_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the topic has query, question, narr"):
        read(tmp_path, COVID, "title")


def test_time_is_linear_in_tags_that_are_never_closed() -> None:
    def seconds(tags: int) -> float:
        lines = enumerate(["<topic number='1'><query>x</query>", "<a><b>" * tags, "</topic>"], 1)
        started = time.process_time()
        assert [text for _, _, text in read_marked(iter(lines), Path("x"))] == ["x"]
        return time.process_time() - started

    assert seconds(8_000) < 12 * max(seconds(1_000), 0.005)


def test_fields_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"id": "1", "title": "a", "description": "b"}\n')
    (tmp_path / "t.csv").write_text("qid,title,desc\n1,a,b\n")
    (tmp_path / "t.tsv").write_text("1\ta\n")
    assert read_topics(tmp_path / "t.jsonl", fields=["description", "title"]) == {"1": "b a"}
    assert read_topics(tmp_path / "t.csv", fields=["title", "desc"]) == {"1": "a b"}
    with pytest.raises(UsageError, match="topics as lines of id and text have no fields"):
        read_topics(tmp_path / "t.tsv", fields=["title"])
    with pytest.raises(DataError, match=r"t\.jsonl:1: field 'narr': missing or not text \(the object has id, title, d"):
        read_topics(tmp_path / "t.jsonl", fields=["narr"])
    with pytest.raises(DataError, match=r"t\.csv:2: field 'narr': missing"):
        read_topics(tmp_path / "t.csv", fields=["narr"])
    with pytest.raises(UsageError, match="both --columns and --topic-field"):
        read_topics(tmp_path / "t.csv", {"query": "title"}, ["desc"])


def test_fields_are_names_each_once() -> None:
    assert parse_fields(None) == []
    assert parse_fields("title, desc") == ["title", "desc"]
    for text in ("", "title,", "a,a"):
        with pytest.raises(UsageError, match="names of fields, each once"):
            parse_fields(text)
