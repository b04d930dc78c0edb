"""A sentence encoder for tests: a text is the sum of its words' directions, which are drawn from their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from dikast.retrieval.analysis import analyze
from dikast.retrieval.encoders.encoder import Role
from dikast.retrieval.encoders.scripted import scripted
from dikast.retrieval.vectors import Vectors

DIMENSION = 32


@scripted
def toy(texts: Sequence[str], role: Role) -> Vectors:
    return np.stack(
        [sum((direction(word) for word in analyze(text)), np.zeros(DIMENSION, np.float32)) for text in texts]
    )


@scripted
def wider(texts: Sequence[str], role: Role) -> Vectors:
    """Of another dimension."""
    return np.ones((len(texts), DIMENSION + 1), np.float32)


def direction(word: str) -> Vectors:
    seed = int.from_bytes(sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
