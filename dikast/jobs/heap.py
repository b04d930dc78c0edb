"""What is in memory when a job starts is left out of garbage collection until it ends.

Modules, index and context live as long as the job. Python's collector goes through all of them again and again
meanwhile, since every row makes some thousand objects: a fifth of the processor time of a job over a fast server.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


class _Frozen:
    """Whether a job of this process has frozen the heap: asking the collector means counting all that is frozen."""

    by_us = False


@contextmanager
def spare_collector() -> Generator[None]:
    """Keep the collector from what is there now; where it is frozen already, by whomever, change nothing."""
    ours = not _Frozen.by_us and not gc.get_freeze_count()
    if ours:
        gc.collect()
        gc.freeze()
        gc.collect()  # a full collection comes when a quarter more is there than after the last one: count from little
        _Frozen.by_us = True
    try:
        yield
    finally:
        if ours:
            _Frozen.by_us = False
            gc.unfreeze()
