"""Caches that forget, as transformers takes them.

    cache = H2OCache(model, heavy=0.1, recent=0.1)
    model.generate(**inputs, past_key_values=cache)
    cache.nbytes

A cache is for one call of `generate`, or for one batch of sequences that are gone on with. Making one has the model
attend by a function that knows such caches (`attention.watch`); with any other cache the model does what it did before,
by torch's scaled dot product attention.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from dikast.decoding.kv.attention import watch
from dikast.decoding.kv.layer import Filling, KVLayer
from dikast.decoding.kv.libraries import library
from dikast.decoding.kv.policies import HEAVY, RECENT, Amount, Policy, policy_of
from dikast.errors import UsageError

Base: Any = library("transformers.cache_utils").Cache


class KVCache(Base):
    """Keys and values of a model under a policy.

    Args:
        model: A Hugging Face decoder, on any device.
        policy: See `policies.policy_of`.

    Raises:
        UsageError: The model's attention is not one that this can be done to; the message says what it has.
    """

    def __init__(self, model: Any, policy: Policy) -> None:
        watch(model)
        count = model.config.get_text_config(decoder=True).num_hidden_layers
        self.policy, self._filling = policy, Filling()
        super().__init__(layers=[KVLayer(policy, self._filling) for _ in range(count)])

    @contextmanager
    def filling(self) -> Generator[None]:
        """Within it a prompt is read in several passes, and nothing is let go before its end."""
        self._filling.under_way = True
        try:
            yield
        finally:
            self._filling.under_way = False
        for layer in self.layers:
            layer.settle()

    def merge(self, other: KVCache) -> None:
        """Take in the rows of a cache of the same model and policy, behind these.

        Raises:
            UsageError: The policies differ.
        """
        if self.policy != other.policy:
            raise UsageError("kv: caches under different policies cannot be merged")
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine.merge(theirs)

    def keep_all(self) -> None:
        """From now on, let nothing more go."""
        for layer in self.layers:
            layer.keep_all()

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values, as they lie in memory."""
        return sum(layer.nbytes for layer in self.layers)

    @property
    def upkeep(self) -> int:
        """Bytes of places and scores."""
        return sum(layer.upkeep for layer in self.layers)

    @property
    def slots(self) -> int:
        """Slots in use of the row, head and layer that has most."""
        return max((layer.width for layer in self.layers), default=0)


class H2OCache(KVCache):
    """A cache of heavy hitters and recent tokens, or under another policy of `POLICIES`.

    Args:
        model: A Hugging Face decoder.
        heavy: Tokens kept for the attention that they got: a whole number, or a share of the prompt as a float.
        recent: The last tokens, likewise.
        policy: One of `POLICIES`.

    Raises:
        UsageError: A value is out of range, or the model's attention is not one that this can be done to.
    """

    def __init__(self, model: Any, heavy: Amount = HEAVY, recent: Amount = RECENT, policy: str = "h2o") -> None:
        super().__init__(model, policy_of(policy, heavy, recent))
