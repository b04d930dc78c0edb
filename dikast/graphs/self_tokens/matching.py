"""Whether an answer says what the reference says: by its text, or by its last number."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, TypeAlias

Match: TypeAlias = Literal["text", "number"]
NUMBER = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?|[-−]?\.\d+")


def matches(answer: str, reference: str, how: Match) -> bool:
    """Whether they are the same.

    Args:
        answer: What was said.
        reference: What is right.
        how: `text`: the same words, whatever their case and the white space. `number`: the same last number, as answers
            to word problems end; an answer without one is wrong, and where the reference has none texts are compared.
    """
    if how == "number" and (right := last_number(reference)) is not None:
        return last_number(answer) == right
    return answer.casefold().split() == reference.casefold().split()


def last_number(text: str) -> Decimal | None:
    """The last number of a text, thousands parted by commas or not; `None` where there is none."""
    found = NUMBER.findall(text)
    return Decimal(found[-1].replace(",", "").replace("−", "-")) if found else None
