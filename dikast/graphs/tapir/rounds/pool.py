"""The instructions of a loop: which are trained on, which are held out, and that nothing goes from these to those.

An instruction's side is chosen by its hash, so that it is the same in every round, and in another file too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dikast.errors import DataError
from dikast.graphs.tapir.options import read_instructions
from dikast.training.splits import digest_of, split_of

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pool:
    """The two sides.

    Args:
        train: May become training rows.
        held: Rounds are measured on them.
    """

    train: list[Row]
    held: list[Row]

    @property
    def held_digests(self) -> frozenset[str]:
        """Hashes of the held-out instructions."""
        return frozenset(digest_of(row["instruction"]) for row in self.held)


def read_pool(path: Path, columns: str | None, held: int) -> Pool:
    """Read the file, and take it apart.

    Raises:
        DataError: The file is broken, or one of the sides is empty.
    """
    sides: dict[str, list[Row]] = {"train": [], "held": []}
    for row in read_instructions(path, columns):
        sides[split_of(digest_of(row["instruction"]), (("train", 100 - held), ("held", held)))].append(row)
    for side, told in (("train", "to train on"), ("held", "to measure rounds on")):
        if not sides[side]:
            hint = f"give more rows, or another --held than {held}"
            raise DataError(f"no instruction is left {told}", path=path, hint=hint)
    return Pool(sides["train"], sides["held"])


def digest_of_file(path: Path) -> str:
    """A hash of the file's bytes.

    Raises:
        DataError: It cannot be read.
    """
    from dikast.disk import told_if_refused

    with told_if_refused(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def not_held(rows: Iterable[Row], held: frozenset[str]) -> tuple[list[Row], int]:
    """Rows whose instruction is not held out, and how many are."""
    found = list(rows)
    kept = [row for row in found if digest_of(row["prompt"]) not in held]
    return kept, len(found) - len(kept)
