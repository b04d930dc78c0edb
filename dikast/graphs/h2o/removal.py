"""What is taken away where the heavy hitters are taken away: they, or as many others drawn at random.

Both take from the prompt as many tokens as H2O would keep as heavy ones, in each head by itself, and leave the last
`LAST` alone. What comes after the prompt is all kept, so that nothing but the loss of those tokens is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dikast.decoding.kv.policies import Amount, Observed, Policy, Room, Seen, policy_of, share

LAST = 8
"""Last tokens that are left alone: without them any reply breaks, whoever else is kept."""
MIXING, MODULUS = 2654435761, 2**31
"""Knuth's multiplicative hash: places in an order that has nothing to do with attention."""
REMOVALS = ("without-heavy", "without-random")


@dataclass(frozen=True, slots=True)
class Without:
    """All but some of the prompt's tokens.

    Args:
        name: One of `REMOVALS`.
        removed: Tokens that are taken away, or their share of the prompt.
    """

    name: str
    removed: Amount

    @property
    def told(self) -> str:
        """The policy in words."""
        return f"{self.name}&removed={self.removed}"

    @property
    def observes(self) -> Observed:
        """Every query's attention, or nobody's."""
        return "all" if self.name == REMOVALS[0] else "nothing"

    def room(self, length: int) -> Room | None:
        """What is left of the prompt."""
        return Room(max(length - share(self.removed, length), 1), 0)

    def worth(self, seen: Seen) -> Any:
        """The less attention, the more; or by place, mixed."""
        mixed = ((seen.positions + 1) * MIXING % MODULUS).float()
        worth = -seen.scores if self.name == REMOVALS[0] else mixed
        return worth.masked_fill(seen.positions > seen.newest - LAST, float("inf"))


def policy_for(name: str, heavy: Amount, recent: Amount) -> Policy:
    """A policy of `dikast.decoding.kv`, or one of `REMOVALS`.

    Raises:
        UsageError: There is none of that name, or an amount is out of range.
    """
    if name in REMOVALS:
        policy_of("h2o", heavy, recent)
        return Without(name, heavy)
    return policy_of(name, heavy, recent)
