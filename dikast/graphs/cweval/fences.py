r"""The fenced blocks of a reply, as CommonMark has them, and as models write them.

    for block in blocks("Here:\n```python\nx = 1\n```"):
        block.label, block.code, block.closed

A block may be indented within a list, stand in a quote, have a fence of more than three marks or of tildes, or begin
behind words on their line if it has a label. Only a line of at least as many marks as opened it, and nothing else, ends
it. One that nothing ends goes on to the end of the reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

OPENING = re.compile(r"^([ \t>]*)(`{3,}+|~{3,}+)([^`\n]*)$")
BEHIND_WORDS = re.compile(r"^[^`\n]*(`{3,})([\w+#.-]+)[ \t]*$")
TICKS = re.compile(r"`+")
CLOSING = re.compile(r"^[ \t>]*(`{3,}|~{3,})[ \t]*$")


@dataclass(frozen=True, slots=True)
class FencedBlock:
    """One block.

    Args:
        label: What stands behind the opening marks, its first word, in lower case.
        code: The lines, without the indentation that the fence has.
        closed: Whether it ends before the reply does.
    """

    label: str
    code: str
    closed: bool


def blocks(text: str) -> list[FencedBlock]:
    """All blocks, in order."""
    return [part for part in _parts(text) if isinstance(part, FencedBlock)]


def outside(text: str) -> str:
    """What stands in no block."""
    return "\n".join(part for part in _parts(text) if isinstance(part, str))


def _parts(text: str) -> Iterator[FencedBlock | str]:
    fence, label, indent = "", "", ""
    lines: list[str] = []
    for line in text.splitlines():
        if not fence:
            opening = _opening(line)
            if opening is None:
                yield line
            else:
                indent, fence, label = opening
                lines = []
        elif (closing := CLOSING.match(line)) and closing[1].startswith(fence):
            yield FencedBlock(label, "\n".join(lines), closed=True)
            fence = ""
        else:
            lines.append(_dedented(line, indent))
    if fence:
        yield FencedBlock(label, "\n".join(lines), closed=False)


def _opening(line: str) -> tuple[str, str, str] | None:
    """Indentation, marks and label of a line that begins a block."""
    if found := OPENING.match(line):
        words = found[3].strip().strip("{}.").split()
        return found[1], found[2], words[0].lower() if words else ""
    behind = BEHIND_WORDS.match(line)
    return ("", behind[1], behind[2].lower()) if behind else None


def _dedented(line: str, indent: str) -> str:
    """As much of the indentation, or of the quote's marks, as the line has."""
    at = 0
    while at < min(len(indent), len(line)) and line[at] == indent[at]:
        at += 1
    return line[at:]


def in_block(code: str) -> str:
    """Code as a fenced block that it cannot close: its fence is longer than any that the code has.

    Unlike `dikast.fence.fence` it changes nothing: `#include <vector>` has to stay what it is.
    """
    longest = max((len(run) for run in TICKS.findall(code)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}\n{code.rstrip()}\n{ticks}"
