"""Attention whose weights are summed: some queries at a time, so that no tensor of tokens by tokens is made.

    out, sums = weigh(queries, keys, values, scaling, Sight(positions, places))

Each part's weights give its output and its share of the sums at once, over those keys alone that its queries can see:
a fused kernel tells no weights, so that beside one they would be computed a second time.

Not here: which keys there are (`layer.py`); what the sums are for (`policies.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from dikast.decoding.kv.libraries import library

CELLS = 1 << 20
"""Attention weights that are held at once: 4 MB in float32, which a core's cache holds. Of 0.5 to 32 MB it was the
fastest at 4,096 tokens, with 32 MB a layer took 1.7 times as long."""
EMPTY = -1
"""The place of a slot that holds nothing, and of padding."""

torch: Any = library("torch")


class Sight(NamedTuple):
    """Which keys a query may attend to. The queries are those of the last columns.

    Args:
        positions: Place of what each slot holds, shape (rows, slots). Of one head: which slots are in use is the same
            in all, and what they hold is earlier than any new column.
        places: Places of the queries, shape (rows, columns).
        plain: Whether no slot is empty and no query is padding: each may then attend to all but later columns.
    """

    positions: Any
    places: Any
    plain: bool = False

    def allowed(self, at: slice, end: int) -> Any:
        """For some queries and the first slots, shape (rows, 1, queries, slots); all of it for padding."""
        there, asking = self.positions[:, None, None, :end], self.places[:, None, at, None]
        return ((there >= 0) & (there <= asking)) | (asking == EMPTY)


def parts(query: Any, slots: int) -> Iterator[tuple[slice, int]]:
    """Queries in parts, so that weights stay below `CELLS`, and how many slots the last one of a part can see.

    Args:
        query: Shape (rows, heads, columns, width).
        slots: All that there are, the columns' own at their end.
    """
    rows, heads, columns = query.shape[:3]
    start, before = 0, slots - columns
    while start < columns:
        # The part's own columns add to what it sees: count them in, by the size that it had without.
        size = max(1, CELLS // (rows * heads * (before + start + 1)))
        size = max(1, CELLS // (rows * heads * (before + min(columns, start + size))))
        end = min(columns, start + size)
        yield slice(start, end), before + end
        start = end


def weigh(query: Any, keys: Any, values: Any, scaling: float, sight: Sight) -> tuple[Any, Any]:
    """Attention, and what each key got of it.

    Args:
        query: Shape (rows, query heads, columns, width).
        keys: Shape (rows, key-value heads, slots, width).
        values: Likewise; `None` where the output is not wanted.
        scaling: Of the products.
        sight: Who sees what.

    Returns:
        Output of shape (rows, columns, query heads, width) or `None`; and weights summed over queries that are no
        padding, a mean over the query heads that share a key-value head, float32, shape (rows, key-value heads, slots).
    """
    rows, heads, columns, width = query.shape
    groups, slots = keys.shape[1:3]
    shared = heads // groups
    sums = torch.zeros((rows, groups, slots), dtype=torch.float32, device=query.device)
    out: Any = None if values is None else values.new_empty((rows, columns, heads, values.shape[-1]))
    for at, end in parts(query, slots):
        count = at.stop - at.start
        asked = (query[:, :, at] * scaling).reshape(rows, groups, shared * count, width)
        logits = (asked @ keys[:, :, :end].transpose(-1, -2)).float().view(rows, groups, shared, count, end)
        if not sight.plain:
            logits.masked_fill_(~sight.allowed(at, end)[:, :, None], float("-inf"))
        elif count > 1:
            later = torch.ones((count, count), dtype=torch.bool, device=query.device).triu(1)
            logits[..., end - count :].masked_fill_(later, float("-inf"))
        weights = logits.softmax(-1)
        if values is not None:
            mixed = weights.view(rows, groups, shared * count, end).to(values.dtype) @ values[:, :, :end]
            out[:, at] = mixed.view(rows, heads, count, -1).transpose(1, 2)
        if not sight.plain:
            # A token has itself to attend to, padding has not: its weights are of everything, and are left out.
            weights = weights * (sight.places[:, at] >= 0)[:, None, None, :, None]
        sums[:, :, :end] += weights.sum((2, 3)) / shared
    return out, sums
