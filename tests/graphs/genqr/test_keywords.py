from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.genqr.keywords import parse_keywords, parse_keywords_json

WORDS = st.lists(st.from_regex(r"[a-z]{2,9}( [a-z]{2,9}){0,2}", fullmatch=True), min_size=1, max_size=12)


@pytest.mark.parametrize(
    "reply",
    [
        "flat battery, cold cranking amps, starter motor",
        "flat battery; cold cranking amps; starter motor.",
        "flat battery\ncold cranking amps\nstarter motor",
        "1. flat battery\n2. cold cranking amps\n3) starter motor",
        "- flat battery\n* cold cranking amps\n• starter motor",
        'Here are some terms for the query:\n\n- **flat battery**\n- "cold cranking amps"\n- `starter motor`',
        "Keywords: flat battery, cold cranking amps, starter motor",
        "```\nflat battery, cold cranking amps, starter motor\n```",
        '["flat battery", "cold cranking amps", "starter motor"]',
        '```json\n{"keywords": ["flat battery", "cold cranking amps", "starter motor"]}\n```',
    ],
)
def test_wrappings_that_chat_models_use(reply: str) -> None:
    assert parse_keywords(reply) == ["flat battery", "cold cranking amps", "starter motor"]


def test_prose_is_used_and_not_thrown_away() -> None:
    assert parse_keywords("The battery may be flat") == ["The battery may be flat"]
    assert parse_keywords("Charge the battery: it is flat") == ["Charge the battery: it is flat"]


@pytest.mark.parametrize("reply", ["", "  \n", "!!! ...", "- \n- \n", "```\n```"])
def test_nothing_but_signs_is_no_keyword(reply: str) -> None:
    assert parse_keywords(reply) == []


@given(WORDS, st.sampled_from([", ", ",", "; ", "\n", "\n- ", "\t", " | "]))
def test_separators_round_trip(words: list[str], separator: str) -> None:
    assert parse_keywords(separator.join(words)) == words


@given(WORDS)
def test_json_round_trips(words: list[str]) -> None:
    assert parse_keywords_json(json.dumps({"keywords": words})) == words


@given(st.text(max_size=400))
def test_any_reply_parses_to_clean_lines(reply: str) -> None:
    for keyword in parse_keywords(reply):
        assert keyword == " ".join(keyword.split())
        assert any(letter.isalnum() for letter in keyword)


@pytest.mark.parametrize(
    "reply", ['{"keywords": ["a"', '{"terms": ["a"]}', '{"keywords": "a"}', '{"keywords": [1]}', "a, b", "[" * 2000]
)
def test_a_reply_that_breaks_the_schema_is_none(reply: str) -> None:
    assert parse_keywords_json(reply) is None
