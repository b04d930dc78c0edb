"""What is a tag, and what is text with angle brackets; and that telling them apart costs no more than reading."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.markup import TAG, tag_named, without_tags


@pytest.mark.parametrize(
    "text",
    [
        "p < 0.05 for the group and cold > 3",
        "a<b; x > y",
        "a<b and c>d",  # attributes are name=value: this is no tag of the name b
        "<3 you, <john@example.org>, <https://example.org/a>",
        "<!-- never closed, <b",
        "if (i<n) { j>>2; }",
        "<>",
        "< b>",
    ],
)
def test_text_stays(text: str) -> None:
    assert without_tags(text) == (text, 0)


@pytest.mark.parametrize(
    "tag",
    [
        "<b>", "</b>", "<br/>", "<br />", "<P>", "<F P=102>", "<TEXT type=\"x\" id='7'>", "<a href='x>y'>",
        "<!-- a <b> c -->", "<!-- -- -->", "<!DOCTYPE html>", "<?xml version='1.0'?>", "<a\n x=1\n>", "<ns:b.c-d>",
    ],
)  # fmt: skip
def test_tags_go(tag: str) -> None:
    assert without_tags(f"1 < 2{tag}3 > 2") == ("1 < 2 3 > 2", 1)


@given(st.text(st.sampled_from("<>/!-=\"' \n&;1?"), max_size=60))
def test_without_a_name_there_is_no_tag(text: str) -> None:
    assert without_tags(text.replace("<!--", "<! --")) == (text.replace("<!--", "<! --"), 0)


SHAPES = [
    "<",
    "<a ",
    '<a b="',
    "<!--",
    "<!-- -",
    "<a b=c ",
    "<a" + " " * 99,
    "</",
    "<!a",
    "<DOC ",
    "<DOC a='",
    '<a x="<a y=\' " ',
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pattern", [TAG, tag_named("DOC", "TEXT")], ids=["any", "named"])
def test_ten_times_the_text_takes_ten_times_the_time(pattern: object, shape: str) -> None:
    """By the thread's own time, and as a ratio: 10 is linear, 100 is quadratic."""
    import re

    assert isinstance(pattern, re.Pattern)

    def spent(characters: int) -> float:
        text = (shape * (characters // len(shape) + 1))[:characters]
        best = float("inf")
        for _ in range(3):
            started = time.thread_time()
            pattern.sub(" ", text)
            best = min(best, time.thread_time() - started)
        return best

    assert spent(400_000) < 40 * max(spent(40_000), 1e-4)
