"""How cells are written, without what they say.

Digits become `9`, words `Aa`, `aa` or `AA` (one letter: `A`), months `Month` or `Mon`, weekdays `Weekday` or `Wkd`:

    sketch("March 3, 2004")       # "Month 9, 9999"
    sketch("13,845 ft")           # "99,999 aa"
    sketch("$1.56 billion")       # "$9.99 aa"
    coarse("13,845 ft")           # "9+,9+ text"

`common(cells, k)` gives the sketches that at least `k` different cells share, fine ones where they suffice, coarse ones
else. No letter and no digit of a cell survives, only punctuation and currency signs do; so what a sketch can give away
is that k or more different cells look alike. (k-anonymity: Sweeney 2002, doi 10.1142/S0218488502001648; it does not
protect against someone who adds rows and looks again.)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NAMED: dict[str, str] = {
    **{month: "Month" for month in MONTHS},
    **{month[:3]: "Mon" for month in MONTHS if month != "may"},
    "sept": "Mon",
    **{day: "Weekday" for day in WEEKDAYS},
    **{day[:3]: "Wkd" for day in WEEKDAYS},
}

TOKEN = re.compile(r"[^\W\d_]+|\d+|\s+|.", re.DOTALL)
WORD = r"(?:Aa|aa|AA|A|a|Month|Mon|Weekday|Wkd)"
PHRASE = re.compile(rf"{WORD}(?:[ '.&-]+{WORD})*\.?")
MAX_CELL_CHARACTERS = 200
MAX_SKETCH_CHARACTERS = 40
"""Longer cells are prose, whose form says nothing to a program."""

MAX_SKETCHES = 4
"""Sketches a column: the schema stays a line a column."""

MARKS = frozenset("£€¥₹–—−‘’“”×°•†‡…")
"""Marks beyond ASCII that sketches show, since a program has to write them to split a cell at them."""


def sketch(cell: str) -> str:
    """The cell's form in full: one `9` a digit, one word a word."""
    return "".join(map(_token, TOKEN.findall(cell[:MAX_CELL_CHARACTERS].strip())))


def coarse(cell: str) -> str:
    """The cell's form with runs of digits as `9+` and phrases as `text`."""
    return PHRASE.sub("text", re.sub("9+", "9+", sketch(cell)))


def common(cells: Iterable[str], k: int) -> tuple[tuple[str, ...], bool]:
    """The forms shared by at least `k` different cells, and whether at least `k` different cells have other forms.

    Returns:
        At most `MAX_SKETCHES` forms in alphabetical order, and the flag. Cells beyond the most frequent forms count as
        others.
    """
    distinct = set(cells)
    fine = Counter(map(sketch, distinct))
    shown = {form for form, count in fine.items() if count >= k and len(form) <= MAX_SKETCH_CHARACTERS}
    rest = [cell for cell in distinct if sketch(cell) not in shown]
    rough = Counter(map(coarse, rest))
    rough = Counter({form: count for form, count in rough.items() if count >= k and len(form) <= MAX_SKETCH_CHARACTERS})
    counted = Counter({form: fine[form] for form in shown}) + rough
    best = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:MAX_SKETCHES]
    others = len(distinct) - sum(count for _, count in best)
    return tuple(sorted(form for form, _ in best)), others >= k


def _token(token: str) -> str:
    if token.isspace():
        return " "
    if token[0].isdigit():
        return "9" * len(token)
    if token.isalpha():
        return NAMED.get(token.lower()) or _word(token)
    return token if (token.isascii() and token.isprintable()) or token in MARKS else "?"


def _word(token: str) -> str:
    form = "AA" if token.isupper() else "Aa" if token[0].isupper() else "aa"
    return form[: len(token)]
