"""Numbers and dates as people write them: one reading, for the box's helpers, the files' reader and the judge.

    read_number("1.234,56 €")                       1234.56
    read_number("1,250", Spelling(assume=""))       None: 1250 or 1.25
    read_number("1.85 m"), read_number("£1.2m")     1.85, 1200000.0
    read_date("01/02/2004")                         None: the order of day and month is not known

The rule: what can be read in one way only is read so, whoever wrote it; what can be read in two ways is read as the
owner said (`Spelling`), else as the rest of its column shows (`settled`), else not at all. In particular

* a mark with other than three digits behind it, or behind a leading zero, is a decimal mark; of two different marks the
  last is; a mark that comes again stands between groups; one mark before three digits may be either;
* a unit is no magnitude: `m` and `t` are metres and tonnes. `k`, `M`, `b` multiply only beside a currency, where they
  can be nothing else; alone they may be either, and are not read. Words (`million`, `bn`, `Mio`) always multiply;
* `+` before seven or more digits in one piece is a telephone number;
* a date has a year: neither `12 March` nor `2:31` is one, and today's date is in none of them.

It runs inside the box too, so it imports the standard library alone, and nothing of it that reads a file.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_CELL = 1000
"""Characters of a cell that are looked at, so that no expression meets a megabyte."""
PHONE_DIGITS = 7
"""The fewest digits of a subscriber number; a quantity with a sign and as many has separators (ITU-T E.164)."""
INCHES = frozenset({"2", "3", "4", "8", "16", "32", "64"})
"""Denominators of a fraction with a plain slash; `7/10` is two numbers."""

_NOTES = re.compile(r"\[[^\[\]]*\]")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")
_MINUS = dict.fromkeys(map(ord, "\u2012\u2013\u2212"), "-")
_CURRENCY = r"(?:(?:US|CA|AU|NZ|HK|S|C|A|R)?[$€£¥₹₽₩₺₪฿]|USD|EUR|GBP|JPY|CHF|CAD|AUD|INR|CNY|Rs\.?|kr\.?)"
_NUMERAL = re.compile(r"(?:\d+(?:[.,']\d+)*|\.\d+)(?:[eE][-+]?\d+(?!\w))?")
_SPACED = re.compile(r"\d{1,3}(?: \d{3})+(?:[.,]\d+)?(?![\d.,'])")
_FRACTION = re.compile(
    r"(?<!\d)(?:(\d{1,9}) )?(\d{1,4})⁄(\d{1,4})|(?<![\d/.,])(\d{1,9}) (\d{1,2})/(\d{1,2})(?![\d/])"
    r"|^[-+]?(\d{1,2})/(\d{1,2})(?![\d/])"
)
_BEFORE = re.compile(rf"(?:^|[\s(\[])(?P<sign>[-+]?)\s?(?P<open>\(?)\s?(?P<money>{_CURRENCY})?\s?(?P<inner>[-+(]?)$")
_OPENING = re.compile(rf"[-+(]?\s?(?:{_CURRENCY})?\s?[-+(]?\s?")
_AFTER_MONEY = re.compile(rf"\s?[a-z]?\s?{_CURRENCY}", re.IGNORECASE)
_CLOSED = re.compile(rf"\s?%?\s?{_CURRENCY}?\)\s?%?$")
_NOT_DECIMAL = re.compile(r"_\d|[xX][0-9a-fA-F]|[.,']\d")
_WORD = re.compile(r"\s?([^\W\d_]+)")
_WORDS = {
    "thousand": 1e3, "thousands": 1e3, "tsd": 1e3, "lakh": 1e5, "lakhs": 1e5, "crore": 1e7, "crores": 1e7,
    "million": 1e6, "millions": 1e6, "mn": 1e6, "mln": 1e6, "mio": 1e6,
    "billion": 1e9, "billions": 1e9, "bn": 1e9, "bln": 1e9, "mrd": 1e9,
    "trillion": 1e12, "trillions": 1e12, "trn": 1e12, "tn": 1e12,
}  # fmt: skip
_LETTERS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_CODES = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "Rs": "INR", "Rs.": "INR"}
_UNITS = frozenset("mt")
"""Letters that are a unit where no currency stands beside: metre and tonne; upper case is neither."""
_QUANTITY = re.compile(
    rf"[-+(]?\s?(?P<money>{_CURRENCY})?\s?[-+(]?(?:\d[\d.,' ]{{0,40}}|\.\d{{1,40}})\s?[½⅓⅔¼¾⅛⅜⅝⅞]?"
    rf"\s?(?P<word>[^\W\d_]{{1,9}}[²³]?\.?)??\s?(?P<behind>%|{_CURRENCY})?\s?[-)]?"
)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a table's numbers and dates are written, as far as somebody said so.

    Args:
        decimal: `"."` or `","`; `None` where nobody said.
        thousands: The mark between groups of three digits; empty for none, `None` where nobody said.
        dayfirst: Whether 1/2/2004 is in February; `None` where nobody said.
        assume: The decimal mark of what can be read in two ways; empty where it is not to be read.
    """

    decimal: str | None = None
    thousands: str | None = None
    dayfirst: bool | None = None
    assume: str = "."

    @property
    def marks_given(self) -> bool:
        """Whether somebody said how numbers are written."""
        return self.decimal is not None or self.thousands is not None

    @property
    def point(self) -> str:
        """The decimal mark where one was told; empty for none, since the thousands mark is the point."""
        if self.decimal is not None:
            return self.decimal
        return "" if self.thousands == "." else "."

    @property
    def groupers(self) -> str:
        """The marks that may stand between groups of three digits, the first being the usual one."""
        if self.thousands is not None:
            return self.thousands
        return ".' " if self.point == "," else ",' "


PLAIN = Spelling()
"""As English and most programs write."""


def read_number(text: str, spelling: Spelling = PLAIN) -> float | None:
    """The first number of a cell; `None` where there is none, or where it can be read in two ways.

    Currency, per cent signs, units and notes in brackets are left out, `(12)` and `5-` are negative, as accounts have
    them, and `3½` is 3.5.
    """
    cell = tidy(text)
    fraction = _read_fraction(cell)
    if fraction is not None:
        return fraction
    found = _find_numeral(cell)
    if found is None or _NOT_DECIMAL.match(cell, found.end()):
        return None
    before, after = _BEFORE.search(cell[: found.start()]), cell[found.end() :]
    token = found.group()
    value = read_token(token, spelling)
    if value is None or _is_phone(before, token):
        return None
    factor = _factor(after, before=bool(before and before["money"]))
    return None if factor is None else _sign(before, token, after) * value * factor


def tidy(text: str) -> str:
    """The beginning of a cell, with plain spaces, minus signs and fractions, without notes in brackets."""
    cell = text[:MAX_CELL].translate(_SPACES).translate(_MINUS)
    if not cell.isascii():
        cell = "".join(map(_plain_fraction, cell))
    return _NOTES.sub("", cell).strip()


def _plain_fraction(character: str) -> str:
    parts = unicodedata.decomposition(character).split()
    if parts[:1] != ["<fraction>"]:
        return character
    return " " + "".join(chr(int(part, 16)) for part in parts[1:])


def _read_fraction(cell: str) -> float | None:
    found = _FRACTION.search(cell)
    if found is None or re.search(r"\d", cell[: found.start()]):
        return None
    groups = found.groups()
    whole, above, below = next(part for part in (groups[:3], groups[3:6], ("0", *groups[6:])) if part[1] is not None)
    slash = groups[1] is None
    if int(below) == 0 or (slash and (below not in INCHES or int(above) >= int(below))):
        return None
    value = int(whole or 0) + int(above) / int(below)
    return -value if cell[: found.start()].rstrip().endswith("-") else value


def _find_numeral(cell: str) -> re.Match[str] | None:
    """The first numeral; groups between spaces are one numeral only at the beginning: `Boeing 7 737` has two."""
    found = _NUMERAL.search(cell)
    if found is not None and _OPENING.fullmatch(cell, 0, found.start()):
        return _SPACED.match(cell, found.start()) or found
    return found


def _is_phone(before: re.Match[str] | None, token: str) -> bool:
    plus = before is not None and not before["money"] and "+" in (before["sign"], before["inner"])
    return plus and token.isdigit() and len(token) >= PHONE_DIGITS


def _sign(before: re.Match[str] | None, token: str, after: str) -> int:
    if before is not None and "-" in (before["sign"], before["inner"]):
        return -1
    opened = before is not None and "(" in (before["open"], before["inner"])
    opened = opened or (before is not None and before.group().lstrip().startswith("("))
    if opened and _CLOSED.match(after):
        return -1
    # Accounts put the minus behind; "1990-" is a year that something began in.
    behind = before is not None and before.start() == 0 and after.strip() == "-"
    return -1 if behind and not re.fullmatch(r"[12]\d{3}", token) else 1


def _factor(after: str, *, before: bool) -> float | None:
    """What the word behind a number multiplies it by; `None` where it may be a unit or a magnitude."""
    found = _WORD.match(after)
    if found is None:
        return 1.0
    word, letter = found.group(1), found.group(1).lower()
    if letter in _WORDS:
        return _WORDS[letter]
    if letter not in _LETTERS:
        return 1.0
    # German T€ are thousands.
    if before or (letter != "t" and _AFTER_MONEY.match(after)):
        return _LETTERS[letter]
    return 1.0 if word in _UNITS else None


def read_token(token: str, spelling: Spelling = PLAIN) -> float | None:
    """Digits with marks between them as a number; `None` where the marks fit no number or more than one.

    Args:
        token: ASCII or other decimal digits with `.`, `,`, `'` or spaces between, perhaps an exponent.
        spelling: What is known of the marks.
    """
    mantissa, mark, exponent = token.lower().partition("e")
    if spelling.marks_given:
        plain = _replace_given_marks(mantissa, spelling.point, spelling.groupers)
    else:
        plain = _free_marks(mantissa, spelling.assume)
    if plain is None:
        return None
    try:
        return float(plain + mark + exponent)
    except (ValueError, OverflowError):
        return None


def _replace_given_marks(mantissa: str, decimal: str, groupers: str) -> str | None:
    whole, mark, fraction = mantissa.partition(decimal) if decimal else (mantissa, "", "")
    used = set(whole) & set(".,' ")
    if len(used) > 1 or not used <= set(groupers) or (mark and not fraction.isdigit()) or not (whole or mark):
        return None
    return _joined(whole.split(used.pop()) if used else [whole], mark, fraction)


def _free_marks(mantissa: str, assume: str) -> str | None:
    decimal = _decimal_of(mantissa)
    if decimal == "?":
        decimal = assume
        if not assume:
            return None
    whole, mark, fraction = mantissa.rpartition(decimal) if decimal and decimal in mantissa else (mantissa, "", "")
    marks = set(whole) & set(".,' ")
    if len(marks) > 1 or (mark and not fraction.isdigit()):
        return None
    return _joined(whole.split(marks.pop()) if marks else [whole], mark, fraction)


def _joined(groups: list[str], mark: str, fraction: str) -> str | None:
    return "".join(groups) + (f".{fraction}" if mark else "") if _are_groups(groups) else None


def _are_groups(groups: list[str]) -> bool:
    """Whether these are the groups of one number: threes, or India's twos before a last three."""
    first, *others = groups
    if not all(group.isdigit() for group in others) or (first and not first.isdigit()):
        return False
    if not others:
        return True
    if not 1 <= len(first) <= 3 or first == "0":
        return False
    threes = all(len(group) == 3 for group in others)
    twos = len(first) <= 2 and len(others[-1]) == 3 and all(len(group) == 2 for group in others[:-1])
    return threes or twos


def _decimal_of(mantissa: str) -> str:
    """The decimal mark that a numeral shows by its form; empty where it has no fraction, `?` where it may have."""
    marks = [char for char in mantissa if char in ".,"]
    if not marks:
        return ""
    last = marks[-1]
    if len(set(marks)) == 2:
        return last if marks.count(last) == 1 else "?"
    if len(marks) > 1:
        return ""
    before, _, behind = mantissa.partition(last)
    plain = before.isdigit() and len(before) <= 3 and before[0] != "0"
    return "?" if plain and len(behind) == 3 else last


def decimal_shown(text: str) -> str:
    """The decimal mark that a cell which is one numeral proves, `.` or `,`; empty where it proves none."""
    token = text.lstrip("+-").partition("e")[0].partition("E")[0]
    if not re.fullmatch(r"\A(?:\d++(?:[.,']\d++)+|[.,]\d++)", token) or _free_marks(token, ".") is None:
        return ""
    marks = [char for char in token if char in ".,"]
    if len(marks) > 1 and len(set(marks)) == 1:
        return "," if marks[0] == "." else "."
    return _decimal_of(token).replace("?", "")


def may_be_either(text: str) -> bool:
    """Whether a cell is one numeral whose mark may be decimal or between thousands."""
    token = text.lstrip("+-")
    return bool(re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", token))


def is_quantity(text: str) -> bool:
    """Whether a cell is one number with nothing but a sign, a currency, a per cent sign or a short unit."""
    return _QUANTITY.fullmatch(text[:MAX_CELL].translate(_SPACES).translate(_MINUS).strip()) is not None


def read_amount(text: str, spelling: Spelling = PLAIN) -> tuple[float, str, bool] | None:
    """A text that is nothing but a number, a currency, a magnitude or a per cent sign; units are not left out.

    Returns:
        The number (of 45% it is 45), its currency as a code where that is known, and whether it is in per cent.
    """
    found = _QUANTITY.fullmatch(text[:MAX_CELL].translate(_SPACES).translate(_MINUS).strip())
    if found is None:
        return None
    word = (found["word"] or "").rstrip(".").lower()
    value = read_number(text, spelling) if not word or word in _WORDS or word in _LETTERS else None
    money = found["money"] or (found["behind"] if found["behind"] != "%" else "") or ""
    if value is None or (word in _LETTERS and not money):
        return None
    return value, _CODES.get(money, money), found["behind"] == "%"


def settled(cells: Iterable[str], spelling: Spelling) -> Spelling:
    """The spelling, with what the cells of one column show of it where nobody said, if they agree."""
    texts = [tidy(cell) for cell in cells]
    if not spelling.marks_given:
        shown = {mark for text in texts for found in _NUMERAL.findall(text) if (mark := decimal_shown(found))}
        if shown:
            spelling = replace(spelling, assume=shown.pop() if len(shown) == 1 else "")
    if spelling.dayfirst is None:
        orders = {order for text in texts if (order := order_shown(text)) is not None}
        if len(orders) == 1:
            spelling = replace(spelling, dayfirst=orders.pop())
    return spelling


_MONTHS = {
    name: number
    for number, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
         "september sept sep", "october oct", "november nov", "december dec"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_DAYS = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? )?"
_MONTH = r"(?P<month>[a-z]{3,9})\.?"
_TIME = (
    r"(?:(?:t|,? (?:at )?)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?(?: ?(?P<zone>z|utc|gmt|[+-]\d\d(?::?\d\d)?))?)?"
)
_ORDERED = re.compile(r"(?P<one>\d{1,2})(?P<mark>[/.-])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d)" + _TIME)
_FORMS = tuple(
    re.compile(form + _TIME)
    for form in (
        r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
        r"(?P<year>\d{4})[-/](?P<month>\d{1,2})",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        rf"{_DAYS}(?P<day>\d{{1,2}})(?: (?:of )?|[-/]){_MONTH},?[ /-](?P<year>\d{{4}}|\d\d)",
        rf"{_DAYS}{_MONTH}[ -](?P<day>\d{{1,2}}),? ?[ -]?(?P<year>\d{{4}})",
        rf"{_MONTH},?[ /-](?P<year>\d{{4}})",
        rf"(?P<year>\d{{4}})[ -]{_MONTH}[ -](?P<day>\d{{1,2}})",
        r"(?P<month>\d{1,2})/(?P<year>\d{4})",
        r"(?P<year>[12]\d{3})(?:\.0)?",
    )
)
_ORDINAL = re.compile(r"(\d)(?:st|nd|rd|th)\b")
_TRAILING = re.compile(r" \([^()]*\)$")
_PIVOT = 69
"""POSIX: two-digit years from 69 are of the twentieth century."""


def read_date(text: str, spelling: Spelling = PLAIN) -> datetime.datetime | None:
    """The date of a cell, with its time and offset if it has them; `None` where there is none, or where it may be two.

    A month without a day is its first, a year without a month its first of January. Month names are English.
    """
    cell = _TRAILING.sub("", " ".join(_ORDINAL.sub(r"\1", tidy(text).lower()).split()))
    ordered = _ORDERED.fullmatch(cell)
    if ordered is not None:
        return _ordered(ordered, spelling.dayfirst)
    for form in _FORMS:
        if found := form.fullmatch(cell):
            return _moment(found, found.groupdict())
    return None


def order_shown(text: str) -> bool | None:
    """Whether a cell with a date in figures has the day first; `None` where it does not tell, or is no such date."""
    found = _ORDERED.fullmatch(text.lower())
    if found is None:
        return None
    one, two = int(found["one"]), int(found["two"])
    return None if (one > 12) == (two > 12) else one > 12


def is_date_text(text: str) -> bool:
    """Whether a text looks like a date and not like a number: it has figures and marks or words between."""
    return re.search(r"\d[-/. ,:T]|[A-Za-z]{3}", text[:MAX_CELL]) is not None and not is_quantity(text)


def is_ordered_date(text: str) -> bool:
    """Whether a cell is a date in figures with the year last: 1/2/2004."""
    return _ORDERED.fullmatch(text.lower()) is not None


def _ordered(found: re.Match[str], dayfirst: bool | None) -> datetime.datetime | None:
    shown = order_shown(found.group())
    if found["one"] == found["two"] or shown is not None:
        dayfirst = bool(shown)
    if dayfirst is None:
        return None
    day, month = ("one", "two") if dayfirst else ("two", "one")
    return _moment(found, {**found.groupdict(), "day": found[day], "month": found[month]})


def _moment(found: re.Match[str], parts: dict[str, str | None]) -> datetime.datetime | None:
    year, month = int(parts["year"] or 0), parts.get("month") or "1"
    if len(parts["year"] or "") == 2:
        year += 1900 if year >= _PIVOT else 2000
    number = int(month) if month.isdigit() else _MONTHS.get(month)
    hour = _hour(found)
    if number is None or hour is None:
        return None
    try:
        return datetime.datetime(
            year, number, int(parts.get("day") or 1), hour, int(found["minute"] or 0), int(found["second"] or 0),
            int((found["fraction"] or "0").ljust(6, "0")[:6]), _zone(found["zone"]),
        )  # fmt: skip
    except ValueError:
        return None


def _hour(found: re.Match[str]) -> int | None:
    hour = int(found["hour"] or 0)
    if found["half"] is None:
        return hour
    return hour % 12 + (12 if found["half"] == "p" else 0) if 1 <= hour <= 12 else None


def _zone(text: str | None) -> datetime.timezone | None:
    if text is None:
        return None
    if text in ("z", "utc", "gmt"):
        return datetime.UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return datetime.timezone(-offset if text[0] == "-" else offset)
