"""The local engine: rows are done on the job's own event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dikast.jobs.engines import Hands, Place


class Local:
    """Does rows in this process."""

    name = "local"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncGenerator[Hands]:
        """Nothing is to be made ready."""
        yield Hands(place.work.do, place.concurrency)
