"""A training that is broken off stops after its step; one that is not is left alone."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from dikast.errors import TrainingError, UsageError
from dikast.training.stopping import Cancelled, OnStep, train_stoppably


async def test_what_was_made_comes_back_and_so_does_an_error() -> None:
    def train(on_step: OnStep) -> str:
        on_step({"step": 1})
        return "made"

    def diverge(on_step: OnStep) -> str:
        raise TrainingError("diverged")

    assert await train_stoppably(train) == "made"
    with pytest.raises(TrainingError, match="diverged"):
        await train_stoppably(diverge)


async def test_a_cancelled_training_ends_with_its_step_and_not_before() -> None:
    began, go_on = asyncio.Event(), threading.Event()
    loop, steps, ends = asyncio.get_running_loop(), list[int](), list[type[BaseException]]()

    def train(on_step: OnStep) -> None:
        try:
            for step in range(1, 4):
                steps.append(step)
                loop.call_soon_threadsafe(began.set)
                go_on.wait(60)
                on_step({"step": step})
        except BaseException as error:
            ends.append(type(error))
            raise

    task = asyncio.create_task(train_stoppably(train))
    await began.wait()
    task.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()  # it waits for the step
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (steps, ends) == ([1], [Cancelled])


async def test_at_a_signal_it_ends_with_its_step_too_and_is_left_owed() -> None:
    began, go_on = asyncio.Event(), threading.Event()
    loop, steps = asyncio.get_running_loop(), list[int]()

    def train(on_step: OnStep) -> None:
        for step in range(1, 4):
            steps.append(step)
            loop.call_soon_threadsafe(began.set)
            go_on.wait(60)
            on_step({"step": step})

    before = signal.getsignal(signal.SIGINT)
    task = asyncio.create_task(train_stoppably(train))
    await began.wait()
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(3):  # the loop hears the signal, and then tells the training
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(UsageError, match="interrupted"):
        await task
    assert steps == [1]
    assert signal.getsignal(signal.SIGINT) == before
