"""Splits by group, and the check that nothing of one split is in another.

    split_of(digest_of("table 17"))        # "train", for ever
    leaks = Leaks()
    leaks.admits("train", prompt)          # False once the same prompt was in another split

A group (a table, a query, an instruction) goes into a split as a whole. The split is chosen by the group's hash, so
that the order of rows does not matter, and more data never moves a group. Two groups may hold the same prompt: a prompt
stays in the split in which it came first, and is refused in every other.

Not found: prompts that say the same in other words; for near-duplicates see `dikast.evaluation.diversity`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from dikast.errors import UsageError
from dikast.training.rows import contents

Shares = Sequence[tuple[str, int]]

TRAIN = "train"
SPLITS: Shares = ((TRAIN, 80), ("validation", 10), ("test", 10))
"""Shares of the groups in percent."""
DIGEST_BYTES = 16
"""128 bits: among 10^9 prompts a collision has a probability of about 10^-21."""


def split_of(digest: str, shares: Shares = SPLITS) -> str:
    """The split of a group.

    Args:
        digest: The group's hash, or a name that it has wherever it occurs.
        shares: Split -> its share of the groups; whole numbers, relative to their sum.

    Raises:
        UsageError: A share is negative, or all are 0.
    """
    total = sum(share for _, share in shares)
    if total <= 0 or any(share < 0 for _, share in shares):
        raise UsageError(f"shares of splits: {dict(shares)}", hint="give whole numbers of which one is above 0")
    place = int(hashlib.sha256(digest.encode()).hexdigest(), 16) % total
    for name, share in shares:
        if place < share:
            return name
        place -= share
    raise RuntimeError("a place beyond all shares")


def digest_of(text: object) -> str:
    """32 hex digits for a plain text or a list of messages; case and white space make no difference."""
    parts = [" ".join(part.casefold().split()) for part in contents(text)]
    data = "\x1e".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


class Leaks:
    """Which split each prompt is in. Memory: a hash a prompt."""

    def __init__(self) -> None:
        self._split: dict[str, str] = {}

    def admits(self, split: str, prompt: object) -> bool:
        """Whether the prompt is in no other split; if so, it is in this one from now on."""
        return self._split.setdefault(digest_of(prompt), split) == split
