"""Column names that can be said in a prompt and used in a program: clean, short, all different.

Headers are text by whoever made the file, and they reach a model. White space is collapsed, control, invisible and
direction characters go, chat-template tokens and verdict marks are broken up, long names are cut. The table's columns
carry the cleaned names, so that a program can say what the prompt said; every change is told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from dikast.fence import UNSEEN, inert
from dikast.tables.table import Problem

MAX_HEADER_CHARACTERS = 200
"""The longest header of the WikiSQL test tables that were looked at has 160 characters."""


def clean_headers(raw: Sequence[object]) -> tuple[list[str], list[Problem]]:
    """One usable name per column, in order, and what had to be changed.

    An empty name becomes `column_N` (N from 1), a repeated one gets ` (2)`, ` (3)`, ... behind it.
    """
    names: list[str] = []
    problems: list[Problem] = []
    taken: set[str] = set()
    for position, header in enumerate(raw, start=1):
        text = "" if header is None else str(header)
        clean = clean_name(text)
        name = free_name(clean or f"column_{position}", taken)
        taken.add(name)
        names.append(name)
        problems += _report_new_name(text, clean, name, position)
    return names, problems


def clean_name(text: str) -> str:
    """The text on one line, without unseen characters, inert in a prompt, at most `MAX_HEADER_CHARACTERS` long."""
    seen = UNSEEN.sub("", re.sub(r"\s+", " ", unicodedata.normalize("NFC", text))).strip()
    return inert(seen)[:MAX_HEADER_CHARACTERS].strip()


def free_name(name: str, taken: set[str]) -> str:
    """The name, or the first of `name (2)`, `name (3)`, ... that is not taken."""
    number = 2
    free = name
    while free in taken:
        free = f"{name} ({number})"
        number += 1
    return free


def _report_new_name(text: str, clean: str, name: str, position: int) -> list[Problem]:
    if not clean:
        return [Problem("empty header", f"column {position} has no name; called {name!r}", name)]
    if clean != text:
        return [Problem("cleaned header", f"the name of column {position} was cleaned; called {name!r}", name)]
    if name != clean:
        return [Problem("repeated header", f"the name of column {position} repeats another's; called {name!r}", name)]
    return []
