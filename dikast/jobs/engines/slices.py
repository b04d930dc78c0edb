"""A run's limits among several processes: each is granted a slice, and asks for the next when that is used up.

    slices = Slices(limits, workers=2)
    allowed = slices.grant("a", spent)          # what worker a may spend in all; None: nothing is left

The slices that are out never add up to more than the limit, so that it holds over all workers as it does in one
process: calls exactly, tokens and cost but for what is in flight. They get smaller as the rest does. A worker that
finds nothing left has the others give back first what they have not spent.

Not here: asking the workers (`ray.py`), and waiting for a slice (`worker.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dikast.agents.models.limits import Limits
from dikast.records import Usage

SHARE = 4
"""A slice is at most the rest divided by this number times the workers: few questions, and little out at the end."""
LEAST = 1e-6
"""A slice of the cost is at least this share of the limit, or slices would get smaller for ever."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a worker has spent since it began.

    Args:
        roles: By role.
        begun: Calls that were let pass, which are more than those of `roles` while some are under way.
        number: How often it has told this: messages may overtake one another.
    """

    roles: Mapping[str, Usage] = field(default_factory=dict[str, Usage])
    begun: int = 0
    number: int = 0

    @property
    def usage(self) -> Usage:
        """In all."""
        return sum(self.roles.values(), Usage())

    def amounts(self, limits: Limits) -> dict[str, float]:
        """The same by the names of the limits that there are.

        Args:
            limits: They, with their prices.
        """
        usage = self.usage
        tokens = usage.input_tokens + usage.output_tokens
        amounts = {"calls": self.begun, "tokens": tokens, "cost": limits.cost_of(usage)}
        return {name: amount for name, amount in amounts.items() if getattr(limits, name) is not None}


class Slices:
    """Who may spend how much.

    Args:
        limits: The run's; `seconds` are not divided.
        workers: How many there are.
    """

    def __init__(self, limits: Limits | None, workers: int) -> None:
        self.limits = limits or Limits()
        self.workers = workers
        self.bounded = {name: float(getattr(self.limits, name)) for name in Spent().amounts(self.limits)}
        """The limits that there are."""
        self._out: dict[str, dict[str, float]] = {}

    @property
    def nothing(self) -> Limits:
        """What a worker may spend before it was granted anything."""
        return self._limits(dict.fromkeys(self.bounded, 0.0))

    def left(self) -> dict[str, float]:
        """What is neither spent nor granted."""
        return {name: most - sum(one[name] for one in self._out.values()) for name, most in self.bounded.items()}

    def grant(self, worker: str, spent: Spent) -> Limits | None:
        """The next slice.

        Args:
            worker: Who asks.
            spent: By it, since it began.

        Returns:
            What it may spend in all since it began; `None` where a limit leaves nothing.
        """
        self.give_back(worker, spent)
        left = self.left()
        if any(rest <= 0 for rest in left.values()):
            return None
        mine = self._out[worker]
        for name, rest in left.items():
            share = rest / (SHARE * self.workers)
            mine[name] += max(share, self.bounded[name] * LEAST) if name == "cost" else min(rest, max(1.0, share // 1))
        return self._limits(mine)

    def give_back(self, worker: str, spent: Spent) -> Limits:
        """A worker keeps what it has spent, and no more.

        Returns:
            What it may spend in all: nothing further.
        """
        self._out[worker] = spent.amounts(self.limits)
        return self._limits(self._out[worker])

    def _limits(self, amounts: dict[str, float]) -> Limits:
        whole = {name: amount if name == "cost" else int(amount) for name, amount in amounts.items()}
        return self.limits.model_copy(update={"seconds": None, **whole})
