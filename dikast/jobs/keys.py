"""What tells the rows of a job apart: a key over the input, its ordinal among equal inputs, and the sample.

Equal inputs stay apart, and the order of the input file does not matter: the same rows shuffled have the same keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

DIGEST_BYTES = 16
"""128 bits: among 10^9 rows a collision has a probability of about 10^-21."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row that a job owes.

    Args:
        key: 32 hex digits; see `row_key`.
        number: 1-based position in the input.
        ordinal: 0 for the first of equal inputs, 1 for the second, ...
        sample: 0-based index among samples of this row.
        input: What the graph is given.
    """

    key: str
    number: int
    ordinal: int
    sample: int
    input: dict[str, Any]


def canonical(value: object) -> bytes:
    """JSON with sorted names, no spaces and ASCII escapes: equal values, equal bytes.

    Raises:
        ValueError: NaN or infinity, or a value that holds itself.
        TypeError: Not JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def copy_value(value: Any) -> Any:
    """A JSON value that shares nothing with this one; ten times as fast as `copy.deepcopy`."""
    if isinstance(value, dict):
        return {name: copy_value(inner) for name, inner in cast(dict[Any, Any], value).items()}
    if isinstance(value, list):
        return [copy_value(inner) for inner in cast(list[Any], value)]
    return tuple(copy_value(inner) for inner in cast(tuple[Any, ...], value)) if isinstance(value, tuple) else value


def digest(value: object) -> bytes:
    """A hash of the value's canonical JSON."""
    return hashlib.blake2b(canonical(value), digest_size=DIGEST_BYTES).digest()


def row_key(input_digest: bytes, ordinal: int, sample: int) -> str:
    """The key of a row, from the digest of its input."""
    return hashlib.blake2b(input_digest + b"%d/%d" % (ordinal, sample), digest_size=DIGEST_BYTES).hexdigest()


class Repeats:
    """How often each input was there already. Memory: one digest for each different input that may come again.

    Args:
        among: The inputs that come more than once, by their digests, where that is known: only these are remembered.
    """

    def __init__(self, among: Collection[bytes] | None = None) -> None:
        self._among = among
        self._seen: dict[bytes, int] = {}

    def ordinal(self, input_digest: bytes) -> int:
        """0 for an input that is new, 1 for one that was there once, ..."""
        if self._among is not None and input_digest not in self._among:
            return 0
        ordinal = self._seen.get(input_digest, 0)
        self._seen[input_digest] = ordinal + 1
        return ordinal

    @property
    def repeated(self) -> frozenset[bytes]:
        """The inputs that came more than once, by their digests."""
        return frozenset(one for one, times in self._seen.items() if times > 1)


def add_keys(inputs: Iterable[Mapping[str, Any]], samples: int, repeats: Repeats | None = None) -> Iterator[Row]:
    """Rows with their keys, `samples` for each input.

    Args:
        inputs: In their order.
        samples: Rows for each input.
        repeats: What remembers them; a new one by default.
    """
    repeats = repeats or Repeats()
    for number, given in enumerate(inputs, start=1):
        input_digest = digest(given)
        ordinal = repeats.ordinal(input_digest)
        for sample in range(samples):
            yield Row(row_key(input_digest, ordinal, sample), number, ordinal, sample, copy_value(given))
