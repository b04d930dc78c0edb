r"""The final answer of a solution: where it stands, and when it is the same as another one.

    final_answer("... so she has $18 left.\n#### 18", "numeric")        # "18"
    same("1,000.0", "1000", "numeric")                                  # True

Looked for are, in this order: the text behind the first `####` (what a policy that does not end says behind its answer
is no part of it); within the last `\boxed{}`; behind the last line that
begins with `A:` or `Answer:`; behind the last "the answer is". Where there is none of these, and it is asked for,
the last number of the text (`numeric`), the last letter that stands as a choice (`choice`), the last line (`exact`).

Numbers are compared as exact fractions: thousands separators, currency signs, units and a full stop are dropped; `3/4`,
`1 1/2`, `75%` (as 75), `1.5e3` and `-3` are read. A text with several numbers is none, unless it begins with the number
and goes on with a unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, TypeAlias

Form: TypeAlias = Literal["numeric", "choice", "exact"]

ENDINGS: Mapping[Form, str] = {
    "numeric": "End with a line that holds #### and the number, and nothing else.",
    "choice": "End with a line that holds #### and the letter of your choice, and nothing else.",
    "exact": "End with a line that holds #### and the answer, and nothing else.",
}
"""How an answer is asked for, by its form."""

MOST = 2_000
"""Characters of an answer that are looked at; a policy that never ends is no reason to read on."""
MARKED = re.compile(r"####[ \t]*([^\n]*)")
BOXED = re.compile(r"\\boxed[ \t]*\{((?:[^{}]|\{[^{}]*\})*)\}")
LINE = re.compile(r"^[ \t*]*(?:A|Answer|Final answer)[ \t*]*:[ \t*]*(.*)$", re.MULTILINE | re.IGNORECASE)
ENDING = re.compile(r"\b(?:the|final)[ \t]+(?:final[ \t]+|correct[ \t]+)?answer[ \t]+is\b", re.IGNORECASE)
SAID = re.compile(r"\banswer\b[^\n.:=]{0,40}?(?:\bis\b|:|=)[ \t:*]*([^\n]*)", re.IGNORECASE)

NUMBER = re.compile(
    r"(?<![\w.])[-+\u2212]?[ \t]?[$\u20ac\u00a3]?[ \t]?"
    r"(?:(?P<whole>\d{1,9})[ \t]+(?P<top>\d{1,9})/(?P<bottom>\d{1,9})"  # 1 1/2
    r"|(?P<over>\d{1,60})[ \t]?/[ \t]?(?P<under>\d{1,60})"  # 3/4
    r"|(?P<plain>(?:\d{1,3}(?:,\d{3})+|\d{1,400})(?:\.\d{0,400})?|\.\d{1,400})(?P<power>[eE][-+]?\d{1,3})?)"
)
FRACTION = re.compile(r"\\d?frac\{(-?\d{1,12})\}\{(\d{1,12})\}")
LETTER = re.compile(r"(?<![A-Za-z'])\(?([A-Z])\)?(?![A-Za-z'])")
WHITE = re.compile(r"\s+")


def marked_answer(text: str) -> str | None:
    """What a solution says is its answer, in its own words; `None` where it does not say so."""
    if first := MARKED.search(text):
        return clean(first[1])
    for pattern in (BOXED, LINE, SAID):
        told: list[str] = pattern.findall(text)
        if told and clean(told[-1]):
            return clean(told[-1])
    return None


def says_end(text: str) -> bool:
    """Whether a solution says its answer in one of the ways in which solutions end, so that no step follows."""
    return any(pattern.search(text) for pattern in (MARKED, BOXED, LINE, ENDING))


def clean(text: str) -> str:
    """Without markup and the white space around it."""
    return text[:MOST].strip().strip("*`$").strip()


def final_answer(text: str, form: Form, *, guess: bool = True) -> str | None:
    """The answer of a solution in the one way in which the form writes it; `None` where it has none.

    Args:
        text: The solution.
        form: What answers are.
        guess: Whether the last number, letter or line counts where the solution names no answer.
    """
    said = marked_answer(text)
    if said is not None:
        return normal(said, form)
    if not guess:
        return None
    if form == "numeric":
        numbers = list(NUMBER.finditer(text[-MOST:]))
        return written(value_of(numbers[-1])) if numbers else None
    if form == "choice":
        letters: list[str] = LETTER.findall(text[-MOST:])
        return letters[-1] if letters else None
    lines = [line for line in text[-MOST:].splitlines() if line.strip()]
    return normal(lines[-1], form) if lines else None


def normal(answer: str, form: Form) -> str | None:
    """An answer in the one way in which the form writes it; `None` if it is none of that form."""
    if form == "numeric":
        value = number(answer)
        return None if value is None else written(value)
    if form == "choice":
        letters: list[str] = LETTER.findall(answer.strip().upper() if len(answer.strip()) == 1 else answer)
        return letters[0] if letters else None
    return WHITE.sub(" ", answer).strip().rstrip(".").casefold() or None


def same(answer: str | None, gold: str, form: Form) -> bool:
    """Whether an answer is the gold one; both may be written in any way that the form reads."""
    own = None if answer is None else normal(answer, form)
    return own is not None and own == normal(gold, form)


def number(text: str) -> Fraction | None:
    """The one number that a text is; `None` if it is none, or says several."""
    said = FRACTION.sub(r"\1/\2", text[:MOST]).replace("\\%", "%").replace("\\$", "$").replace("\\,", "")
    found = list(NUMBER.finditer(said))
    if not found:
        return None
    first = found[0]
    if len(found) > 1 and said[: first.start()].strip():
        return None  # "of the 20 there are 12": which of them is meant?
    if len(found) > 1 and re.search(r"[=+*/^\u00d7\u00f7]|\bor\b|\band\b|,", said[first.end() :]):
        return None
    return scaled(value_of(first), said[first.end() :])


SCALES = (("thousand", 3), ("million", 6), ("billion", 9), ("trillion", 12))


def scaled(value: Fraction | None, behind: str) -> Fraction | None:
    """A number with the word behind it that multiplies it."""
    word = next((power for name, power in SCALES if behind.lower().lstrip().startswith(name)), 0)
    return None if value is None else value * 10**word


def value_of(match: re.Match[str]) -> Fraction | None:
    """What a match of `NUMBER` says; `None` for a division by zero."""
    sign = -1 if match[0].lstrip()[0] in "-\u2212" else 1
    if match["whole"]:
        return over(sign, int(match["whole"]), int(match["top"]), int(match["bottom"]))
    if match["over"]:
        return over(sign, 0, int(match["over"]), int(match["under"]))
    plain = match["plain"].replace(",", "").rstrip(".")
    return sign * Fraction(plain + (match["power"] or ""))


def over(sign: int, whole: int, top: int, bottom: int) -> Fraction | None:
    """A mixed number."""
    return sign * (whole + Fraction(top, bottom)) if bottom else None


def written(value: Fraction | None) -> str | None:
    """A number as text: whole ones and short decimals as such, others as a fraction."""
    if value is None:
        return None
    if value.denominator == 1:
        return str(value.numerator)
    try:
        shortened = repr(float(value))
    except OverflowError:
        shortened = "0"
    return shortened if Fraction(shortened) == value else f"{value.numerator}/{value.denominator}"


def most_common(answers: Sequence[str], weights: Sequence[float]) -> str | None:
    """The answer with the most weight; of equal ones the first. `None` of none."""
    totals: dict[str, float] = {}
    for answer, weight in zip(answers, weights, strict=True):
        totals[answer] = totals.get(answer, 0.0) + weight
    return max(totals, key=totals.__getitem__) if totals else None
