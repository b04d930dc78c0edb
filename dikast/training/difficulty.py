"""TAPIR's model-fitting difficulty: how far a student's answer is behind the teacher's, by a judge of both.

    difficulty((9, 6), (8, 7))        # 2.0: teacher and student, with the teacher's answer shown first, then second
    hard({"a": 2.0, "b": 0.5, "c": None}, threshold=1)      # ["a"]

Paper: Yue et al., TAPIR (arXiv 2405.13448): MFD(x) = J(teacher's answer) - J(student's), each 1 to 10, from
one call that sees both; large is hard. Sources write the difference both ways; here it is teacher minus student. Both
orders are asked, so two calls a row, and averaged: what a judge gives to a place cancels, whatever it gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

from dikast.errors import UsageError

Scores = tuple[float, float]
"""The teacher's points, then the student's, whichever was shown first."""

THRESHOLD = 2.0
"""On the paper's scale of 1 to 10. Not confirmed in the paper's text: choose it by the histogram of your own data."""


def difficulty(teacher_first: Scores | None, student_first: Scores | None) -> float | None:
    """Teacher minus student, the mean over both orders; above 0 where the student is behind.

    Swapping the two answers changes the sign and nothing else; equal answers give 0, whatever the judge.

    Args:
        teacher_first: Both answers' points, from the call that showed the teacher's first; `None` if unreadable.
        student_first: The same from the other call.

    Returns:
        `None` if either call came to nothing: one order alone is the judge's bias as much as its opinion.
    """
    if teacher_first is None or student_first is None:
        return None
    return ((teacher_first[0] - teacher_first[1]) + (student_first[0] - student_first[1])) / 2


def hard(difficulties: Mapping[str, float | None], threshold: float = THRESHOLD) -> list[str]:
    """The ids of the rows that are at least so hard, in their order; a row without a difficulty is not among them.

    Raises:
        UsageError: The threshold is NaN.
    """
    if isnan(threshold):
        raise UsageError("a threshold of NaN", hint="give a number; -inf keeps all, inf none")
    return [name for name, value in difficulties.items() if value is not None and value >= threshold]


def histogram(difficulties: Mapping[str, float | None], width: float = 1.0) -> dict[float, int]:
    """How many rows are how hard: the lower end of a bin -> rows; rows without a difficulty are in none.

    Raises:
        UsageError: The width is not above 0.
    """
    if not width > 0:
        raise UsageError(f"bins of width {width}", hint="give one above 0")
    found: dict[float, int] = {}
    for value in sorted(value for value in difficulties.values() if value is not None):
        low = value // width * width
        found[low] = found.get(low, 0) + 1
    return found
