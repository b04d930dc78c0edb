"""Key-value caches that forget: which keys and values a model keeps while it reads and writes.

    from dikast.decoding.kv import H2OCache

    model.generate(**inputs, past_key_values=H2OCache(model, heavy=0.1, recent=0.1))

The paper is H2O (arXiv 2306.14048). `POLICIES` names what is offered beside it, `policy_of` makes one. Keys and values
that are not kept are gone: their memory is given back. Nothing heavy is imported before a name of `cache.py` is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.decoding.kv.cache import H2OCache, KVCache
    from dikast.decoding.kv.policies import POLICIES, Policy, Room, policy_of

__all__ = ["POLICIES", "H2OCache", "KVCache", "Policy", "Room", "policy_of"]

open_package(
    __name__,
    {
        "H2OCache": "cache",
        "KVCache": "cache",
        "POLICIES": "policies",
        "Policy": "policies",
        "Room": "policies",
        "policy_of": "policies",
    },
)
