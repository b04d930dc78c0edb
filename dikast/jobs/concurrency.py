"""How many rows are in flight: slow start, then additive increase, multiplicative decrease.

TCP's way (Jacobson 1988): the number doubles each round until a server asks for fewer calls (429 or 503) or a row
times out; then it is halved, and grows by one a round. A round is as many finished rows as were allowed at its start,
and a round is halved at most once, since one overload is answered many times.
"""

from __future__ import annotations

import asyncio

START = 8
"""Rows in flight at first: enough for one engine's batch, too few to overrun a small server."""
FLOOR = 1


class Gate:
    """Lets rows in, a varying number at a time.

    Args:
        most: The number is never above this one.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.allowed = min(START, most)
        self.inside = 0
        self._slow_start = True
        self._left_in_round = self.allowed
        self._halved = False
        self._changed = asyncio.Event()

    @property
    def room(self) -> bool:
        """Whether a row may come in."""
        return self.inside < self.allowed

    async def changed(self) -> None:
        """Return when something may have changed since the last time. For one waiter."""
        await self._changed.wait()
        self._changed.clear()

    def wake(self) -> None:
        """Let the waiter look again."""
        self._changed.set()

    def enter(self) -> None:
        """A row comes in."""
        self.inside += 1

    def leave(self) -> None:
        """A row goes out; at the end of a round the number may grow."""
        self.inside -= 1
        self._left_in_round -= 1
        if self._left_in_round <= 0:
            self._next_round()
        self._changed.set()

    def slow_down(self) -> None:
        """Somebody is overloaded: halve the number, once a round."""
        if not self._halved:
            self.allowed = max(FLOOR, self.allowed // 2)
            self._slow_start, self._halved = False, True
            # A whole round of what is in flight now has to come out before the smaller number shows its effect.
            self._left_in_round = max(self.inside, self.allowed)

    def _next_round(self) -> None:
        if not self._halved:
            self.allowed = min(self.most, self.allowed * 2 if self._slow_start else self.allowed + 1)
        self._halved = False
        self._left_in_round = self.allowed
