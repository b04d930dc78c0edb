"""Limits on what model calls may cost, for a run and for each of its rows.

A limit is checked before a call is made. Calls are counted as they begin, so that their limit is exact; tokens and cost
are known when a call ends, so that a run may end above these limits by what was in flight. Replies from the request
cache cost nothing.
"""

from __future__ import annotations

import time

from pydantic import BaseModel, Field

from dikast.errors import LimitReached
from dikast.records import Usage

LIMIT_OF = "the {}'s limit of "
"""How the message of a used-up limit begins."""
TOKENS_PER_PRICE = 1_000_000
"""Prices are per million tokens, as vendors print them."""


class Limits(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What may be spent; `None` is no limit."""

    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    """Input and output tokens together."""
    seconds: float | None = Field(default=None, ge=0)
    """Wall-clock seconds since the budget was opened."""
    cost: float | None = Field(default=None, ge=0)
    """In the currency of the prices below."""
    price_input: float = Field(default=0.0, ge=0)
    """Price of a million input tokens."""
    price_output: float = Field(default=0.0, ge=0)
    """Price of a million output tokens."""

    def cost_of(self, usage: Usage) -> float:
        """What this usage costs at these prices."""
        priced = usage.input_tokens * self.price_input + usage.output_tokens * self.price_output
        return priced / TOKENS_PER_PRICE


class Budget:
    """What has been spent of some limits."""

    def __init__(self, limits: Limits, name: str = "run") -> None:
        self.limits = limits
        self.name = name
        self.spent = Usage()
        self._begun = 0
        self._opened = time.monotonic()

    def add(self, usage: Usage) -> None:
        """Book what a call cost."""
        self.spent += usage

    @property
    def begun(self) -> int:
        """Calls that were let pass."""
        return self._begun

    def begin(self, calls: int = 1) -> None:
        """Count calls that pass; `check` says whether they do."""
        self._begun += calls

    def check(self) -> None:
        """Raise `LimitReached` if the next call would not pass."""
        spent = {
            "calls": self._begun,
            "tokens": self.spent.input_tokens + self.spent.output_tokens,
            "seconds": time.monotonic() - self._opened,
            "cost": self.limits.cost_of(self.spent),
        }
        for name, value in spent.items():
            limit = getattr(self.limits, name)
            if limit is not None and value >= limit:
                raise LimitReached(f"{LIMIT_OF.format(self.name)}{limit:g} {name} is used up ({value:g} spent)")
