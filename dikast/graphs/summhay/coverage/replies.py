"""What a model's reply says of insights: read strictly, so that what is not clear is `unparsed` and never a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from dikast.errors import DikastError
from dikast.graphs.summhay.coverage.roles import FULLY, NOT, PARTLY
from dikast.reply_json import Found, folded, read_objects, stands_alone
from dikast.spoken import spoken

GRADES_BY_NAME: Mapping[str, float] = {"no": NOT, "partial": PARTLY, "full": FULLY}
NONE = ("na", "n/a", "none", "null", "")
"""How models write that there is no bullet."""
MOST_CHOICES = 64
"""Bullets up to which the schema lists the numbers that there are."""
MOST_DIGITS = 9


class Unclear(DikastError):
    """A reply that does not say what was asked."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What a reply says of one insight; the bullet is `None` where nothing is covered."""

    coverage: float
    bullet: int | None


def schema_of_one(bullets: int) -> dict[str, Any]:
    """The JSON schema of a grade: `{"coverage": "PARTIAL", "bullet": "2"}`.

    Numbers are text, so that `NA` stands in the same list: engines differ in how well they follow mixed types.
    """
    numbers = ["NA", *(str(number) for number in range(1, bullets + 1))]
    bullet = {"type": "string", "enum": numbers} if bullets <= MOST_CHOICES else {"type": "string"}
    return _object({"coverage": {"type": "string", "enum": ["NO", "PARTIAL", "FULL"]}, "bullet": bullet})


def schema_of_all(bullets: int, insights: int) -> dict[str, Any]:
    """The JSON schema of grades of several insights, by their numbers."""
    one = schema_of_one(bullets)["properties"]
    entry = _object({"number": {"type": "integer", "minimum": 1, "maximum": insights}, **one})
    return _object({"insights": {"type": "array", "items": entry}})


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def read_one(text: str, bullets: int) -> Grade:
    """The grade that a reply gives.

    Args:
        text: The reply.
        bullets: How many there are.

    Raises:
        Unclear: It gives none, or more than one.
    """
    return grade_of(_the_object(text).fields, bullets)


def read_all(text: str, bullets: int, insights: int) -> list[Grade | Unclear]:
    """What a reply gives each of several insights; what is unclear about one leaves the others as they are.

    Raises:
        Unclear: Nothing can be read at all.
    """
    entries = _the_object(text).fields.get("insights")
    if not isinstance(entries, list):
        raise Unclear("no list of insights in the reply")
    found: list[Grade | Unclear | None] = [None] * insights
    for entry in cast(Sequence[object], entries):
        fields = (
            {folded(str(name)): value for name, value in cast(dict[Any, Any], entry or {}).items()}
            if isinstance(entry, dict)
            else {}
        )
        number = _whole(fields.get("number"))
        if number is None or not 1 <= number <= insights:
            continue
        if found[number - 1] is not None:
            found[number - 1] = Unclear("the reply speaks of this insight twice")
            continue
        try:
            found[number - 1] = grade_of(fields, bullets)
        except Unclear as error:
            found[number - 1] = error
    return [Unclear("the reply leaves this insight out") if one is None else one for one in found]


def _the_object(text: str) -> Found:
    """The one object of a reply.

    Raises:
        Unclear: There is none, or several, or one in which a name comes twice.
    """
    said = spoken(text)
    found = [one for one in read_objects(said) or () if stands_alone(said, one)]
    if len(found) != 1:
        many = "more than one JSON object" if found else "no JSON object"
        raise Unclear(f"{many} in {text[-80:]!r}")
    if found[0].twice:
        raise Unclear(f"a name comes twice in {text[-80:]!r}")
    return found[0]


def grade_of(fields: Mapping[str, object], bullets: int) -> Grade:
    """A grade out of an object's fields, by their folded names.

    Raises:
        Unclear: The coverage is none of the three, the bullet does not exist, or is missing where something is covered.
    """
    said = fields.get("coverage")
    name = said.strip().casefold().removesuffix("_coverage") if isinstance(said, str) else ""
    if name not in GRADES_BY_NAME:
        raise Unclear(f"coverage {said!r:.40} is not NO, PARTIAL or FULL")
    coverage = GRADES_BY_NAME[name]
    given = fields.get("bullet", fields.get("bullet_id"))
    if given is None or (isinstance(given, str) and given.strip().casefold() in NONE):
        if coverage:
            raise Unclear(f"coverage {name.upper()} without a bullet")
        return Grade(coverage, None)
    number = _whole(given)
    if number is None or not 1 <= number <= bullets:
        raise Unclear(f"bullet {given!r:.40}, of which there are {bullets}")
    return Grade(coverage, number if coverage else None)


def _whole(value: object) -> int | None:
    """A whole number, or a text that is one; `None` for anything else, `true` and 10^9 among it."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value) if abs(value) < 10**MOST_DIGITS else None
    if isinstance(value, int):
        return value if abs(value) < 10**MOST_DIGITS else None
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= MOST_DIGITS else None
