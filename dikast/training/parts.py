"""Which prompts a round asks, and which only measure: by the prompt's hash, so that no prompt is in two of them.

parts = split_parts(rows, lambda row: digest_of(row["prompt"]), parts=3, validation=10)
parts["part-1"], parts["validation"]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dikast.errors import DataError
from dikast.training.splits import split_of

VALIDATION = "validation"
SCALE = 1_000
"""Shares in whole numbers: a part's is the rest over the parts, to a thousandth of a percent."""
Row = Mapping[str, Any]


def part_name(part: int) -> str:
    """What a part, from 1, is called."""
    return f"part-{part}"


def split_parts(rows: Sequence[Row], key: Callable[[Row], str], parts: int, validation: int) -> Mapping[str, list[Row]]:
    """The prompts by part, and those for validation; equal prompts are together, and once in each.

    Args:
        rows: Inputs of a graph.
        key: A row -> the hash of its prompt.
        parts: How many.
        validation: Percent.

    Raises:
        DataError: A part, or the validation, has no prompt.
    """
    shares = [(VALIDATION, validation * SCALE * parts)]
    shares += [(part_name(part), (100 - validation) * SCALE) for part in range(1, parts + 1)]
    found: dict[str, dict[str, Row]] = {name: {} for name, _ in shares}
    for row in rows:
        digest = key(row)
        found[split_of(digest, shares)].setdefault(digest, row)
    empty = next((name for name, mine in found.items() if not mine), None)
    if empty is not None:
        hint = "give more prompts, fewer --parts, or another --validation"
        raise DataError(f"{len(rows)} prompts, and none of them falls into {empty}", field="prompts", hint=hint)
    return {name: list(mine.values()) for name, mine in found.items()}


def part_of(round_: int, parts: int) -> int:
    """The part that a round asks: 1, 2, ..., and from the first again."""
    return (round_ - 1) % parts + 1
