r"""Solutions as steps, and steps as solutions.

    split("16 - 3 = 13\n13 * 2 = 26", "line")       # ["16 - 3 = 13", "13 * 2 = 26"]

A step is a line or a paragraph, at whose end an engine can be told to stop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

Unit: TypeAlias = Literal["line", "paragraph"]
"""By what a solution is divided into steps."""

SEPARATORS: Mapping[Unit, str] = {"line": "\n", "paragraph": "\n\n"}
PATTERNS: Mapping[Unit, re.Pattern[str]] = {"line": re.compile(r"\n"), "paragraph": re.compile(r"\n[ \t]*\n")}
"""Where a step ends."""


def split(text: str, by: Unit) -> list[str]:
    """The steps of a solution, without white space around them; none is empty."""
    parts = PATTERNS[by].split(text.replace("\r\n", "\n"))
    return [part.strip() for part in parts if part.strip()]


def join(steps: Sequence[str], by: Unit) -> str:
    """The solution that the steps make."""
    return SEPARATORS[by].join(steps)


def first_step(text: str, by: Unit) -> str:
    """The first step of what a policy said, which may have gone on; empty if it said nothing."""
    return next(iter(split(text, by)), "")
