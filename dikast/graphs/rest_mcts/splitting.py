r"""Solutions as steps, and steps as solutions.

    split("16 - 3 = 13\n13 * 2 = 26", "line")       # ["16 - 3 = 13", "13 * 2 = 26"]

A step is a line, a paragraph, a sentence, or what stands under a mark of its own ("Step 2: ..."). Policies write by
line or by paragraph, where an engine can be told to stop; solutions from elsewhere are split in any of the four ways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

Unit: TypeAlias = Literal["line", "paragraph"]
"""By what a policy's solution is divided while it is written."""
Splitting: TypeAlias = Literal["line", "paragraph", "sentence", "mark"]

SEPARATORS: Mapping[Unit, str] = {"line": "\n", "paragraph": "\n\n"}
PATTERNS: Mapping[Splitting, re.Pattern[str]] = {
    "line": re.compile(r"\n"),
    "paragraph": re.compile(r"\n[ \t]*\n"),
    "sentence": re.compile(r"(?<=[.!?])\s+(?=[^\s\da-z])|\n"),
    "mark": re.compile(r"\n(?=[ \t]*[*#]{0,4}[ \t]*step[ \t]+\d+\b)", re.IGNORECASE),
}
"""Where a step ends. A sentence goes on behind a full stop that a digit or a small letter follows: `approx. 3`."""


def split(text: str, by: Splitting) -> list[str]:
    """The steps of a solution, without white space around them; none is empty."""
    parts = PATTERNS[by].split(text.replace("\r\n", "\n"))
    return [part.strip() for part in parts if part.strip()]


def join(steps: Sequence[str], by: Unit) -> str:
    """The solution that the steps make."""
    return SEPARATORS[by].join(steps)


def first_step(text: str, by: Unit) -> str:
    """The first step of what a policy said, which may have gone on; empty if it said nothing."""
    return next(iter(split(text, by)), "")
