"""Read what a program left behind, as strictly as JSON can be read.

    status, error, line, answer = read(frame, policy, lines=3)
    table = read_table(frame)      # once `read` has found an answer

A table that comes with an answer is `{"columns": [text, ...], "rows": [[value, ...], ...]}`, a value a column.
Refused: NaN and infinities, integers that no float can hold, repeated keys, lone surrogates, nesting and number of
values beyond the policy, and any key or claim that is not known.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any, NamedTuple, cast

from dikast.sandbox.policy import ErrorClass, Json, Policy, Status

_CLAIMS = {
    "memory": Status.MEMORY,
    "output": Status.OUTPUT,
    "bad_answer": Status.BAD_ANSWER,
    "no_answer": Status.NO_ANSWER,
}


class Claim(NamedTuple):
    """A program's own account of its end, in the closed set."""

    status: Status
    error: ErrorClass | None = None
    line: int | None = None
    answer: Json = None


TABLE_FACTOR = 16
"""How many times `Policy.answer_items` a table may hold: each value may have a label for each level of an index."""

_BAD = Claim(Status.BAD_ANSWER)


def read(frame: bytes, policy: Policy, lines: int) -> Claim:
    """Judge a claim; whatever is not exactly a claim is a bad answer.

    Args:
        frame: The bytes that the program left, already capped in length.
        policy: Depth and number of values.
        lines: Lines of the program; a claimed line beyond them is dropped.
    """
    try:
        claim = json.loads(frame.decode(), object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return _BAD
    if not isinstance(claim, dict):
        return _BAD
    return _judge(cast(dict[str, Any], claim), policy, lines)


def read_table(frame: bytes) -> Json:
    """The table that came with an answer which `read` found good; `None` if there was none."""
    claim: Any = json.loads(frame.decode())
    return claim.get("table")


def _judge(claim: dict[str, Any], policy: Policy, lines: int) -> Claim:
    match claim:
        case {"claim": "ok", "answer": answer, **rest} if set(rest) <= {"table"}:
            table = rest.get("table")
            if not _within(answer, policy) or ("table" in rest and not _is_table(table, policy)):
                return _BAD
            status = Status.EMPTY if answer is None or answer in ("", [], {}) else Status.OK
            return Claim(status, answer=answer)
        case {"claim": "error", "error": str(error), "line": line, **rest} if not rest:
            told = line if type(line) is int and 1 <= line <= lines else None
            return Claim(Status.ERROR, _error_class(error), told)
        case {"claim": str(name), **rest} if not rest and name in _CLAIMS:
            return Claim(_CLAIMS[name])
        case _:
            return _BAD


def _within(answer: Json, policy: Policy) -> bool:
    """Whether the answer keeps to depth and count, its numbers are finite and its text can be written as UTF-8."""
    count, level = 0, [answer]
    for _ in range(policy.answer_depth + 1):
        count += len(level)
        if count > policy.answer_items or not all(map(_writable, level)):
            return False
        level = [item for value in level for item in _items(value)]
        if not level:
            return True
    return False


def _is_table(table: Json, policy: Policy) -> bool:
    """Whether this is a table of cells in the policy's bounds, with a name for each column."""
    if not isinstance(table, dict) or set(table) != {"columns", "rows"}:
        return False
    columns, rows = table["columns"], table["rows"]
    if not isinstance(columns, list) or not isinstance(rows, list):
        return False
    named = all(isinstance(name, str) for name in columns)
    even = all(isinstance(row, list) and len(row) == len(columns) for row in rows)
    more = replace(policy, answer_items=TABLE_FACTOR * policy.answer_items, answer_depth=policy.answer_depth + 2)
    return named and even and _within(table, more)


def _items(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _writable(value: Json) -> bool:
    if isinstance(value, (int, float)):
        return abs(value) <= sys.float_info.max  # false for NaN, for infinity, which "1e999" reads as, and for 10**400
    texts = value if isinstance(value, dict) else [value]
    return not any(isinstance(text, str) and any("\ud800" <= c <= "\udfff" for c in text) for text in texts)


def _error_class(name: str) -> ErrorClass:
    try:
        return ErrorClass(_ALIASES.get(name, name))
    except ValueError:
        return ErrorClass.OTHER


_ALIASES = {
    "ModuleNotFoundError": "ImportError",
    "UnboundLocalError": "NameError",
    "IndentationError": "SyntaxError",
    "TabError": "SyntaxError",
    "UnicodeDecodeError": "ValueError",
    "UnicodeEncodeError": "ValueError",
    "FloatingPointError": "OverflowError",
    "PermissionError": "OSError",
    "FileNotFoundError": "OSError",
    "BlockingIOError": "OSError",
    "LookupError": "KeyError",
}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("repeated key")
    return made
