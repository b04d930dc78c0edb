"""Needles: a sentence laid into a prompt at some depth, which a question behind it asks for."""

from __future__ import annotations

import hashlib
import re

from dikast.agents.prompt import load_prompt

NAMES = ("Ada", "Bruno", "Clara", "Dino", "Edda", "Faris", "Greta", "Hugo")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def with_needle(document: str, key: str, depth: float) -> tuple[str, str]:
    """A document with a number laid between two of its sentences, and the question for it.

    Args:
        document: The user's text.
        key: What name and number depend on.
        depth: From 0 (before everything) to 1 (at the end).

    Returns:
        The prompt, and the number.
    """
    drawn = hashlib.sha256(f"{key} {depth}".encode()).digest()
    name, number = NAMES[drawn[0] % len(NAMES)], str(10_000 + int.from_bytes(drawn[1:5], "big") % 90_000)
    ends = [0, *(found.end() for found in SENTENCE_END.finditer(document)), len(document)]
    at = min(ends, key=lambda end: abs(end - depth * len(document)))
    fields = {"before": document[:at], "name": name, "number": number, "after": document[at:]}
    [asked] = load_prompt("h2o/needle").render(fields)
    return asked["content"].strip(), number
