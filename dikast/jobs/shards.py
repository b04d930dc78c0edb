"""One of several parts of a job's rows: for several machines that share a file system and nothing else.

    shard = Shard.parse("3/16")         # the third of sixteen: rows 3, 19, 35, ... of the input
    await run(graph, rows, context, Path("runs/x-3"), shard=shard)

Every part reads the whole input, and so agrees on every row's number and key; `dikast.jobs.merge` puts the folders
together. All samples of an input are in one part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from dikast.errors import UsageError

FORM = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,6})")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of an input.

    Args:
        number: 1 for the first part.
        count: How many parts there are.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """A part as it is written, `3/16`.

        Raises:
            UsageError: It is none.
        """
        found = FORM.fullmatch(text.strip())
        if found is None or int(found[1]) > int(found[2]):
            hint = "3/16 is the third of sixteen parts; they are numbered from 1, as in a Slurm array of 1-16"
            raise UsageError(f"{text!r} is no part of an input", hint=hint)
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def has(self, number: int) -> bool:
        """Whether it has the input's row of this number, 1 for the first."""
        return (number - self.number) % self.count == 0

    def of(self, rows: Iterable[T]) -> Iterator[T]:
        """Those of an input's rows that it has."""
        return islice(rows, self.number - 1, None, self.count)
