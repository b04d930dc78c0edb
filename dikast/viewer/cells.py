"""What the viewer's table shows of a row, and which of its words can be searched.

    cells_of(row)     # {"input.query": "car dead in winter", "output.score": 0.5}
    words_of(row)     # all texts of input, output, reason and replies, up to a bound

Columns are the scalars of a row's input and output, also those one level down (`cell.topic`); so a new method has its
table without a line of its own. Lists are shown by their length where the output has no more than one scalar.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from dikast.jobs.files import dumps
from dikast.jobs.reading import flat
from dikast.pages import Cell

LONGEST_CELL = 160
"""Characters of a text that the table has; the whole of it is in the row's story."""
LONGEST_WORDS = 20_000
"""Characters of a row that are searched: a cell of ten megabytes must not make the index as large."""
FEW = 2
"""Scalars below which the lengths of lists are shown, too."""
BIGGEST = 1 << 62
"""Of the whole numbers that a table holds; greater ones are texts."""
INPUT, OUTPUT = "input", "output"
LENGTH = " (n)"
"""Behind the name of a list, where its length is shown."""
SAID_ELSEWHERE = frozenset({"outcome", "reason"})
SURROGATE = re.compile("[\ud800-\udfff]")


def cells_of(row: Mapping[str, Any]) -> dict[str, Cell]:
    """Column -> value, inputs first; a text is cut where it is long."""
    found = {f"{INPUT}.{name}": value for name, value in _scalars(row[INPUT])}
    output: object = row[OUTPUT]
    if not isinstance(output, dict):
        return found | ({OUTPUT: _cell(output)} if _is_scalar(output) and output is not None else {})
    named = cast(dict[str, Any], output)
    own = {name: value for name, value in _scalars(named) if name not in SAID_ELSEWHERE}
    if sum(value is not None for value in own.values()) < FEW:
        own |= {
            f"{name}{LENGTH}": len(cast(list[Any], value)) for name, value in named.items() if isinstance(value, list)
        }
    return found | {f"{OUTPUT}.{name}": value for name, value in own.items()}


def _scalars(values: Mapping[str, Any]) -> Iterator[tuple[str, Cell]]:
    for name, value in values.items():
        if _is_scalar(value):
            yield name, _cell(value)
        elif isinstance(value, dict):
            inner = cast(dict[str, Any], value)
            yield from ((f"{name}.{one}", _cell(it)) for one, it in inner.items() if _is_scalar(it))


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _cell(value: Any) -> Cell:
    if isinstance(value, str):
        return whole(value[:LONGEST_CELL] + "…" if len(value) > LONGEST_CELL else value)
    if isinstance(value, int) and abs(value) > BIGGEST:
        return str(value)[:LONGEST_CELL]
    return value


def words_of(row: Mapping[str, Any]) -> str:
    """The row's texts, one after the other, up to `LONGEST_WORDS` characters."""
    found: list[str] = []
    left = LONGEST_WORDS
    calls = row.get("calls")
    listed = cast(list[Any], calls) if isinstance(calls, list) else []
    said = [cast(dict[str, Any], call).get("reply") for call in listed if isinstance(call, dict)]
    for text in texts_of([row[INPUT], row[OUTPUT], row.get("reason"), said]):
        found.append(text[:left])
        left -= len(text)
        if left <= 0:
            break
    return whole("\n".join(found))


def texts_of(value: object) -> Iterator[str]:
    """All texts within a JSON value, without going down by recursion: it may be nested as deep as JSON goes."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            stack.extend(reversed(list(cast(dict[str, object], one).values())))
        elif isinstance(one, list):
            stack.extend(reversed(cast(list[object], one)))


def whole(text: str) -> str:
    """The text as UTF-8 can carry it: half a surrogate pair becomes its number."""
    return text if text.isascii() else SURROGATE.sub(lambda half: f"⟨U+{ord(half[0]):04X}⟩", text)


def number_of(value: object) -> int | float | None:
    """A number that a table can hold; `None` for whatever else a hand wrote."""
    if isinstance(value, int | float) and abs(value) <= BIGGEST:
        return value
    return None


def digest_of(record: Mapping[str, Any]) -> int:
    """A number for a row's results, as `runs diff` compares them: equal where they are equal."""
    text = dumps(flat(dict(record)), sort_keys=True)  # ASCII: half a surrogate pair is an escape
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)


def kind_of(cell: Cell) -> str:
    """What a column of such values is: `number`, `yes` (or no), `text`."""
    if isinstance(cell, bool):
        return "yes"
    return "text" if isinstance(cell, str) else "number"
