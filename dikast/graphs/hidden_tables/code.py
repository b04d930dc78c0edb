r"""The program in a model's reply: one fenced block of its language, or a reply that is a program and nothing else.

    extract_code("Here it is:\n```python\nanswer = len(df)\n```").program     # "answer = len(df)\n"

Nothing is guessed: where a reply holds several programs none is chosen, and one that was cut off is not run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from dikast.graphs.hidden_tables.language import PYTHON, SQL, Language
from dikast.spoken import spoken

LEAST_MARK, MOST_INDENT = 3, 3
"""A CommonMark fence: so many backticks or tildes at least, behind so many blanks at most."""
NAMED = "answer"
MOST_CHARACTERS, MOST_LINES = 1 << 20, 50_000
"""A reply beyond is not read: it holds the event loop for the time of its length. A program has 64 kB at most."""
BARE_QUERY = re.compile(r"(?:select |with (?:recursive )?[\w\"]++ as ?\()", re.IGNORECASE)
"""How a reply begins that is SQL and no prose; a sentence that begins so costs a round."""
MOST_BARE = 16_384
"""Characters of a reply without a fence that are parsed as Python, which takes up to 20 ms of processor time."""


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


def extract_code(reply: str, language: Language = PYTHON) -> Extracted:
    """Read a reply. Blocks in other languages are passed over where there is one in this."""
    reply = spoken(reply)
    lines = _lines(reply)
    if lines is None:
        return Extracted(problem=Problem.NO_CODE, reason=f"a reply of {len(reply)} characters is too long to be read")
    blocks = [block for block in _blocks(lines) if block.text.strip()]
    chosen = [block for block in blocks if block.language.lower() in language.marks] or blocks
    if len(chosen) > 1:
        return Extracted(problem=Problem.MANY_BLOCKS, reason=f"{len(chosen)} code blocks where one was asked for")
    if not chosen:
        if _is_query(reply) if language is SQL else _is_program(reply):
            return Extracted(reply.strip() + "\n")
        return Extracted(problem=Problem.NO_CODE, reason=f"no code block in {reply[:80]!r:.80}")
    if not chosen[0].closed:
        return Extracted(problem=Problem.CUT, reason="the code block does not end")
    return Extracted(chosen[0].text)


def _lines(reply: str) -> list[str] | None:
    if len(reply) > MOST_CHARACTERS or reply.count("\n") > MOST_LINES:
        return None
    lines = reply.splitlines()
    return lines if len(lines) <= MOST_LINES else None


def _blocks(reply: Sequence[str]) -> list[_Block]:
    blocks: list[_Block] = []
    mark, language, lines = "", "", list[str]()
    for line in reply:
        fence = _read_fence(line) if not mark else None
        if fence:
            (mark, language), lines = fence, []
        elif mark and line.strip().startswith(mark) and not line.strip().strip(mark[0]):
            blocks.append(_Block(language, "\n".join(lines) + "\n", closed=True))
            mark = ""
        elif mark:
            lines.append(line)
    if mark:
        blocks.append(_Block(language, "\n".join(lines) + "\n", closed=False))
    return blocks


def _read_fence(line: str) -> tuple[str, str] | None:
    """The mark of an opening fence and the language behind it. No regular expression: one that says this is cubic."""
    text = line.lstrip(" \t")
    said = text.lstrip(text[:1]) if text[:1] in ("`", "~") else text
    length = len(text) - len(said)
    if length < LEAST_MARK or len(line) - len(text) > MOST_INDENT or "`" in said:
        return None
    words = said.split(maxsplit=1)
    return text[:length], words[0] if words else ""


def _is_program(reply: str) -> bool:
    """Whether the whole reply is Python that sets `answer`: small models leave the fence away."""
    if len(reply) > MOST_BARE:
        return False
    try:
        tree = ast.parse(reply.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == NAMED for node in ast.walk(tree)
    )


def _is_query(reply: str) -> bool:
    """Whether the whole reply is one query, by how it begins: small models leave the fence away."""
    return len(reply) <= MOST_BARE and BARE_QUERY.match(" ".join(reply.split())) is not None
