"""How fast calls may be made: so many a minute, so many tokens a minute, as vendors' plans have it.

    pace = Pace(Rates(rpm=60, tpm=90_000))
    await pace.turn()           # returns when the next call may be made
    pace.book(1_200)            # that call took so many tokens

Calls are spread evenly, not let through in bursts, so that no minute has more than the limit. Tokens are known when a
call has ended: after one that took many, the next waits for as long as the rate takes to make them up, so that the
mean is held, and a minute may end above it by what was in flight.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from pydantic import BaseModel, Field

MINUTE = 60.0


class Rates(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What may be spent a minute; `None` is no limit."""

    rpm: float | None = Field(default=None, gt=0)
    """Calls."""
    tpm: float | None = Field(default=None, gt=0)
    """Input and output tokens together."""

    def share(self, of: int) -> Rates:
        """The part of one of several processes that share them."""
        return Rates(rpm=self.rpm and self.rpm / of, tpm=self.tpm and self.tpm / of)

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return self.rpm is not None or self.tpm is not None


class Pace:
    """Lets calls through at these rates, from any number of tasks.

    Args:
        rates: The limits.
        clock: Seconds that only grow.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        rates: Rates,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.rates, self._clock, self._sleep = rates, clock, sleep
        self._next_call = self._made_up = clock()
        self._lock = threading.Lock()

    async def turn(self) -> None:
        """Wait until a call may be made."""
        with self._lock:
            now = self._clock()
            mine = max(now, self._next_call)
            if self.rates.rpm is not None:
                self._next_call = mine + MINUTE / self.rates.rpm
        if mine > now:
            await self._sleep(mine - now)
        while (wait := self._made_up - self._clock()) > 0:
            await self._sleep(wait)

    def book(self, tokens: int) -> None:
        """Count the tokens of a call that ended."""
        if self.rates.tpm is not None and tokens:
            with self._lock:
                self._made_up = max(self._clock(), self._made_up) + tokens * MINUTE / self.rates.tpm
