"""Sketches say how cells are written and never what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.tables.sketch import MAX_SKETCHES, coarse, common, sketch


@pytest.mark.parametrize(
    ("cell", "fine", "rough"),
    [
        ("March 3, 2004", "Month 9, 9999", "text 9+, 9+"),
        ("13 Mar 2004", "99 Mon 9999", "9+ text 9+"),
        ("13,845 ft", "99,999 aa", "9+,9+ text"),
        ("$1.56 billion", "$9.99 aa", "$9+.9+ text"),
        ("2:31:10", "9:99:99", "9+:9+:9+"),
        ("2–1", "9–9", "9+–9+"),
        ("Jean-Luc O'Neill Jr.", "Aa-Aa A'Aa Aa.", "text"),
        ("NASA", "AA", "text"),
        ("日本", "aa", "text"),
        ("\x00\u202e🎉", "???", "???"),
    ],
)
def test_forms(cell: str, fine: str, rough: str):
    assert (sketch(cell), coarse(cell)) == (fine, rough)


@given(st.text())
def test_no_letter_and_no_digit_survives(cell: str):
    left = sketch(cell)
    for name in ("Month", "Mon", "Weekday", "Wkd", "Aa", "aa", "AA", "A", "a", "9"):
        left = left.replace(name, "")
    assert not any(char.isalnum() for char in left)


@given(st.lists(st.text(max_size=8), max_size=40), st.integers(1, 6))
def test_each_form_is_shared_by_k_different_cells(cells: list[str], k: int):
    forms, others = common(cells, k)
    written = [{sketch(cell), coarse(cell)} for cell in set(cells)]
    assert all(sum(form in both for both in written) >= k for form in forms)
    assert len(forms) <= MAX_SKETCHES
    assert not others or len(written) >= k


def test_one_cell_alone_shows_nothing_however_often_it_stands():
    assert common(["A-1"] * 1000, k=5) == ((), False)
    assert common([f"A-{n}" for n in range(5)], k=5) == (("A-9",), False)


def test_rare_forms_are_merged_before_they_are_shown():
    cells = ["1:05", "12:05", "123:05", "1:5", "12:5"]
    assert common(cells, k=5) == (("9+:9+",), False)
    assert common([*cells, "x"], k=5) == (("9+:9+",), False)


def test_long_cells_have_no_form():
    prose = [" ".join(["word,"] * 20) + str(n) for n in range(9)]
    assert common(prose, k=5) == ((), True)
