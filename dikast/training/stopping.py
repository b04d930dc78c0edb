"""A training stage that can be broken off: cancelled, or at the first Ctrl-C, it stops after its current step.

    done = await train_stoppably(lambda on_step: trainer.train(recipe, rows, model, folder, on_step))

A training is blocking, and runs in a thread that nobody can stop from outside. What can be done is to raise in
`on_step`, which a trainer calls after each step: it ends there, its last checkpoint stays. At a Ctrl-C or SIGTERM the
job around it drains, and would wait for all rounds to come: the stage is left owed instead.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from dikast.errors import UsageError
from dikast.jobs.stopping import signals

OnStep: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Called after each step of a training; what it raises stops the training."""
T = TypeVar("T")


class Cancelled(Exception):
    """Stops a training after its step; the loop was broken off."""


async def train_stoppably(train: Callable[[OnStep], T]) -> T:
    """Train in a thread; if this is cancelled or interrupted, wait until the training has stopped after its step.

    Args:
        train: Trains, and calls what it is given after each step.

    Raises:
        asyncio.CancelledError: This was cancelled; the training has stopped.
        UsageError: A signal came; the training has stopped, and can be gone on with.
        Exception: Whatever the training raises.
    """
    stop = threading.Event()

    def on_step(_: Mapping[str, Any]) -> None:
        if stop.is_set():
            raise Cancelled

    def interrupted(_: BaseException | None) -> None:
        stop.set()

    work = asyncio.ensure_future(asyncio.to_thread(train, on_step))
    with signals(interrupted):
        try:
            return await asyncio.shield(work)
        except Cancelled as error:
            raise UsageError(
                "the training was interrupted", hint="the same command goes on where it stopped"
            ) from error
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([work])
            work.exception()  # it was told to stop, and how it did so says nothing new
            raise
