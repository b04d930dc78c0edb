"""`plan.toml`: read strictly, written so that it can be edited and given again."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError
from dikast.graphs.summhay.make.content import as_toml, parse_content, read_content
from dikast.graphs.summhay.make.criticising import close_calls, distinct, objections, refuse_content
from dikast.graphs.summhay.make.records import PlannedSubtopic
from tests.graphs.summhay.made import EVERY, content_of

GOOD = 'topic = "Cranes"\n[[subtopics]]\nname = "energy"\ninsights = ["Riga saved 20% in 2020."]\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_may_be_left_out_is_filled_in(tmp_path: Path) -> None:
    content = read_content(written(tmp_path, GOOD))
    (subtopic,) = content["subtopics"]
    assert (content["domain"], content["participants"]) == ("news", [])
    assert (subtopic["subtopic"], subtopic["query"]) == ("energy", "What about energy?")
    assert subtopic["insights"] == [{"name": "Riga saved 20% in 2020", "insight": "Riga saved 20% in 2020."}]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("topic =", "title ="), "field 'topic'"),
        (('"Cranes"', '" "'), "field 'topic'"),
        (("name =", "nam ="), r"subtopics\[0\]"),
        (('insights = ["Riga saved 20% in 2020."]', "insights = []"), r"subtopics\[0\].insights"),
        (('["Riga saved 20% in 2020."]', '["Riga saved 20% in 2020.", 7]'), r"subtopics\[0\].insights\[1\]"),
        (('["Riga saved 20% in 2020."]', '[{ name = "x" }]'), r"subtopics\[0\].insights\[0\].insight"),
        (('["Riga saved 20% in 2020."]', '[""]'), r"subtopics\[0\].insights\[0\].insight"),
        (("[[subtopics]]", 'domain = "sport"\n[[subtopics]]'), "domain"),
        (("[[subtopics]]", 'participants = ["Ann", "Bo"]\n[[subtopics]]'), "domain is 'news'"),
        (("[[subtopics]]", 'domain = "conversation"\nparticipants = ["Ann"]\n[[subtopics]]'), "two or more"),
        (("[[subtopics]]", 'domain = "conversation"\nparticipants = ["A", "A"]\n[[subtopics]]'), "of their own"),
        (("[[subtopics]]", '[[subtopics]]\nname = "Energy"\ninsights = ["In 1999 it rained."]\n[[subtopics]]'), "same"),
        (('"Cranes"', '"Cranes'), "not TOML"),
        ((GOOD, 'topic = "x"\n'), "subtopics"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_field(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(DataError, match=told) as refused:
        read_content(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_file_and_no_utf8(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_content(tmp_path / "none.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(GOOD.replace("Cranes", "Häfen").encode("latin-1"))
    with pytest.raises(DataError, match="cannot be read"):
        read_content(path)


def plan_with(*insights: str) -> Path | None:
    refuse_content(
        parse_content({"topic": "x", "subtopics": [{"name": "s", "insights": list(insights)}]}), True, Path("plan.toml")
    )
    return None


def test_insights_that_cannot_be_told_apart_are_refused_with_file_and_field() -> None:
    with pytest.raises(DataError, match=r"plan.toml.*subtopics\[0\].insights\[2\].*those of another"):
        plan_with(EVERY[0], EVERY[3], EVERY[0].replace("fell", "went down"))
    with pytest.raises(DataError, match=r"insights\[1\].*vague.*--no-specific"):
        plan_with(EVERY[0], "Things are mostly getting better.")
    vague = {"topic": "x", "subtopics": [{"name": "s", "insights": [EVERY[0], "Things are mostly getting better."]}]}
    refuse_content(parse_content(vague), specific=False)
    with pytest.raises(DataError, match="no words"):
        plan_with(EVERY[0], "...")
    with pytest.raises(DataError, match="longer than 80 words"):
        plan_with("Riga " * 81)


def test_the_insights_used_in_these_tests_can_be_told_apart() -> None:
    assert list(objections(EVERY, specific=True)) == []
    assert close_calls(content_of()) == []


def test_subtopics_that_are_one_are_told() -> None:
    def subtopic(name: str, about: str) -> PlannedSubtopic:
        return {"name": name, "subtopic": about, "query": "", "insights": []}

    known = [subtopic("fuel", "Fuel types and their impact on performance")]
    new = [
        subtopic("Fuel", "something else entirely"),
        subtopic("impact of fuel", "fuel types and their performance impact"),
        subtopic("branding", "Marketing themes"),
        subtopic("branding", "Themes of marketing"),
    ]
    assert list(distinct(known, new)) == [False, False, True, False]


LINES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40).filter(lambda text: text.strip())


@given(LINES, LINES, LINES, LINES)
def test_a_plan_that_was_written_reads_the_same(topic: str, name: str, query: str, insight: str) -> None:
    subtopics = [{"name": name, "query": query, "insights": [{"name": topic, "insight": insight}, insight]}]
    try:
        content = parse_content(
            {"topic": topic, "domain": "conversation", "participants": ["a", "b"], "subtopics": subtopics}
        )
    except DataError:  # only white space of another kind
        return
    assert parse_content(tomllib.loads(as_toml(content))) == content


def test_half_a_surrogate_pair_can_be_written() -> None:
    content = content_of()
    content["topic"] = "a\ud800b"
    as_toml(content).encode()
