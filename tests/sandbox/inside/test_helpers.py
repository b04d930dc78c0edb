from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.sandbox.inside.helpers import date, norm, num

CELLS: Any = st.none() | st.floats() | st.integers() | st.text() | st.booleans()


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (5, 5.0),
        ("1,234,567 (est.)", 1234567.0),
        ("1\u00a0234", 1234.0),
        ("$1,234.50", 1234.5),
        ("-$5", -5.0),
        ("\u221212", -12.0),
        ("(12)", -12.0),
        ("45%", 45.0),
        ("1.2 million", 1.2e6),
        ("3bn", 3e9),
        ("12[3]", 12.0),
        ("2:31", 2.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("No. 7", 7.0),
        ("12 m", 12.0),
    ],
)
def test_num_reads_messy_numbers(cell: object, number: float) -> None:
    assert num(cell) == pytest.approx(number)


@pytest.mark.parametrize("cell", [None, "", "n/a", float("nan"), pd.NA, pd.NaT, "-"])
def test_num_of_what_is_no_number_is_missing(cell: object) -> None:
    assert math.isnan(num(cell))


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("12 March 2004", "2004-03-12"),
        ("March 12th, 2004", "2004-03-12"),
        ("2004-03-12", "2004-03-12"),
        ("13/2/2004", "2004-02-13"),
        ("2/13/2004", "2004-02-13"),
        ("1999", "1999-01-01"),
        (1999, "1999-01-01"),
        ("1999.0", "1999-01-01"),
        ("5 May 2001[2]", "2001-05-05"),
        (pd.Timestamp("2001-02-03"), "2001-02-03"),
    ],
)
def test_date_reads_dates(cell: object, day: str) -> None:
    assert str(date(cell).date()) == day


@pytest.mark.parametrize("cell", [None, "", "unknown", "may", float("nan"), "99/99/9999"])
def test_date_of_what_is_no_date_is_missing(cell: object) -> None:
    assert date(cell) is pd.NaT


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("  Zoë  Ångström ", "zoe angstrom"),
        ("\u201cHeat\u201d", "heat"),
        ("Rock 'n\u2019 Roll", "rock 'n' roll"),
        ("Lee[1][2]", "lee"),
        ("Lee\u2020", "lee"),
        ("Lee (captain)", "lee"),
        ("(none)", "(none)"),
        ("1990\u20131995", "1990-1995"),
        ("done.", "done"),
        ("A&B", "a&b"),
        (None, ""),
        (3, "3"),
    ],
)
def test_norm_drops_what_the_official_evaluator_drops(cell: object, text: str) -> None:
    assert norm(cell) == text


@given(CELLS)
def test_no_cell_makes_a_helper_raise(cell: object) -> None:
    num(cell)
    date(cell)
    norm(cell)


@given(st.lists(CELLS, max_size=4))
def test_a_series_is_read_cell_by_cell(cells: list[Any]) -> None:
    series = pd.Series(cells, dtype="object", index=range(5, 5 + len(cells)))
    assert norm(series).tolist() == [norm(cell) for cell in cells]
    assert list(num(series).index) == list(series.index)
    assert date(series).isna().tolist() == [date(cell) is pd.NaT for cell in cells]


def test_a_huge_cell_is_read_in_bounded_time() -> None:
    assert num("x" * 10**7 + "5") != 5
    assert norm("[" * 10**6) is not None
