"""Which keys and values are kept: one small protocol, six policies. No torch is imported here.

    policy = policy_of("h2o", heavy=0.1, recent=0.1)
    policy.room(512)                    # Room(heavy=51, recent=51)

A policy says three things: how many slots a sequence has, whose attention is summed, and what a kept key is worth. The
layer (`layer.py`) keeps those that are worth most, for each sequence and each key-value head by itself, when a prompt
has been read and after each token that is made.

| policy | what the heavy slots hold; the recent ones hold the last tokens |
| --- | --- |
| `full` | everything, and there is no bound |
| `window` | more last tokens |
| `sink` | the first `SINKS` tokens, and more last ones (StreamingLLM, arXiv 2309.17453) |
| `h2o` | the most attended, summed over all queries so far (H2O, arXiv 2306.14048, Algorithm 1) |
| `h2o-normalised` | the same, divided by how many queries could see it: the first tokens are seen most often |
| `snapkv` | the prompt's most attended by its last `WINDOW` queries, pooled (SnapKV, arXiv 2404.14469) |

All have heavy and recent slots together, so that policies are compared at equal memory. SnapKV itself lets the cache
grow while it writes; here the oldest token goes that is not one of the prompt's choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from dikast.errors import UsageError

HEAVY, RECENT = 0.1, 0.1
"""Shares of the prompt; the paper's 20 % in all."""
SINKS = 4
"""First tokens that are kept; StreamingLLM's value."""
WINDOW, KERNEL = 32, 7
"""Queries that SnapKV observes, and the width of its max pooling: its paper's values."""

BELOW_RECENT = 3e38
"""Worth more than any place, and less than a recent token."""

Amount = int | float
Observed = Literal["nothing", "all", "last"]


class Room(NamedTuple):
    """Slots of one sequence, in each head."""

    heavy: int
    recent: int

    @property
    def slots(self) -> int:
        """All of them."""
        return self.heavy + self.recent


class Seen(NamedTuple):
    """What a policy looks at; tensors of shape (sequences, heads, slots), or that broadcast to it.

    Args:
        scores: Summed attention, a mean over the query heads that share a key-value head.
        positions: The token's place in its own sequence, from 0; -1 for a slot that holds nothing.
        newest: Place of the newest token, of shape (sequences, 1, 1).
        recent: Slots for recent tokens, of shape (sequences, 1, 1).
    """

    scores: Any
    positions: Any
    newest: Any
    recent: Any


class Policy(Protocol):
    """What is kept. Equal ones are equal values."""

    @property
    def name(self) -> str:
        """As in `POLICIES`."""
        ...

    @property
    def told(self) -> str:
        """The policy with its amounts, as a model spec has them: `h2o&heavy=0.1&recent=0.1`."""
        ...

    @property
    def observes(self) -> Observed:
        """Whose attention is summed: nobody's, every query's, or that of the prompt's last `WINDOW` queries."""
        ...

    def room(self, length: int) -> Room | None:
        """Slots of a sequence whose prompt has `length` tokens; `None` for no bound."""
        ...

    def worth(self, seen: Seen) -> Any:
        """What each slot is worth, shape (sequences, heads, slots): those that are worth least go first."""
        ...


@dataclass(frozen=True, slots=True)
class Full:
    """Keeps everything."""

    name: str = "full"
    observes: Observed = "nothing"

    @property
    def told(self) -> str:
        """As in a model spec."""
        return self.name

    def room(self, length: int) -> Room | None:
        """No bound."""
        return None

    def worth(self, seen: Seen) -> Any:
        """The later, the more."""
        return by_place(seen)


@dataclass(frozen=True, slots=True)
class Bounded:
    """Keeps `heavy` and `recent` tokens: numbers of them, or shares of the prompt.

    Args:
        name: As in `POLICIES`.
        observes: See `Policy`.
        ranked: What a token that is not recent is worth.
        heavy: Tokens kept for what they are worth: a whole number, or a share of the prompt as a float.
        recent: The last tokens, which are never forgotten; likewise.
    """

    name: str
    observes: Observed
    ranked: Callable[[Seen], Any]
    heavy: Amount = HEAVY
    recent: Amount = RECENT

    @property
    def told(self) -> str:
        """As in a model spec."""
        return f"{self.name}&heavy={self.heavy}&recent={self.recent}"

    def room(self, length: int) -> Room | None:
        """Whole numbers as they are, shares rounded; one slot at least."""
        heavy, recent = (share(amount, length) for amount in (self.heavy, self.recent))
        return Room(heavy, recent) if heavy + recent else Room(0, 1)

    def worth(self, seen: Seen) -> Any:
        """Recent tokens before all others, then by rank."""
        latest = seen.positions > seen.newest - seen.recent
        return self.ranked(seen).masked_fill(latest, float("inf"))


def share(amount: Amount, length: int) -> int:
    """A number of tokens, of which a float is a share."""
    return amount if isinstance(amount, int) else round(amount * length)


def by_place(seen: Seen) -> Any:
    """The later, the more."""
    return seen.positions.float()


def by_place_after_sinks(seen: Seen) -> Any:
    """The first tokens before all others but the recent ones, then the later, the more."""
    return by_place(seen).masked_fill(seen.positions < SINKS, BELOW_RECENT)


def by_score(seen: Seen) -> Any:
    """Summed attention. Tokens that got none at all go first, the oldest before the others."""
    return seen.scores.where(seen.scores > 0, -1.0 / (2.0 + seen.positions))


def by_mean_score(seen: Seen) -> Any:
    """Attention, a mean over the queries that could see the token."""
    return by_score(seen._replace(scores=seen.scores / (seen.newest - seen.positions + 1)))


RANKED: dict[str, tuple[Observed, Callable[[Seen], Any]]] = {
    "window": ("nothing", by_place),
    "sink": ("nothing", by_place_after_sinks),
    "h2o": ("all", by_score),
    "h2o-normalised": ("all", by_mean_score),
    "snapkv": ("last", by_score),
}
POLICIES = ("full", *RANKED)
"""Names of the policies."""


def policy_of(name: str, heavy: Amount = HEAVY, recent: Amount = RECENT) -> Policy:
    """A policy by its name.

    Args:
        name: One of `POLICIES`.
        heavy: Tokens kept for what they are worth: a whole number, or a share of the prompt from 0 to 1 as a float.
        recent: The last tokens; likewise.

    Raises:
        UsageError: There is no such policy, an amount is negative or a share above 1, or nothing would be kept.
    """
    if name not in POLICIES:
        raise UsageError(f"kv: no cache policy is called {name!r}", hint=f"one of {', '.join(POLICIES)}")
    for called, amount in (("heavy", heavy), ("recent", recent)):
        if not 0 <= amount < float("inf") or (isinstance(amount, float) and amount > 1):
            told = "must be a share of the prompt from 0 to 1, or a whole number of tokens"
            raise UsageError(f"kv: {called!r} is {amount!r}: it {told}")
    if name == "full":
        return Full()
    if not heavy + recent:
        raise UsageError("kv: heavy and recent are both 0: nothing would be kept")
    observes, ranked = RANKED[name]
    return Bounded(name, observes, ranked, heavy, recent)


def read_amount(text: str) -> Amount:
    """An amount as it is written: `64` tokens, or `.1` or `1.0`, a share.

    Raises:
        ValueError: It is neither.
    """
    return int(text) if text.isdecimal() else float(text)
