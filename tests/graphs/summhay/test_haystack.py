from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.graphs.summhay.haystack import HaystackFile, as_json, parse_haystack, read_haystack, write_haystack
from tests.graphs.summhay.hay import HAYSTACK, hay


def test_a_file_is_written_as_it_was_read(tmp_path: Path) -> None:
    haystack = parse_haystack(hay())
    write_haystack(tmp_path / "copy.json", haystack)
    assert json.loads((tmp_path / "copy.json").read_text()) == HAYSTACK == as_json(haystack)


def test_gold_is_told_by_the_numbers_that_documents_are_cited_by() -> None:
    haystack = parse_haystack(hay())
    assert haystack.gold == {"i1": {1, 2}, "i2": {2}, "i3": {3}}
    assert haystack.incidence(haystack.subtopics[0]) == {"d1": 1, "d2": 2, "d3": 0, "d4": 0}
    assert haystack.unplanted == ()


def test_stale_ids_of_retrievers_are_left_out() -> None:
    haystack = parse_haystack(hay())
    assert haystack.ranking(haystack.subtopics[0], "theirs") == {"d1": 0.2, "d3": 0.9}
    with pytest.raises(DataError, match=r"no scores of retriever 'ours'.*it has those of theirs"):
        haystack.ranking(haystack.subtopics[0], "ours")


def test_an_insight_in_no_document_is_told_and_not_asked_for() -> None:
    changed = hay()
    changed["documents"][1]["insights_included"] = ["i1"]
    haystack = parse_haystack(changed)
    assert haystack.unplanted == ("i2",)
    assert [one.insight_id for one in haystack.planted(haystack.subtopics[0])] == ["i1"]
    assert haystack.gold["i2"] == frozenset()


def break_(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Put a value somewhere into the haystack; `del` takes the field out."""

    def change(found: Any) -> None:
        *way, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
        for part in way:
            found = found[part]
        if value == "del":
            del found[last]
        else:
            found[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (break_("topic_id", "del"), r"topic_id.*Field required"),
        (break_("documents", []), r"documents.*at least 1"),
        (break_("documents/1/document_id", "d1"), r"document_id.*'d1' stands twice"),
        (break_("subtopics/1/subtopic_id", "s1"), r"subtopic_id.*'s1' stands twice"),
        (break_("subtopics/1/insights/0/insight_id", "i1"), r"insight_id.*'i1' stands twice"),
        (break_("documents/3/insights_included", ["i9"]), r"document 'd4' includes 'i9', an insight that no subtopic"),
        (break_("subtopics/0/insights", []), r"subtopics\[0\]\.insights"),
        (break_("subtopics/0/insights/1/insight", 7), r"subtopics\[0\]\.insights\[1\]\.insight.*valid string"),
        (break_("subtopics/0/eval_summaries/summary_subtopic_a/0/coverage", "SOME"), r"coverage.*NO_COVERAGE"),
        (break_("subtopics/0/eval_summaries/summary_subtopic_a/1/insight_id", "i1"), r"'i1' is labelled twice"),
        (break_("subtopics/0/eval_summaries/summary_subtopic_a/1/insight_id", "i3"), r"'i3' is no insight of this"),
        (break_("subtopics/0/summaries/summary_subtopic_a", "del"), r"labels of a summary that is not there"),
    ],
)
def test_a_wrong_file_is_refused_by_the_fields_name(change: Any, told: str, tmp_path: Path) -> None:
    wrong = hay()
    change(wrong)
    path = tmp_path / "topic.json"
    path.write_text(json.dumps(wrong))
    with pytest.raises(DataError, match=told) as refused:
        read_haystack(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", '"x"', "null"])
def test_what_is_no_topic_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "topic.json"
    path.write_text(text)
    with pytest.raises(DataError):
        read_haystack(path)


async def test_a_file_is_opened_once_and_known_by_its_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(json.dumps(hay()))
    changed = hay()
    changed["subtopics"][0]["summaries"] = {}
    changed["subtopics"][0]["eval_summaries"] = {}
    second.write_text(json.dumps(changed, indent=3))
    one, other = HaystackFile(str(first)), HaystackFile(str(second))
    assert await one.open() is await one.open()
    assert one.fingerprint() == other.fingerprint() == (await one.open()).fingerprint()
    changed["documents"][0]["document_text"] = "Coffee."
    assert parse_haystack(changed).fingerprint() != one.fingerprint()


def test_the_authors_file_is_read_and_written_without_a_change(shared_data: Path) -> None:
    for path in sorted((shared_data / "evals" / "summhay").glob("topic_*.json")):
        if not path.name.endswith("scores.json"):
            assert as_json(read_haystack(path)) == json.loads(path.read_text(encoding="utf-8"))
