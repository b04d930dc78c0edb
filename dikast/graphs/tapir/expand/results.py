"""A run of the expansion, read: which new instructions stay, over all rows, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.evaluation.diversity import NearDuplicates
from dikast.graphs.tapir.expand.records import New
from dikast.jobs.reading import Run

ELSEWHERE = "elsewhere"
"""In `dikast.graphs.tapir.expand.records.DROPS`."""


def settled(run: Run, near: float) -> Iterator[tuple[Mapping[str, Any], list[tuple[New, str]]]]:
    """Each row with its new instructions, and why each is left out over all rows; empty for one that stays.

    Gone through twice: no new instruction may nearly repeat any given one. Memory: a set of shingles an instruction.

    Raises:
        MissingExtraError: What finds near-repeats is not installed.
    """
    seen = NearDuplicates(near)
    for place, row in enumerate(run.rows()):
        seen.add(f"given {place}", row["input"]["instruction"])
    for place, row in enumerate(run.rows()):
        made: list[New] = row["output"]["made"] if row["output"] else []
        found: list[tuple[New, str]] = []
        for number, new in enumerate(made):
            repeats = new["dropped"] is None and seen.add(f"new {place}/{number}", new["instruction"]) is not None
            found.append((new, ELSEWHERE if repeats else new["dropped"] or ""))
        yield row, found
