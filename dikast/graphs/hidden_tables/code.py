r"""The program in a model's reply: one fenced block of Python, or a reply that is a program and nothing else.

    extract_code("Here it is:\n```python\nanswer = len(df)\n```").program     # "answer = len(df)\n"

Nothing is guessed: where a reply holds several programs none is chosen, and one that was cut off is not run.
"""

from __future__ import annotations

import ast
import re
from enum import StrEnum
from typing import NamedTuple

FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*")
"""A CommonMark fence: its mark and the language behind it."""
PYTHON = ("python", "py", "python3", "pandas")
NAMED = "answer"


class Problem(StrEnum):
    """Why there is no program."""

    NO_CODE = "no_code"
    MANY_BLOCKS = "many_blocks"
    CUT = "cut"


class Extracted(NamedTuple):
    """A program, or why there is none."""

    program: str = ""
    problem: Problem | None = None
    reason: str = ""


class _Block(NamedTuple):
    language: str
    text: str
    closed: bool


def extract_code(reply: str) -> Extracted:
    """Read a reply. Blocks in other languages are passed over where there is one in Python."""
    blocks = [block for block in _blocks(reply) if block.text.strip()]
    python = [block for block in blocks if block.language.lower() in PYTHON]
    chosen = python or blocks
    if len(chosen) > 1:
        return Extracted(problem=Problem.MANY_BLOCKS, reason=f"{len(chosen)} code blocks where one was asked for")
    if not chosen:
        if _is_program(reply):
            return Extracted(reply.strip() + "\n")
        return Extracted(problem=Problem.NO_CODE, reason=f"no code block in {reply!r:.80}")
    if not chosen[0].closed:
        return Extracted(problem=Problem.CUT, reason="the code block does not end")
    return Extracted(chosen[0].text)


def _blocks(reply: str) -> list[_Block]:
    blocks: list[_Block] = []
    mark, language, lines = "", "", list[str]()
    for line in reply.splitlines():
        fence = FENCE.fullmatch(line)
        if not mark and fence:
            mark, language, lines = fence[1], fence[2], []
        elif mark and line.strip().startswith(mark) and not line.strip().strip(mark[0]):
            blocks.append(_Block(language, "\n".join(lines) + "\n", closed=True))
            mark = ""
        elif mark:
            lines.append(line)
    if mark:
        blocks.append(_Block(language, "\n".join(lines) + "\n", closed=False))
    return blocks


def _is_program(reply: str) -> bool:
    """Whether the whole reply is Python that sets `answer`: small models leave the fence away."""
    try:
        tree = ast.parse(reply.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == NAMED for node in ast.walk(tree)
    )
