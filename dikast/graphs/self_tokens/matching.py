"""Whether an answer says what the reference says: by its text, or by its last number; how near it comes."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Literal, TypeAlias

Match: TypeAlias = Literal["text", "number"]
NUMBER = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?|[-−]?\.\d+")


def matches(answer: str, reference: str, how: Match, right: str = "") -> bool:
    """Whether they are the same.

    Args:
        answer: What was said.
        reference: What should have been said.
        right: What is right, where the row says it apart from the reference: solutions need not end with their result.
        how: `text`: the same words, whatever their case and the white space. `number`: the same last number, as answers
            to word problems end; an answer without one is wrong, and where the reference has none texts are compared.
    """
    if how == "number" and (number := last_number(right or reference)) is not None:
        return last_number(answer) == number
    return answer.casefold().split() in [text.casefold().split() for text in (reference, right) if text]


def nearness(answer: str, reference: str) -> float | None:
    """How near an answer comes to a reference that can be worded in many ways: METEOR's exact and stem stages, 0..1.

    `None` where texts are written without spaces.
    """
    from dikast.evaluation.metrics.meteor import meteor_exact_stem

    found = meteor_exact_stem(answer, [reference])
    return None if math.isnan(found) else found


def last_number(text: str) -> Decimal | None:
    """The last number of a text, thousands parted by commas or not; `None` where there is none."""
    found = NUMBER.findall(text)
    return Decimal(found[-1].replace(",", "").replace("−", "-")) if found else None
