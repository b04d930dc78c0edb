from __future__ import annotations

import pytest

from dikast.graphs.summhay.bullets import LONGEST, read_bullets


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("- One. [1]\n- Two. [2]", ["One. [1]", "Two. [2]"]),
        ("* One. [1]\n• Two. [2]", ["One. [1]", "Two. [2]"]),
        ("1. One. [1]\n2) Two. [2]\n(3) Three.", ["One. [1]", "Two. [2]", "Three."]),
        ("## Heading\n\n- One. [1]\n  goes on [2]\n\n- Two.", ["One. [1] goes on [2]", "Two."]),
        ("Here are 2 points:\n- One.\n- Two.", ["One.", "Two."]),
        ("Here are 2 points:\nOne. [1]\nTwo. [Doc 2]", ["One. [1]", "Two. [2]"]),
        ("One only [3-5].", ["One only [3, 4, 5]."]),
        ("- Eins. [1]\n- 二つ。【2】", ["Eins. [1]", "二つ。[2]"]),
        ("-no mark\nnor 3.5 this", ["-no mark", "nor 3.5 this"]),
        ("", []),
        ("# Only\nHeadings:", []),
        ("- \n-", ["-", "-"]),
    ],
)
def test_bullets_of_a_reply(text: str, lines: list[str]) -> None:
    assert read_bullets(text) == (lines, 0)


def test_what_is_beyond_the_number_asked_for_is_left_out_and_counted() -> None:
    assert read_bullets("- a\n- b\n- c", 2) == (["a", "b"], 1)
    assert read_bullets("- a", 2) == (["a"], 0)


def test_one_endless_line_is_cut() -> None:
    [line] = read_bullets("word " * 100_000).lines
    assert len(line) <= LONGEST
