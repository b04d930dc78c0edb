"""Seeds and choices that the same row draws again: by the run's seed, the row, the place in the text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from dikast.agents.ledger import current

SEEDS = 2**31
"""Seeds are below it: every engine takes such ones."""


def seed_of(seed: int, row: Mapping[str, Any], *what: object) -> int:
    """A seed for one draw.

    Args:
        seed: The run's.
        row: The graph's input.
        what: What is drawn: the place, which candidate.
    """
    ledger = current()
    sample = row.get("sample", 0) + (ledger.sample if ledger else 0)
    told = json.dumps([seed, row["prompt"], row.get("id", ""), sample, *what]).encode()
    return int.from_bytes(hashlib.sha256(told).digest()[:4], "big") % SEEDS


def stream_of(seed: int, row: Mapping[str, Any], *what: object) -> np.random.Generator:
    """Random numbers for one choice."""
    return np.random.default_rng(seed_of(seed, row, "choice", *what))
