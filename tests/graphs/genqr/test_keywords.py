from __future__ import annotations

import json
import time

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


@pytest.mark.parametrize(
    ("reply", "keywords"),
    [
        ("1,000 km battery, 2,5 l engine; 10,000 miles", ["1,000 km battery", "2,5 l engine", "10,000 miles"]),
        ("€1,250.50, 1.000,50 euro, 12,34,567 rupees,", ["€1,250.50", "1.000,50 euro", "12,34,567 rupees"]),
        ("1990,1991, 1,2,3, B12,500mg", ["1990", "1991", "1", "2", "3", "B12", "500mg"]),
        ("Sure, here is the list of terms for your query:\nbattery, starter", ["battery", "starter"]),
        ("Here are terms, as asked, for: cars:\n- battery\n- starter", ["battery", "starter"]),
        ('Sure! Here you go:\n```json\n["battery", "starter"]\n```\nHope this helps!', ["battery", "starter"]),
        ("Certainly!\n\nbattery\nstarter\n\nLet me know if you need more.", ["battery", "starter"]),
        ("Sure, here are keywords (form: a list): battery, starter", ["battery", "starter"]),
        ("Here are some keywords: battery, starter", ["battery", "starter"]),
        ("Vehicles:\nbattery\nWeather:\ncold", ["battery", "cold"]),
        ("<think>maybe battery, or not</think>\nbattery, starter", ["battery", "starter"]),
        ("maybe battery, or not\n</think>\nbattery, starter", ["battery", "starter"]),
        ("<think>maybe battery, or", []),
        ('{"terms": ["battery", "starter"]}', ["battery", "starter"]),
        ('{"keywords": ["battery", "cold sta', ["battery", "cold sta"]),
        ('{"keywords": ["battery"], "explan', ["battery"]),
        ('{"query": "x", "result": {"words": ["battery", "starter"], "why": "because"}}', ["battery", "starter"]),
        ('[{"keyword": "battery", "why": "flat"}, {"keyword": "starter", "weight": 2}]', ["battery", "starter"]),
        ('{"keyword1": "battery", "keyword2": "starter, cold"}', ["battery", "starter", "cold"]),
        ('{"battery": 0.9, "starter": 0.1}', ["battery", "starter"]),
        ('The JSON:\n{"keywords": ["battery", "starter"]}\nHope this helps.', ["battery", "starter"]),
        ('["battery", 5, null]', ["battery", "5"]),
        ('["battery \\ud83d", "starter"]', ["battery", "starter"]),
        ("battery \ud83d, \ufeffstar\x00ter, \u200bcold\x1b[31m", ["battery", "starter", "cold"]),
        ("<b>battery</b>&nbsp;&amp; starter, p < 0.05", ["battery & starter", "p < 0.05"]),
        ("電池、エンジン、寒い", ["電池", "エンジン", "寒い"]),
        ("[1] *starter* motor\n[2] `cold crank`", ["starter motor", "cold crank"]),
    ],
)
def test_keywords_and_nothing_else(reply: str, keywords: list[str]) -> None:
    """`genqr/hostile.py` of the field's inputs, and replies of the same kinds."""
    assert parse_keywords(reply) == keywords


SHAPES = [
    "~", "`", "```\n", "1,", "1,000", "<", '{"', "\\", "[", '"', "a:", "Sure:", "keywords:", "- ", "\x1b[", "&a", " \n",
    "\n", '{"a":', "<think>", "  *", "(", "- \n", "Sure! ", "</think>", "<a b='", "<!--",
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_ten_times_the_reply_takes_ten_times_the_time(shape: str) -> None:
    """By the thread's own time, and as a ratio: 10 is linear, 100 is quadratic."""

    def spent(characters: int) -> float:
        reply = (shape * (characters // len(shape) + 1))[:characters]
        best = float("inf")
        for _ in range(3):
            started = time.thread_time()
            parse_keywords(reply)
            best = min(best, time.thread_time() - started)
        return best

    assert spent(200_000) < 40 * max(spent(20_000), 1e-4)


def test_a_structured_reply_may_stand_after_thoughts_and_in_a_fence() -> None:
    reply = '<think>{"keywords": ["no"]}</think>\n```json\n{"keywords": ["a b", "c \\udc00"]}\n```'
    assert parse_keywords_json(reply) == ["a b", "c "]


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
