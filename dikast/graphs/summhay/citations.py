"""Citations in a bullet: which documents it names, by their numbers in brackets.

`cited` is the authors' reading, digits, commas and spaces between brackets, which is what scores use: `[3]`, `[3, 7]`,
`[3][7]`. `read_citations` reads the other forms that models write too, `[Doc 3]`, `[Documents 3 and 7]`, `[3-5]`,
`[3; 7]`, `【3】`, and says which of them name no document; `plain` writes them as `[3]`, so that a summary is scored
by what its writer meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OFFICIAL = re.compile(r"\[([\d, ]+)\]")
DIGITS = 9
"""Digits of a number that can be a document's: longer ones are told as naming none, and never computed with."""
NUMBER = r"(?:(?:doc(?:ument)?|article|conversation|source|ref(?:erence)?|id)s?\.?\s*)?(?:no\.?\s*)?#?\s*[0-9]{1,400}"
JOINT = r"\s*(?:,|;|&|/|\band\b|,\s*and\b|-|–|—|\bto\b|\s)\s*"
BRACKETED = re.compile(rf"[\[【]\s*({NUMBER}(?:{JOINT}{NUMBER}){{0,400}})\s*[\]】]", re.IGNORECASE)
PIECE = re.compile(r"([0-9]+)\s*(?:(-|–|—|\bto\b)\s*(?:[A-Za-z#.\s]{0,20}))?", re.IGNORECASE)
LONGEST_RANGE = 1000
"""A range over more documents than that is taken for its two ends."""


@dataclass(frozen=True, slots=True)
class Citations:
    """What a text cites.

    Args:
        numbers: Numbers of documents that there are, ascending.
        unknown: How many of the numbers written name no document.
    """

    numbers: tuple[int, ...]
    unknown: int


def cited(text: str) -> frozenset[int]:
    """The numbers that the authors' program finds."""
    found = (piece.strip() for match in OFFICIAL.findall(text) for piece in match.split(","))
    # "3 7" between commas is an error there, and a number of too many digits is no document's: both name nothing here.
    return frozenset(int(piece) for piece in found if piece.isdecimal() and len(piece) <= DIGITS)


def read_citations(text: str, documents: int) -> Citations:
    """The documents that a text cites, in any of the forms that models write.

    Args:
        text: A bullet.
        documents: How many documents there are.
    """
    written = [number for match in BRACKETED.finditer(text) for number in _numbers(match[1])]
    known = {number for number in written if number is not None and 1 <= number <= documents}
    unknown = {number for number in written if number is None or not 1 <= number <= documents}
    return Citations(tuple(sorted(known)), len(unknown))


def plain(text: str) -> str:
    """The text with each citation in the form `[3]` or `[3, 7]`; one with a number of too many digits stays."""

    def written(match: re.Match[str]) -> str:
        numbers = _numbers(match[1])
        if None in numbers:
            return match[0]
        return f"[{', '.join(map(str, dict.fromkeys(numbers)))}]"

    return BRACKETED.sub(written, text)


def without_citations(text: str) -> str:
    """The text without what it cites."""
    return re.sub(r"(?<!\s)\s++(?=[.,;:!?])", "", BRACKETED.sub("", text)).strip()


def _numbers(inside: str) -> list[int | None]:
    """The numbers between two brackets; `None` for one with too many digits."""
    found: list[int | None] = []
    begun = False
    for match in PIECE.finditer(inside):
        number = int(match[1]) if len(match[1]) <= DIGITS else None
        first = found[-1] if begun else None
        if first is not None and number is not None and 0 < number - first <= LONGEST_RANGE:
            found.extend(range(first + 1, number + 1))
        else:
            found.append(number)
        begun = bool(match[2])
    return found
