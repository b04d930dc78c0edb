r"""No regular expression of the package takes more than linear time, whatever it is given.

Model replies, cells and documents are written by others: a pattern such as `\s*x` is quadratic in a reply of blanks,
and a few kilobytes then hold the event loop for everybody (Python-Markdown #1130). Each pattern, compiled at module
level or written inside a call of `re`, is given pumped strings that are made from its own parse tree.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest
import regex

import dikast
from dikast.errors import MissingExtraError

codes: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")
ROOT = Path(dikast.__file__).parent
DATA = ROOT / "graphs" / "cweval" / "tasks"
"""Candidates of a benchmark, some of them slow on purpose; nobody imports them."""
FLAT = ROOT / "graphs" / "cweval" / "inside"
"""Files that import one another by their bare names: in the box there is no package."""
NOT_HERE = frozenset({"vllm", "torch", "transformers"})
"""What some modules cannot be imported without; the patterns of those are read from their text alone."""

SUSPECT_S = 0.002
"""A linear pattern reads the texts below in a twentieth of this."""
LENGTHS = (28, 240, 1_920)
"""Of the pumped texts: enough for an exponential, a cubic and a quadratic pattern to be suspect, and no longer."""
LONG = 12_000
"""Of texts that are nothing but pumped: some quadratic patterns skip quickly."""
GROWTH = 8.0
"""Four times the text: linear takes 4 times the time, quadratic 16 times."""
MOST_PUMPS, MOST_BEFORE = 45, 5
SAMPLES = {
    "CATEGORY_DIGIT": "1",
    "CATEGORY_SPACE": " ",
    "CATEGORY_WORD": "a",
    "CATEGORY_NOT_DIGIT": "a",
    "CATEGORY_NOT_SPACE": "a",
    "CATEGORY_NOT_WORD": "-",
}
ORDINARY = (
    " ",
    "\n",
    "a",
    "1",
    "-",
    ".",
    ",",
    "'",
    '"',
    "*",
    "_",
    "[",
    "]",
    "<",
    ">",
    "`",
    "~",
    "#",
    "a ",
    "a, ",
    " \n",
)


def all_patterns() -> dict[tuple[str, int], tuple[Any, str]]:
    """Every pattern of the package by its text and flags, with where it stands."""
    found: dict[tuple[str, int], tuple[Any, str]] = {}
    for where, pattern in (*_compiled(), *_written()):
        if isinstance(pattern.pattern, str):
            found.setdefault((pattern.pattern, pattern.flags), (pattern, where))
    return found


def _compiled() -> Iterator[tuple[str, Any]]:
    if str(FLAT) not in sys.path:
        sys.path.append(str(FLAT))
    for module in pkgutil.walk_packages(dikast.__path__, "dikast."):
        if not module.name.endswith("__main__"):
            for name, value in list(_names_in(module.name)):
                if not name.startswith("__"):
                    yield from _inside(f"{module.name}.{name}", value)


def _names_in(module: str) -> Iterable[tuple[str, object]]:
    """A module's names with their values; none where what it needs is not installed."""
    try:
        return vars(importlib.import_module(module)).items()
    except MissingExtraError:
        return ()
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in NOT_HERE:
            raise
        return ()


def _inside(where: str, value: object, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Patterns in a value, in containers too."""
    if isinstance(value, (re.Pattern, regex.Pattern)):
        yield where, value
    elif depth < 3 and isinstance(value, dict):
        for key, item in list(cast(dict[object, object], value).items()):
            yield from _inside(f"{where}[{key!r}]", item, depth + 1)
    elif depth < 3 and isinstance(value, (list, tuple, set, frozenset)):
        for item in cast(Iterable[object], value):
            yield from _inside(where, item, depth + 1)


def _written() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Patterns that are literals in a call such as `re.sub("...", ...)`."""
    for path in sorted(one for one in ROOT.rglob("*.py") if not one.is_relative_to(DATA)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    flags = [getattr(re, name) for name in re.findall(r"re\.([A-Z]+)", ast.unparse(node))]
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", re.compile(first.value, sum(set(flags)))


def pieces(pattern: str, flags: int) -> list[str]:
    """Short texts that parts of a pattern match, the shortest first."""
    found: set[str] = set()
    _sample(parser.parse(pattern, flags & ~re.DEBUG), found)
    return sorted(found - {"", *ORDINARY}, key=lambda text: (len(text), text))


def _sample(tree: Any, found: set[str]) -> str:
    """A text that a part of a parse tree matches; its beginnings, ends and alternatives are put into `found`."""
    parts = [_sample_item(code, value, found) for code, value in tree]
    for at, part in enumerate(parts):
        found |= {part, "".join(parts[:at]), "".join(parts[at:])}
    return "".join(parts)


def _sample_item(code: Any, value: Any, found: set[str]) -> str:
    if code is codes.LITERAL:
        return chr(value)
    if code is codes.NOT_LITERAL:
        return "x" if value != ord("x") else "y"
    if code is codes.ANY:
        return "x"
    if code is codes.IN:
        return _sample_class(value, found)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return _sample(value[2], found) * max(1, min(int(value[0]), 20))
    if code is codes.BRANCH:
        samples = [_sample(branch, found) for branch in value[1]]
        return samples[0]
    if code in (codes.SUBPATTERN, codes.ATOMIC_GROUP, codes.ASSERT, codes.ASSERT_NOT):
        inner = _sample(value if code is codes.ATOMIC_GROUP else value[-1], found)
        return inner if code in (codes.SUBPATTERN, codes.ATOMIC_GROUP) else ""
    return ""


def _sample_class(items: Any, found: set[str]) -> str:
    """One character of a class; the characters that a negated class names are kept as texts of their own."""
    characters = [_character(code, value) for code, value in items if code is not codes.NEGATE]
    found |= set(characters)
    if items[0][0] is codes.NEGATE:
        return next(one for one in "a1 -\n;(" if one not in characters)
    return characters[0] if characters else ""


def _character(code: Any, value: Any) -> str:
    if code is codes.CATEGORY:
        return SAMPLES[str(value)]
    return chr(value[0] if code is codes.RANGE else value)


def _search_all(pattern: Any, text: str) -> None:
    for _ in pattern.finditer(text):
        pass


def _fullmatch(pattern: Any, text: str) -> None:
    pattern.fullmatch(text)


USES: tuple[Callable[[Any, str], None], ...] = (_search_all, _fullmatch)


def cpu_s(use: Callable[[Any, str], None], pattern: Any, text: str) -> float:
    begun = time.thread_time()
    use(pattern, text)
    return time.thread_time() - begun


def superlinear(pattern: Any) -> str | None:
    """A text family on which a pattern is superlinear, if one is found."""
    own, ordinary = pieces(pattern.pattern, pattern.flags), list(ORDINARY)
    pumps = [*own[: MOST_PUMPS - len(ordinary)], *ordinary]
    longest = sorted(own, key=len, reverse=True)[:2]
    before = list(dict.fromkeys(["", *longest, *own[:MOST_BEFORE]]))
    after = list(dict.fromkeys(["", "!\0", "`", *longest[:1]]))
    for pump, start, end, use in product(pumps, before, after, USES):
        for length in LENGTHS if start or end else (*LENGTHS, LONG):
            long = start + pump * (length // len(pump)) + end
            if cpu_s(use, pattern, long) <= SUSPECT_S:
                continue
            short = start + pump * (length // len(pump) // 4) + end
            # Once each at first: only what looks superlinear is measured with care.
            if cpu_s(use, pattern, long) <= GROWTH / 2 * cpu_s(use, pattern, short):
                break
            growth = _least(use, pattern, long) / _least(use, pattern, short)
            if growth > GROWTH:
                return f"{use.__name__} of {start!r} + {pump!r} * n + {end!r}: {growth:.0f} times for 4 times the text"
            break
    return None


def _least(use: Callable[[Any, str], None], pattern: Any, text: str) -> float:
    return min(cpu_s(use, pattern, text) for _ in range(3))


PATTERNS = all_patterns()


def test_the_search_sees_the_package() -> None:
    assert len(PATTERNS) > 100


@pytest.mark.parametrize("key", PATTERNS, ids=[where for _, where in PATTERNS.values()])
def test_a_pattern_is_linear(key: tuple[str, int]) -> None:
    pattern, where = PATTERNS[key]
    assert superlinear(pattern) is None, where


@pytest.mark.parametrize(
    "pattern",
    [
        r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*",  # the fence pattern of dikast until November 2026: cubic
        r"^\s*```\w*\s*$",
        r"\s*([a-z]+)",
        r"(a|aa)+$",
        r"<DOCNO>(.*?)</DOCNO>",
    ],
)
def test_the_search_finds_what_is_superlinear(pattern: str) -> None:
    assert superlinear(re.compile(pattern, re.MULTILINE)) is not None
