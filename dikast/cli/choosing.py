"""Which rows of the user's files a run has: by id, in what order, how many."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from dikast.disk import refused
from dikast.errors import UsageError

NAMES = ("id", "qid")
"""The fields that name a row."""
SHOWN = 5
"""Ids that a message lists."""
Row = Mapping[str, Any]


def read_ids(text: str) -> list[str]:
    """Ids with commas between them, or `@FILE`: one a line.

    Raises:
        DataError: The file cannot be read.
        UsageError: There is none.
    """
    if text.startswith("@"):
        path = Path(text.removeprefix("@"))
        try:
            found = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise refused(error, path, "read") from error
    else:
        found = text.split(",")
    ids = list(dict.fromkeys(name.strip() for name in found if name.strip()))
    if not ids:
        raise UsageError("--ids names no row", hint="ids with commas between them, or @FILE with one a line")
    return ids


def with_ids(rows: Iterable[Row], ids: Sequence[str]) -> list[Row]:
    """The rows of these ids, in the order of the input.

    Raises:
        UsageError: An id is no row's.
    """
    wanted, found = set(ids), list[Row]()
    seen = set[str]()
    for row in rows:
        name = next((str(row[field]) for field in NAMES if row.get(field) is not None), None)
        if name in wanted:
            seen.add(name)
            found.append(row)
    if absent := [name for name in ids if name not in seen]:
        listed = ", ".join(absent[:SHOWN]) + (", ..." if len(absent) > SHOWN else "")
        raise UsageError(
            f"{len(absent)} of the ids of --ids are no row's: {listed}", hint="ids are the rows' id or qid"
        )
    return found


def shuffled(rows: Iterable[Row], seed: int, each: int) -> list[Row]:
    """The rows in an order that the seed gives; what is made of one entry of the input stays together.

    Args:
        rows: In the order of the input.
        seed: Of the order.
        each: Rows that one entry is made into.
    """
    entries = grouped(rows, each)
    random.Random(seed).shuffle(entries)
    return [row for entry in entries for row in entry]


def grouped(rows: Iterable[Row], each: int) -> list[list[Row]]:
    """The rows in groups of so many."""
    going = iter(rows)
    return list(iter(lambda: list(islice(going, each)), []))


def choose_rows(
    read: Callable[[], Iterable[Row]], *, ids: str | None, shuffle: bool, seed: int, limit: int | None, each: int
) -> Iterable[Row]:
    """The rows of a run, read once; the rest of a file is not read where it need not be.

    Args:
        read: Opens the input's rows anew.
        ids: As `read_ids` takes them; all rows without.
        shuffle: Whether their order is drawn.
        seed: Of that order.
        limit: Entries of the input at most, the first of what is left.
        each: Rows that one entry is made into.
    """
    rows = read()
    once = isinstance(rows, Iterator)
    if ids is not None:
        rows, once = with_ids(rows, read_ids(ids)), False
    if shuffle:
        rows, once = shuffled(rows, seed, each), False
    most = limit and limit * each
    if once:  # it may be long
        from dikast.kept import KeptRows

        return KeptRows(lambda: islice(read(), most))
    return list(islice(rows, most))
