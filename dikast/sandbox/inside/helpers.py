"""What a program may call on cells that it has never seen: `num`, `date` and `norm`, on one cell or on a Series.

    df[num(df["Population"]) > 1_000_000]      "1,234,567 (est.)" -> 1234567.0
    date("12 March 2004").year                 2004
    norm(df["Name"]) == norm("Zoë [2]")        "zoe"

All three return a missing value (NaN, NaT, "") for what they cannot read, and never raise for a cell. `norm` follows
the string normalisation of the official WikiTableQuestions evaluator (Pasupat and Liang 2015, evaluator.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from dikast.sandbox.inside.details import without_details

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:[, ']\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+")
_SCALES = {"thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "mn": 1e6, "billion": 1e9, "bn": 1e9, "trillion": 1e12}
_SCALE = re.compile(r"\A\s*+([a-z]+)")
_NOTES = re.compile(r"\[[^\]]{0,999}\]")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")
_MINUS = dict.fromkeys(map(ord, "\u2012\u2013\u2212"), "-")
_MISSING = ("nan", "<NA>", "NaT")
_MAX_CELL = 1000  # characters of a cell that are looked at, so that no regular expression meets a megabyte


def num(value: Any) -> Any:
    """The first number in a cell: thousands separators, currency, notes, percent, "(12)" = -12 and "1.2 million"."""
    return _each(value, _number, float)


def date(value: Any) -> Any:
    """The date in a cell as a Timestamp; a bare year is its first of January, "13/2/2004" has the day first."""
    return _each(value, _date, None)


def norm(value: Any) -> Any:
    """A cell's text without case, diacritics, outer quotes, trailing notes and parentheses, or a final full stop."""
    return _each(value, _text, object)


def _each(value: Any, function: Callable[[Any], Any], dtype: Any) -> Any:
    import pandas as pd

    if isinstance(value, pd.Series):
        return pd.Series([function(cell) for cell in value.tolist()], index=value.index, name=value.name, dtype=dtype)
    return function(value)


def _missing(cell: object) -> bool:
    return cell is None or str(cell) in _MISSING


def _number(cell: Any) -> float:
    if _missing(cell):
        return float("nan")
    if isinstance(cell, (bool, int, float)):
        return float(cell)
    text = _NOTES.sub("", str(cell)[:_MAX_CELL].translate(_SPACES).translate(_MINUS)).strip()
    found = _NUMBER.search(text)
    if not found:
        return float("nan")
    value = float(re.sub("[, ']", "", found.group()))
    if text.startswith("(") and text[found.end() : found.end() + 1] == ")" and value > 0:
        return -value
    if re.match(r"-\s*[^\d\s]{1,3}\s*\d", text) and value > 0:  # "-$5": the sign stands before the currency
        value = -value
    scale = _SCALE.match(text[found.end() :].lower())
    return value * _SCALES.get(scale.group(1), 1.0) if scale else value


def _date(cell: Any) -> Any:
    import pandas as pd

    if _missing(cell):
        return pd.NaT
    text = _NOTES.sub("", str(cell)[:_MAX_CELL].translate(_SPACES).translate(_MINUS)).strip()
    text = re.sub(r"(\d)(?:st|nd|rd|th)\b", r"\1", text)
    if re.fullmatch(r"[12]\d{3}(?:\.0)?", text):
        return pd.Timestamp(year=int(text[:4]), month=1, day=1)
    if not re.search(r"\d", text):
        return pd.NaT
    return pd.to_datetime(text, errors="coerce", dayfirst=bool(re.match(r"(?:1[3-9]|2\d|3[01])[/.-]", text)))


def _text(cell: Any) -> str:
    if _missing(cell):
        return ""
    text = unicodedata.normalize("NFKD", str(cell)[:_MAX_CELL])
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    text = re.sub("[\u2018\u2019\u00b4`]", "'", text)
    text = re.sub("[\u201c\u201d]", '"', text)
    text = re.sub("[\u2010-\u2015\u2212]", "-", text)
    text = without_details(text.strip())
    return re.sub(r"\s+", " ", text.removesuffix(".")).lower().strip()
