r"""Bullets out of a reply: the lines by which a judge numbers a summary, and by which it is cited.

    read_bullets("Here are 2 points:\\n- One. [1]\\n  It goes on.\\n- Two. [3-5]").lines
    # ["One. [1] It goes on.", "Two. [3, 4, 5]"]

Where lines begin with a mark (`-`, `*`, `•`, `1.`, `2)`), these are the bullets: a line without one goes on with the
bullet above it, and what stands before the first is no bullet. Where none does, each line is one, headings left out.
Citations are written as `[3, 7]` in whatever form they came. The authors take every line that is not blank for a
bullet, headings and lead-ins too: files of theirs are scored so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dikast.graphs.summhay.citations import plain
from dikast.graphs.summhay.scores import is_heading

MARK = re.compile(r"(?:[-*•‣▪–·]|\(?[0-9]{1,3}[.)])\s+(?=\S)")
LONGEST = 4_000
"""Characters of a bullet; what one endless line has beyond them is cut off."""


class Bullets(NamedTuple):
    """The bullets of a reply.

    Args:
        lines: Those that are kept.
        surplus: How many more there were than were asked for.
    """

    lines: list[str]
    surplus: int


def read_bullets(text: str, wanted: int | None = None) -> Bullets:
    """The bullets of a reply, no more than were asked for.

    Args:
        text: The reply.
        wanted: How many were asked for; `None` for all.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = marked(lines) if any(MARK.match(line) for line in lines) else [one for one in lines if not is_heading(one)]
    bullets = [plain(one[:LONGEST].rstrip()) for one in found]
    kept = bullets if wanted is None else bullets[:wanted]
    return Bullets(kept, len(bullets) - len(kept))


def marked(lines: list[str]) -> list[str]:
    """The lines that begin with a mark, without it, each with the lines that go on with it."""
    found: list[str] = []
    for line in lines:
        if mark := MARK.match(line):
            found.append(line[mark.end() :])
        elif found and not is_heading(line):
            found[-1] += f" {line}"
    return found
