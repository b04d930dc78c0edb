"""What a program may call on cells that it has never seen: `num`, `date` and `norm`, on one cell or on a Series.

    df[num(df["Population"]) > 1_000_000]      "1,234,567 (est.)" -> 1234567.0
    date("12 March 2004").year                 2004
    norm(df["Name"]) == norm("Zoë [2]")        "zoe"

All three return a missing value (NaN, NaT, "") for what they cannot read, or can read in two ways (`inside.written` has
the rule), and never raise for a cell. In a Series the cells are read alike: those that show how numbers or dates are
written decide for those that do not. `norm` follows the string normalisation of the official WikiTableQuestions
evaluator (Pasupat and Liang 2015, evaluator.py).
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from dikast.sandbox.inside.details import without_details
from dikast.sandbox.inside.written import MAX_CELL, PLAIN, Spelling, read_date, read_number, settled


def offered(spelling: Spelling = PLAIN) -> Mapping[str, Callable[[Any], Any]]:
    """The helpers, for a table that is written so."""
    return {"num": partial(num, spelling=spelling), "date": partial(date, spelling=spelling), "norm": norm}


def num(value: Any, *, spelling: Spelling = PLAIN) -> Any:
    """The first number in a cell: thousands separators, currency, notes, percent, "(12)" = -12 and "1.2 million"."""
    import pandas as pd

    if not isinstance(value, pd.Series):
        return _number(value, spelling)
    cells = value.tolist()
    if any(isinstance(cell, str) for cell in cells):
        spelling = settled((cell for cell in cells if isinstance(cell, str)), spelling)
    return pd.Series([_number(cell, spelling) for cell in cells], index=value.index, name=value.name, dtype=float)


def date(value: Any, *, spelling: Spelling = PLAIN) -> Any:
    """The date in a cell as a Timestamp; a bare year is its first of January, "13/2/2004" has the day first.

    Offsets are kept; a Series of several is in UTC, and its cells without one are missing.
    """
    import pandas as pd

    if not isinstance(value, pd.Series):
        found = _date(value, spelling)
        return pd.NaT if found is None else pd.Timestamp(found)
    if value.dtype.kind == "M":
        return value
    cells = value.tolist()
    spelling = settled((cell for cell in cells if isinstance(cell, str)), spelling)
    return _moments([_date(cell, spelling) for cell in cells], value)


def norm(value: Any) -> Any:
    """A cell's text without case, diacritics, outer quotes, trailing notes and parentheses, or a final full stop."""
    import pandas as pd

    if not isinstance(value, pd.Series):
        return _text(value)
    return pd.Series([_text(cell) for cell in value.tolist()], index=value.index, name=value.name, dtype=object)


def _missing(cell: object) -> bool:
    """A cell without a value; the text "nan" is one with."""
    import pandas as pd

    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and cell != cell)


def _number(cell: Any, spelling: Spelling) -> float:
    if _missing(cell):
        return float("nan")
    if isinstance(cell, (bool, int, float)):
        return _finite(cell)
    found = read_number(str(cell), spelling)
    return float("nan") if found is None else found


def _finite(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer of more than 308 digits
        return float("nan")


def _date(cell: Any, spelling: Spelling) -> datetime.datetime | None:
    if _missing(cell):
        return None
    if isinstance(cell, datetime.datetime):
        return cell
    return read_date(str(cell), spelling)


def _moments(found: list[datetime.datetime | None], like: Any) -> Any:
    """A Series of datetimes: with a zone if any has one, then UTC unless all have the same."""
    pd: Any = import_module("pandas")
    zones = {one.utcoffset() for one in found if one is not None and one.tzinfo is not None}
    if not zones:
        return pd.Series(found, index=like.index, name=like.name, dtype="datetime64[us]")
    utc = datetime.UTC
    plain = [None if one is None or one.tzinfo is None else one.astimezone(utc).replace(tzinfo=None) for one in found]
    zone = datetime.timezone(offset) if len(zones) == 1 and (offset := zones.pop()) else utc
    made = pd.Series(plain, index=like.index, name=like.name, dtype="datetime64[us]")
    return made.dt.tz_localize(utc).dt.tz_convert(zone)


def _text(cell: Any) -> str:
    if _missing(cell):
        return ""
    text = unicodedata.normalize("NFKD", str(cell)[:MAX_CELL])
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    text = re.sub("[\u2018\u2019\u00b4`]", "'", text)
    text = re.sub("[\u201c\u201d]", '"', text)
    text = re.sub("[\u2010-\u2015\u2212]", "-", text)
    text = without_details(text.strip())
    return re.sub(r"\s+", " ", text.removesuffix(".")).lower().strip()
