"""What the WikiTableQuestions evaluator overlooks at the end of a cell or an answer: marks, notes, remarks, quotes.

    without_details("Oslo [1] (Norway)*")      # "Oslo"

Used inside the box by `norm` and outside by the judge, so that both mean the same.
"""

from __future__ import annotations

import re

MARKS = frozenset("•♦†‡*#+")
DIGITS = re.compile("[0-9]+")


def without_details(text: str) -> str:
    """The text without trailing marks, `[...]`, ` (...)` and one pair of outer quotes, stripped."""
    text = text[: _end_without_notes(text)].strip()
    if len(text) >= 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        return without_details(text[1:-1].strip())
    return text


def _end_without_notes(text: str) -> int:
    """Where the text ends without trailing marks, `[...]` and ` (...)`.

    Works on positions, so that a hostile text of a megabyte takes a second and not an hour, as it would with the
    evaluator's regular expressions.
    """
    end = len(text)
    while end:
        last = text[end - 1]
        if last.isspace() or last in MARKS:
            start = end - 1
        elif last == "]":
            start = _citation_start(text, end)
        elif last == ")":
            start = _parenthesis_start(text, end)
        else:
            return end
        if start < 0:
            return end
        end = start
    return end


def _citation_start(text: str, end: int) -> int:
    """Start of the longest `[...]` that ends here; at the start of the text only digits may stand in it."""
    window = text.rfind("]", 0, end - 1) + 1
    start = text.find("[", window, end)
    if start == 0 and not DIGITS.fullmatch(text, 1, end - 1):
        start = text.find("[", 1, end)
    return start


def _parenthesis_start(text: str, end: int) -> int:
    """Start of the longest ` (...)` that ends here, its space included."""
    window = text.rfind(")", 0, end - 1) + 1
    return text.find(" (", window, end)
