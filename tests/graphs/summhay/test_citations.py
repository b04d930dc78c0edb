from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.summhay.citations import Citations, cited, plain, read_citations, without_citations


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a [3]", {3}),
        ("a [3, 7]", {3, 7}),
        ("a [3][7][3].", {3, 7}),
        ("a [3 7]", set[int]()),
        ("a [Doc 3]", set[int]()),
        ("a [3-5]", set[int]()),
        ("a [0]", {0}),
        (f"a [{10**12}]", set[int]()),
        ("a [,]", set[int]()),
        ("none", set[int]()),
    ],
)
def test_the_authors_reading(text: str, numbers: set[int]) -> None:
    assert cited(text) == numbers


@pytest.mark.parametrize(
    ("text", "numbers", "unknown", "written"),
    [
        ("a [3]", (3,), 0, "a [3]"),
        ("a [3, 7].", (3, 7), 0, "a [3, 7]."),
        ("a [7][3]", (3, 7), 0, "a [7][3]"),
        ("a [Doc 3]", (3,), 0, "a [3]"),
        ("a [Document 3, Document 7]", (3, 7), 0, "a [3, 7]"),
        ("a [Articles 3 and 7]", (3, 7), 0, "a [3, 7]"),
        ("a [Conversation 12]", (12,), 0, "a [12]"),
        ("a [3-5]", (3, 4, 5), 0, "a [3, 4, 5]"),
        ("a [3–5, 9]", (3, 4, 5, 9), 0, "a [3, 4, 5, 9]"),
        ("a [Doc 3 to 5]", (3, 4, 5), 0, "a [3, 4, 5]"),
        ("a [3; 7 & 9]", (3, 7, 9), 0, "a [3, 7, 9]"),
        ("a 【3】", (3,), 0, "a [3]"),
        ("a [#3]", (3,), 0, "a [3]"),
        ("a [ 3 ,7 ]", (3, 7), 0, "a [3, 7]"),
        ("a [101]", (), 1, "a [101]"),
        ("a [0][3]", (3,), 1, "a [0][3]"),
        (f"a [{10**9}]", (), 1, f"a [{10**9}]"),
        ("a [5-3]", (3, 5), 0, "a [5, 3]"),
        ("a [1-100000]", (1,), 1, "a [1, 100000]"),
        ("a [citation needed]", (), 0, "a [citation needed]"),
        ("a [3 apples]", (), 0, "a [3 apples]"),
        ("in [2019] a [3]", (3,), 1, "in [2019] a [3]"),
        ("a (3)", (), 0, "a (3)"),
    ],
)
def test_forms_that_models_write(text: str, numbers: tuple[int, ...], unknown: int, written: str) -> None:
    assert read_citations(text, 100) == Citations(numbers, unknown)
    assert plain(text) == written
    assert set(numbers) <= cited(written)


@given(st.text(alphabet="[]0123456789, -–docDOC.;&and\n", max_size=80))
def test_whatever_is_written_is_read_and_written_alike(text: str) -> None:
    found = read_citations(text, 50)
    again = read_citations(plain(text), 50)
    assert again == found
    assert all(1 <= number <= 50 for number in found.numbers)


def test_long_runs_take_no_time() -> None:
    assert read_citations("[" + "1," * 200_000, 9).numbers == ()
    assert read_citations("[" + "1" * 200_000 + "]", 9) == Citations((), 0)
    assert without_citations("[3" * 50_000)


def test_text_without_its_citations() -> None:
    assert without_citations("Tea came [1][2]. It rained [Doc 4] .") == "Tea came. It rained."
