"""The seeds of the n replies to one request."""

from __future__ import annotations

import hashlib
import secrets

from dikast.agents.models.request import Sampling

SEED_BITS = 32
"""The native generator's, a Mersenne Twister."""


def draw_seed(sampling: Sampling, draw: int) -> int:
    """The seed of the `draw`-th reply: the first has the request's own, the others have some derived from it."""
    if sampling.seed is None:
        return secrets.randbits(SEED_BITS)
    if draw == 0:
        return sampling.seed % (1 << SEED_BITS)
    digest = hashlib.sha256(f"{sampling.seed}:{draw}".encode()).digest()
    return int.from_bytes(digest[: SEED_BITS // 8], "big")
