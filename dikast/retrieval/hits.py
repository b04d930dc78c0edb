"""Hits by the thousand, as plain lists of `Hit`, at half the price of calling `Hit` for each.

make_hits(["d7", "d2"], [3.1, 2.5])            # [Hit("d7", 3.1), Hit("d2", 2.5)]
with collector_paused(): ...                   # around the making of very many
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from itertools import repeat
from typing import cast

from dikast.retrieval.retriever import Hit


def make_hits(docids: Iterable[str], scores: Iterable[float]) -> list[Hit]:
    """A hit for each id and its score; 0.09 ms for 1,000, where calling `Hit` takes 0.19 ms.

    Raises:
        ValueError: There are more of one than of the other.
    """
    make = cast("Callable[[type[Hit], tuple[str, float]], Hit]", tuple.__new__)
    return list(map(make, repeat(Hit), zip(docids, scores, strict=True)))


@contextmanager
def collector_paused() -> Generator[None]:
    """Hold the cyclic garbage collector: it would scan every hit made so far, again and again (0.9 ms, not 0.2 ms)."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
