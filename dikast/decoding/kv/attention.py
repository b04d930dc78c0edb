"""How a model comes to attend through a cache that forgets: its attention function, and the mask that goes with it.

    watch(model)

transformers asks a cache for keys and values, and hands them, without the cache, to an attention function that is
chosen by name. The one that stands here finds the layer that they came from, has it attend, and does for everybody
else's keys what `sdpa` does, so that a watched model stays usable with any other cache.

Not here: what attending means (`layer.py`).
"""

from __future__ import annotations

import threading
from typing import Any

from dikast.decoding.kv.libraries import library
from dikast.errors import UsageError

NAME = "dikast_kv"
"""What the attention function is called in transformers' registry."""
FOREIGN = ("s_aux", "softcap", "position_bias", "sliding_window")
"""Arguments of attention functions that the caches here do not understand."""

torch: Any = library("torch")
transformers: Any = library("transformers")
sdpa: Any = library("transformers.integrations.sdpa_attention").sdpa_attention_forward
masking: Any = library("transformers.masking_utils")


class Link(threading.local):
    """From a cache's layer to the function that transformers calls without it, within one thread."""

    layer: Any = None
    """The layer whose keys were asked for last."""

    def taken(self, keys: Any) -> Any:
        """The layer that these keys came from; `None` for anybody else's."""
        layer, self.layer = self.layer, None
        return layer if layer is not None and layer.keys is keys else None


LINK = Link()


class Columns(int):
    """A number of columns that one of our layers told: by it `mask` knows whom a mask is for."""


def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **given: Any) -> tuple[Any, None]:
    """Attention as transformers calls it.

    Args:
        module: The model's attention module.
        query: Shape (rows, query heads, columns, width).
        key: As the cache gave it, shape (rows, key-value heads, slots, width).
        value: Likewise.
        attention_mask: As `mask` made it.
        given: Scaling, and what else the model says.

    Raises:
        UsageError: The model's attention has something that a cache here would leave out.
    """
    layer = LINK.taken(key)
    if layer is None:
        return sdpa(module, query, key, value, attention_mask, **given)
    foreign = [name for name in FOREIGN if given.get(name) is not None]
    if foreign:
        raise UsageError(f"kv: this model's attention has {', '.join(foreign)}, which no cache here keeps to")
    if attention_mask is not None and attention_mask.ndim != 2:
        raise UsageError("kv: the attention mask must be one of tokens, of shape (rows, tokens so far)")
    return layer.attend(module, query, attention_mask, given), None


def mask(*, attention_mask: Any = None, q_length: int, kv_length: int, **given: Any) -> Any:
    """For one of our layers: which of the new columns are tokens, shape (rows, columns), `None` for all of them.

    A square of columns by columns is never made; the layer masks by places.
    """
    if not isinstance(kv_length, Columns):
        return masking.sdpa_mask(attention_mask=attention_mask, q_length=q_length, kv_length=kv_length, **given)
    if attention_mask is None:
        return None
    new = attention_mask[:, -q_length:].bool()
    return None if new.all() else new


def watch(model: Any) -> None:
    """Have a model attend through caches that forget; everything else it does as before, by `sdpa`.

    Raises:
        UsageError: The model cannot: it is no decoder, chooses its own attention, or has layers of other kinds.
    """
    config = model.config.get_text_config(decoder=True)
    name = type(model).__name__
    kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if kinds or getattr(config, "is_encoder_decoder", False):
        what = f"layers of {', '.join(sorted(kinds))}" if kinds else "an encoder"
        raise UsageError(f"kv: {name} has {what}: caches that forget are for decoders with full attention only")
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        raise UsageError(f"kv: {name} has a sliding window of its own: nothing is left to choose")
    if config._attn_implementation == NAME:
        return
    transformers.AttentionInterface.register(NAME, attend)
    masking.AttentionMaskInterface.register(NAME, mask)
    if not model._can_set_attn_implementation():
        raise UsageError(f"kv: {name} takes no attention function of others, so that nothing can be forgotten in it")
    model.set_attn_implementation(NAME)
