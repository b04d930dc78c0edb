"""One item of an answer, in every way that it can be read."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from dikast.sandbox.inside.written import Spelling, is_date_text, read_amount, read_date
from dikast.tables.answers import Value, normalise, read

TRUTH = {"true": True, "yes": True, "false": False, "no": False}
SPAN = re.compile(r"(?:(-?\d{1,9}) days?,? ?)?(\d{1,6}):(\d\d)(?::(\d\d(?:\.\d{1,9})?))?")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an answer, in every way that it can be read.

    Args:
        text: As written.
        value: As WikiTableQuestions' rule reads it.
        truth: Whether it says yes or no.
        number: Its number; of a share in per cent the per cent.
        currency: The number's currency, if it has one.
        percent: Whether it is a share in per cent.
        moment: Its date and time.
        seconds: Its duration.
    """

    text: str
    value: Value
    truth: bool | None
    number: float | None
    currency: str
    percent: bool
    moment: datetime.datetime | None
    seconds: float | None

    @classmethod
    def of(cls, text: str, spelling: Spelling) -> Item:
        """Read an item."""
        amount = read_amount(text, spelling)
        value, currency, percent = amount or (None, "", False)
        moment = read_date(text, spelling) if is_date_text(text) else None
        return cls(text, read(text), TRUTH.get(normalise(text)), value, currency, percent, moment, _seconds(text))


def _seconds(text: str) -> float | None:
    found = SPAN.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
