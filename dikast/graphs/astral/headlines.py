"""Headlines, whoever gives them: each on one line, bounded, each once."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_HEADLINE = 300
"""Characters that are kept of one."""
SEARCH = "search:"
"""What the spec of a search begins with."""


def tidy_lines(lines: Iterable[str]) -> list[str]:
    """Put each headline on one line and cut it to a bounded length; leave repeats and empty ones out."""
    short = (" ".join(line.split())[:LONGEST_HEADLINE] for line in lines)
    return list(dict.fromkeys(line for line in short if line))
