"""What is in memory when a job starts is left out of garbage collection until it ends.

Modules, index and context live as long as the job. Python's collector goes through all of them again and again
meanwhile, since every row makes some thousand objects: a fifth of the processor time of a job over a fast server.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

YOUNG_GENERATION = 20_000
"""New objects between two collections while a command starts, in place of 700: imports make a million that stay."""


class _Process:
    """What is known of this process."""

    frozen_by_us = False
    """Whether a job of this process has frozen the heap: asking the collector means counting all that is frozen."""
    is_command = False
    """Whether it is there for one command: then what the first job finds in memory is what it has imported."""


@contextmanager
def starting_command() -> Generator[None]:
    """Have this process be there for one command: it looks for garbage seldom, and not before its first job."""
    before, was = gc.get_threshold(), _Process.is_command
    gc.set_threshold(YOUNG_GENERATION, *before[1:])
    _Process.is_command = True
    try:
        yield
    finally:
        gc.set_threshold(*before)
        _Process.is_command = was


@contextmanager
def spare_collector() -> Generator[None]:
    """Keep the collector from what is there now; where it is frozen already, by whomever, change nothing."""
    ours = not _Process.frozen_by_us and not gc.get_freeze_count()
    if ours:
        if not _Process.is_command:
            gc.collect()
        gc.freeze()
        gc.collect()  # a full collection comes when a quarter more is there than after the last one: count from little
        _Process.frozen_by_us = True
    try:
        yield
    finally:
        if ours:
            _Process.frozen_by_us = False
            gc.unfreeze()
