"""What the expansion keeps of each new instruction: all of it JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import TypedDict

Drop = Literal["task", "unclassified", "repeat", "unanswered", "cut"]
DROPS: Mapping[str, str] = {
    "task": "its task is another one",
    "unclassified": "the classifier does not say its task",
    "repeat": "it nearly repeats an instruction that is there",
    "unanswered": "the teacher gave no answer",
    "cut": "the teacher's answer was cut off",
    "elsewhere": "it nearly repeats an instruction of another row",
}
"""Why a new instruction is left out, in words; `elsewhere` is found over all rows of a run, the others within one."""


class New(TypedDict):
    """A new instruction and its answer, or why it is left out."""

    instruction: str
    task: str | None
    """As the classifier names it; `None` where it was not asked, or does not say."""
    answer: str
    dropped: Drop | None
    outcome: str
    """How the last call about it ended."""
    reason: str
    provenance: dict[str, Any]
    """The answer's."""


class Failure(TypedDict):
    """A call that failed, or could not be read."""

    step: str
    outcome: str
    reason: str


def blank(instruction: str) -> New:
    """A new instruction of which nothing is known yet."""
    return New(instruction=instruction, task=None, answer="", dropped=None, outcome="ok", reason="", provenance={})
