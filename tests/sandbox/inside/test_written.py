"""Numbers and dates as people write them: one way to read, or none. Each kind's report is named beside it."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.sandbox.inside.written import (
    Spelling,
    decimal_shown,
    is_quantity,
    may_be_either,
    read_amount,
    read_date,
    read_number,
    settled,
)

UNSURE = Spelling(assume="")
COMMA = Spelling(decimal=",")


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        # units are no magnitudes (duckling #739)
        ("1.85 m", 1.85), ("100 m", 100.0), ("42.195km", 42.195), ("3 t", 3.0), ("60 min", 60.0), ("2 m²", 2.0),
        ("5 k", None), ("10 K run", None), ("7M", None), ("2 B", None), ("1.5k", None), ("8 T", None),
        ("£1.2m", 1.2e6), ("US$3 bn", 3e9), ("$4k", 4e3), ("1.2m €", 1.2e6), ("5 T€", None), ("-€2.5M", -2.5e6),
        ("1.2 million", 1.2e6), ("5 Mio.", 5e6), ("3 Mrd", 3e9), ("2 crore", 2e7), ("7 thousand", 7e3),
        # marks that can be read in one way only (pandas #12585)
        ("1.234,56", 1234.56), ("12.345.678", 12345678.0), ("0,5", 0.5), ("3,1415", 3.1415), ("1,00,000", 1e5),
        ("1 234,5", 1234.5), ("9'876.5", 9876.5), ("1,234,567.8", 1234567.8), ("12345,678", 12345.678),
        ("10,000,00", None), ("1,2,3", None), ("1.2.3", None), ("1.234,567.8", None), ("12.03.2004", None),
        # signs, fractions, accounts
        ("½", 0.5), ("2¾", 2.75), ("1 3/8", 1.375), ("3/16", 0.1875), ("-¼", -0.25), ("7/10", 7.0), ("5/0", 5.0),
        ("(7.10)", -7.1), ("($7)", -7.0), ("$(7)", -7.0), ("(7%)", -7.0), ("$-4", -4.0), ("12-", -12.0),
        ("1990-", 1990.0),
        ("(1) Smith", 1.0), ("F-16", 16.0), ("\u22125 °C", -5.0),
        # telephone numbers (duckdb #5857), programs' spellings
        ("+15551234567", None), ("+4915112345", None), ("+12", 12.0), ("+1,234,567", 1234567.0),
        ("0xff", None), ("1_000", None), ("1e5", 1e5), ("2E-03", 0.002), ("Boeing 7 737", 7.0), ("7 737", 7737.0),
    ],
)  # fmt: skip
def test_numbers_that_can_be_read_in_one_way(cell: str, number: float | None) -> None:
    assert read_number(cell) == (None if number is None else pytest.approx(number))


@pytest.mark.parametrize(
    ("cell", "assumed", "unsure", "comma"),
    [("1,250 kg", 1250, None, 1.25), ("2.500 €", 2.5, None, 2500), ("987,654", 987654, None, 987.654)],
)
def test_one_mark_before_three_digits_may_be_either(cell: str, assumed: float, unsure: None, comma: float) -> None:
    assert (read_number(cell), read_number(cell, UNSURE), read_number(cell, COMMA)) == (assumed, unsure, comma)


@pytest.mark.parametrize("cell", ["1.5", "1,234.5", ".5"])
def test_what_the_owner_said_is_not_bent(cell: str) -> None:
    assert read_number(cell, COMMA) is None


@pytest.mark.parametrize(
    ("spelling", "cell", "number"),
    [
        (Spelling(thousands="."), "1.234", 1234),
        (Spelling(thousands=""), "1.234", 1.234),
        (Spelling(thousands=""), "1,234", None),
        (Spelling(decimal=",", thousands=" "), "1 234,5", 1234.5),
        (Spelling(thousands="'"), "1'234.5", 1234.5),
    ],
)
def test_told_marks(spelling: Spelling, cell: str, number: float | None) -> None:
    assert read_number(cell, spelling) == number


@given(st.integers(-(10**12), 10**12), st.integers(0, 99))
def test_both_conventions_give_the_same_number(whole: int, cents: int) -> None:
    english = f"{whole:,}.{cents:02d}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert read_number(english) == read_number(german) == read_number(german, COMMA)


@given(st.text(alphabet="0123456789.,' -+()€$%kmM½/eE", max_size=24))
def test_no_cell_is_read_otherwise_where_less_is_assumed(cell: str) -> None:
    """What is read without an assumption is read the same with each."""
    sure = read_number(cell, UNSURE)
    assert sure is None or read_number(cell) == sure == read_number(cell, Spelling(assume=","))


def test_a_column_shows_how_it_is_written() -> None:
    assert settled(["1.250", "0,5"], Spelling()).assume == ","
    assert settled(["1.250", "0.5"], UNSURE).assume == "."
    assert settled(["0.5", "0,5"], Spelling()).assume == ""
    assert settled(["01/02/2004", "13/02/2004"], Spelling()).dayfirst is True
    assert settled(["01/02/2004", "02/13/2004"], Spelling()).dayfirst is False
    assert settled(["13/02/2004", "02/13/2004"], Spelling()).dayfirst is None
    assert settled(["13/02/2004"], Spelling(dayfirst=False)).dayfirst is False


@pytest.mark.parametrize(
    ("cell", "mark"),
    [("0,999", ","), ("1.5", "."), ("1.234.567", ","), ("1,234.5", "."), ("1,234", ""), ("17", ""), ("1.2.3", "")],
)
def test_what_a_numeral_proves(cell: str, mark: str) -> None:
    assert decimal_shown(cell) == mark
    assert may_be_either(cell) == (cell == "1,234")


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("12 March 2004", "2004-03-12T00:00:00"),
        ("March 12th, 2004", "2004-03-12T00:00:00"),
        ("Fri, 05 Jan 2024 12:00:00 GMT", "2024-01-05T12:00:00+00:00"),
        ("2024-01-05T12:00:00+01:00", "2024-01-05T12:00:00+01:00"),
        ("2024-01-05 12:00 UTC", "2024-01-05T12:00:00+00:00"),
        ("2024-01-05 3:04 pm", "2024-01-05T15:04:00"),
        ("5 May 2001 (aged 30)", "2001-05-05T00:00:00"),
        ("12-Mar-69", "1969-03-12T00:00:00"),
        ("2004/3/12", "2004-03-12T00:00:00"),
        ("20040312", "2004-03-12T00:00:00"),
        ("5/5/2004", "2004-05-05T00:00:00"),
        ("25.12.2003", "2003-12-25T00:00:00"),
        ("2004-05", "2004-05-01T00:00:00"),
        ("1066", "1066-01-01T00:00:00"),
        # no year: neither year 1 nor this one
        ("12 March", None), ("May 5", None), ("1/2", None), ("3-4", None), ("2:31:10", None), ("10:30", None),
        ("01/02/2004", None), ("2024-02-30", None), ("2024-01-05 12:00 EST", None), ("2024-01-05 25:00", None),
        ("13 o'clock", None), ("0000-00-00", None),
    ],
)  # fmt: skip
def test_dates(cell: str, moment: str | None) -> None:
    found = read_date(cell)
    assert (found and found.isoformat()) == moment


@given(st.dates(datetime.date(1000, 1, 1)))
def test_figures_are_read_in_the_order_that_was_told(day: datetime.date) -> None:
    text = f"{day.day}/{day.month}/{day.year}"
    assert read_date(text, Spelling(dayfirst=True)) == datetime.datetime(day.year, day.month, day.day)
    assert read_date(text) == (
        None if day.day <= 12 and day.day != day.month else read_date(text, Spelling(dayfirst=True))
    )


@given(st.text())
def test_no_text_raises(text: str) -> None:
    read_number(text)
    read_date(text)
    read_amount(text)
    is_quantity(text)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$1,234.50", (1234.5, "USD", False)),
        ("45%", (45.0, "", True)),
        ("€ 3 Mio", (3e6, "EUR", False)),
        ("3 Mio €", (3e6, "EUR", False)),
        ("1.85 m", None),
        ("Boeing 737", None),
    ],
)
def test_amounts(text: str, amount: tuple[float, str, bool] | None) -> None:
    assert read_amount(text) == amount
