"""Where the rows of an attempt come from, counted as they pass: the user's input, or the failed rows of a journal."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from dikast.jobs.current import hash_of
from dikast.jobs.files import read_journal
from dikast.jobs.inputs import InputSchema, read_inputs
from dikast.jobs.keys import Repeats, Row, add_keys
from dikast.jobs.shards import Shard
from dikast.jobs.summary import Tally
from dikast.records import Outcome

ROWS_BETWEEN_YIELDS = 256
"""A million rows take seconds to look through: let the event loop breathe in between."""


class Feed:
    """The rows of an input that a run still owes.

    Args:
        inputs: Mappings of names to JSON values.
        schema: What the graph takes.
        samples: Rows for each input.
        tally: What is finished already.
        shard: The part of the input whose rows these are; `None` for all of it.
        repeated: What a feed of the same input has found; without it, every input is remembered as it passes.
        again: Whether rows that failed are owed, too: where the journal's inputs are redacted, only the input can give
            what a retry needs.
    """

    def __init__(
        self,
        inputs: Iterable[object],
        schema: InputSchema,
        samples: int,
        tally: Tally,
        shard: Shard | None = None,
        repeated: frozenset[bytes] | None = None,
        again: bool = False,
    ) -> None:
        self._inputs, self._schema, self._samples, self._tally = inputs, schema, samples, tally
        self.shard, self.repeated = shard, repeated
        """`repeated`: the inputs that come more than once, by their digests; `None` before the input's end."""
        self._before = len(tally.ends)
        # As it stands now: what fails while rows pass is not done again at once.
        self._failed = {key for key, end in tally.ends.items() if end.failed} if again else set[bytes]()
        self._known = 0
        self._passed = 0
        self.keys = bytearray()
        """Of the rows that have passed, 16 bytes each."""
        self._ended = False

    def __iter__(self) -> Iterator[Row | None]:
        """Each row that is owed, and `None` for each that is not.

        Raises:
            DataError: At the first bad row.
        """
        repeats = Repeats(self.repeated)
        for row in add_keys(read_inputs(self._inputs, self._schema), self._samples, repeats):
            if self.shard is not None and not self.shard.has(row.number):
                continue
            self._passed += 1
            self.keys += bytes.fromhex(row.key)
            known = row.key in self._tally
            self._known += known
            yield None if known and bytes.fromhex(row.key) not in self._failed else row
        self._ended, self.repeated = True, repeats.repeated

    def pass_all(self) -> bytes | None:
        """The keys of all rows; `None` for a one-shot iterator, which is left as it is.

        Raises:
            DataError: At the first bad row.
        """
        if iter(self._inputs) is self._inputs:
            return None
        for _ in self:
            pass
        return bytes(self.keys)

    @property
    def asked(self) -> int | None:
        """How many rows there are; `None` before the input's end."""
        return self._passed if self._ended else None

    @property
    def foreign(self) -> int:
        """Rows that were finished before and are not in the input; 0 before the input's end."""
        return self._before - self._known if self._ended else 0

    @property
    def input_hash(self) -> str | None:
        """Over the rows' keys in their order; `None` before the input's end."""
        return hash_of(self.keys) if self._ended else None

    async def look_through(self) -> Feed:
        """Go through an input that can be gone through twice, so that a bad row is found before anything runs.

        Returns:
            This feed, counted to its end; unchanged if the input is a one-shot iterator.

        Raises:
            DataError: At the first bad row.
        """
        if iter(self._inputs) is not self._inputs:
            for count, _ in enumerate(self, start=1):
                if count % ROWS_BETWEEN_YIELDS == 0:
                    await asyncio.sleep(0)
        return self


def journal_rows(path: Path, tally: Tally, outcomes: Collection[Outcome]) -> Iterator[Row | None]:
    """The rows of a journal whose last line has one of these outcomes, each once; `None` for every other line.

    Args:
        path: The journal, as it was when the tally was made.
        tally: How each row ended.
        outcomes: Which are wanted.
    """
    wanted = {key for key, outcome in tally.ends.items() if outcome in outcomes}
    for _, record in read_journal(path):
        key = bytes.fromhex(record["key"])
        yield row_of(record) if key in wanted else None
        wanted.discard(key)


def row_of(record: dict[str, Any]) -> Row:
    """The row that a record tells of."""
    return Row(record["key"], record["row"], record["ordinal"], record["sample"], record["input"])
