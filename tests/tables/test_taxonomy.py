"""Labels, against labels given by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dikast.tables.questions import Question, Sql
from dikast.tables.table import Column, MemoryTable
from dikast.tables.taxonomy import WIDTHS, bucket, cues, labels, lead

TABLE = MemoryTable(
    "t",
    (Column("Team", "text"), Column("Points", "integer"), Column("Day", "date")),
    (
        np.array(["Ajax", "PSV", None], dtype=object),
        np.array([3, 1, 0]),
        np.array(["2004-03-12", "2004-03-13", "NaT"], dtype="datetime64[s]"),
    ),
)


@pytest.mark.parametrize(
    ("text", "first", "found"),
    [
        ("how many teams have more than 3 points?", "how many", ["comparative"]),
        ("Which team was last?", "which", ["ordinal"]),
        ("who scored the most points", "who", ["superlative"]),
        ("what is the difference between the highest and lowest?", "what", ["superlative", "difference"]),
        ("How long was the 2nd run?", "how long", ["ordinal"]),
        ("did Ajax score more goals than PSV?", "yes-no", ["comparative", "yes-no"]),
        ("which teams did not score?", "which", ["negation"]),
        ("which teams didn't score?", "which", ["negation"]),
        ("the west coast forest team", "other", []),
        ("", "other", []),
    ],
)
def test_words(text: str, first: str, found: list[str]):
    assert (lead(text), cues(text)) == (first, found)


def test_sql():
    sql = Sql(1, "MAX", ((0, "=", "x"), (2, ">", 3), (2, "<", 9)))
    found = labels(Question("1", "q", "t", sql=sql))
    assert found["aggregate"] == "max"
    assert (found["conditions"], found["operators"], found["columns_used"]) == (3, ["<", "=", ">"], 3)
    assert labels(Question("1", "q", "t", sql=Sql(0, "", ())))["aggregate"] == "none"


@pytest.mark.parametrize(("position", "label"), [(0, "0"), (3, "3"), (4, "4+"), (9, "4+")])
def test_sequences(position: int, label: str):
    found = labels(Question("1", "which of those?", "t", sequence="a/0", position=position))
    assert (found["position"], found["refers_back"]) == (label, True)
    assert labels(Question("1", "which team won", "t", sequence="a/0"))["refers_back"] is False


@pytest.mark.parametrize(
    ("target", "canonical", "kind", "place"),
    [
        (("Ajax",), None, "text", "cell"),
        (("ajax[1]", "3"), None, "mixed", "cell"),
        (("3 points",), ("3.0",), "number", "cell"),
        (("March 12",), ("2004-03-12",), "date", "cell"),
        (("4",), None, "number", "computed"),
        (("Points",), None, "text", "column name"),
        (("Points", "4"), None, "mixed", "computed"),
        (("Points", "Ajax"), None, "text", "column name"),
    ],
)
def test_answers(target: tuple[str, ...], canonical: tuple[str, ...] | None, kind: str, place: str):
    found = labels(Question("1", "q", "t", target, canonical), TABLE)
    assert (found["answer_type"], found["answer_is"]) == (kind, place)
    assert found["answers"] == ("one" if len(target) == 1 else "several")
    assert (found["rows"], found["columns"], found["kinds"]) == ("1-10", "1-4", ["date", "integer", "text"])


def test_a_label_without_its_source_is_absent():
    assert set(labels(Question("1", "q", "t"))) == {"lead", "cues"}


def test_a_huge_table_is_not_searched(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dikast.tables.taxonomy.MAX_CELLS_SEARCHED", 8)
    assert labels(Question("1", "q", "t", ("Ajax",)), TABLE)["answer_is"] == "unknown"


def test_buckets():
    assert [bucket(n, WIDTHS) for n in (0, 1, 4, 5, 20, 21)] == ["0", "1-4", "1-4", "5-7", "11-20", "21+"]
