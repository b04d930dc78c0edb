"""One layer's keys and values, of which those are kept that are worth most. See `policies.py` for what they are worth.

A row is a sequence of the batch. In each head a row has slots; those in use come first, `filled` of them, and what
follows is empty. One pass of the model appends its columns behind all rows' slots, attends over them, sums attention,
and then lets go what is beyond the row's room: after a prompt by making the tensors anew, after a single token by
laying it into the slot that is worth least, so that memory stays where it is and nothing is copied but that token.

Keys keep the angle of their token's own position (RoPE is applied before a cache sees them). Padding is never kept and
never scored, and nothing of a row depends on its mates. Attention that is summed or masked is computed by `weights.py`,
all else by torch's fused kernel, as with any other cache: also while there is room for all, so that nothing differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dikast.decoding.kv.attention import LINK, Columns, sdpa
from dikast.decoding.kv.libraries import library
from dikast.decoding.kv.policies import KERNEL, WINDOW, Policy, Room, Seen
from dikast.decoding.kv.weights import EMPTY, Sight, weigh
from dikast.errors import UsageError

SPARE, SPARE_SHARE = 64, 8
"""A cache that grows takes room for so many more tokens, or this part of what it has."""

torch: Any = library("torch")
Base: Any = library("transformers.cache_utils").CacheLayerMixin


@dataclass(slots=True)
class Filling:
    """Whether a prompt is still being read, in several passes: nothing is let go before its end."""

    under_way: bool = False


class KVLayer(Base):
    """The keys and values of one attention layer.

    Args:
        policy: What is kept.
        filling: Shared by the layers of a cache.
    """

    is_compileable = is_croppable = is_sliding = supports_early_init = False

    def __init__(self, policy: Policy, filling: Filling) -> None:
        self.policy, self.filling = policy, filling
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.is_initialized = False
        self.keys: Any = None
        self.values: Any = None
        self._keys: Any = None
        self._values: Any = None
        self._positions: Any = None
        self._scores: Any = None
        self._passed: Any = None
        self._padding = False
        self._recent: Any = None
        self._queries: Any = None
        self._scaling = 1.0
        self._ended = False
        self.seen = self.width = self._new = 0
        self.filled: list[int] = []
        self.rooms: list[Room | None] = []

    # What transformers asks of a layer.

    def lazy_initialization(self, key_states: Any, value_states: Any) -> None:
        """Take the shape of what comes."""
        rows, heads = key_states.shape[:2]
        self.device, self.dtype = key_states.device, key_states.dtype
        self._keys, self._values = key_states[:, :, :0], value_states[:, :, :0]
        self._positions = torch.empty((rows, heads, 0), dtype=torch.long, device=self.device)
        self._scores = torch.empty((rows, heads, 0), dtype=torch.float32, device=self.device)
        self._passed = torch.zeros((rows, 1, 1), dtype=torch.long, device=self.device)
        self.filled = [0] * rows
        self.is_initialized = True

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Append columns; attention over them has to follow, in the same thread.

        Raises:
            UsageError: Gradients are asked for.
        """
        if key_states.requires_grad:
            raise UsageError("kv: a cache that forgets has no gradients", hint="call the model under torch.no_grad()")
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        new = key_states.shape[-2]
        self._make_room(self.width + new)
        at = slice(self.width, self.width + new)
        self._keys[:, :, at], self._values[:, :, at] = key_states, value_states
        self._scores[:, :, at] = 0.0
        self._new = new
        self.seen += new
        self._show(self.width + new)
        LINK.layer = self
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """As for a cache that forgets nothing; `attention.mask` makes no mask of that size."""
        return Columns(self.seen + query_length), 0

    def get_seq_length(self) -> int:
        """Columns seen, padding among them: positions of what comes count on from there."""
        return self.seen

    def get_max_length(self) -> int:
        """No bound: any number of tokens may come."""
        return -1

    def crop(self, tokens_to_remove: int) -> None:
        """Refused: what was let go for the last tokens' sake cannot be had back.

        Raises:
            UsageError: Always, but for 0 tokens.
        """
        if tokens_to_remove:
            raise UsageError(
                f"kv: a cache under policy {self.policy.name!r} cannot be cropped: what it let go is gone",
                hint="assisted decoding needs a full cache",
            )

    def reorder_cache(self, beam_idx: Any) -> None:
        """Give each beam its parent's keys, values, places and scores."""
        self.batch_select_indices(beam_idx)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Each row so many times."""
        rows = torch.arange(len(self.filled), device=self.device) if self.is_initialized else None
        if rows is not None:
            self.batch_select_indices(rows.repeat_interleave(repeats))

    def batch_select_indices(self, indices: Any) -> None:
        """Only these rows, in this order."""
        if not self.is_initialized:
            return
        chosen = indices.to(self.device)
        rows = chosen.tolist() if chosen.dtype != torch.bool else chosen.nonzero()[:, 0].tolist()
        self.filled = [self.filled[row] for row in rows]
        self.rooms = [self.rooms[row] for row in rows] if self.rooms else []
        width = max(self.filled, default=0)
        # One copy, of what the rows that stay have in use; a slot beside it for the next token.
        for name in ("_keys", "_values", "_positions", "_scores"):
            setattr(self, name, getattr(self, name)[:, :, : min(self.width, width) + 1][chosen])
        self._passed = self._passed[chosen]
        self._recent = None if self._recent is None else self._recent[chosen]
        self._queries = None if self._queries is None else self._queries[chosen]
        self.width = width
        self._show(width)

    def merge(self, other: KVLayer) -> None:
        """Take in another layer's rows, behind these; prompts have been read, and the policies are one."""
        capacity = max(self.width, other.width) + 1
        for name, empty in (("_keys", 0.0), ("_values", 0.0), ("_positions", EMPTY), ("_scores", 0.0)):
            parts = [_padded(getattr(layer, name)[:, :, : layer.width], capacity, empty) for layer in (self, other)]
            setattr(self, name, torch.cat(parts))
        self._passed = torch.cat([self._passed, other._passed])
        self._recent = torch.cat([self._recent, other._recent])
        self.filled += other.filled
        self.rooms += other.rooms
        self.seen, self.width = max(self.seen, other.seen), max(self.width, other.width)
        self._show(self.width)

    # Attention.

    def attend(self, module: Any, query: Any, tokens: Any, given: dict[str, Any]) -> Any:
        """Attention over all slots and the new columns, then letting go.

        Args:
            module: The model's attention module.
            query: Shape (rows, query heads, columns, width).
            tokens: Which columns are tokens, shape (rows, columns); `None` for all.
            given: As transformers gives it to an attention function.
        """
        places = self._place(query, tokens)
        self._scaling = given.get("scaling") or query.shape[-1] ** -0.5
        sight = Sight(self._positions[:, 0, : self._whole], places, self._is_plain(tokens))
        summed = self.policy.observes == "all"
        sums: Any = None
        with torch.no_grad():
            if sight.plain and self._new in (1, self._whole) and (not summed or self._fits()):
                out = sdpa(module, query, self.keys, self.values, None, **given)[0]
                if summed:
                    _, sums = weigh(query, self.keys, None, self._scaling, sight)
            else:
                out, sums = weigh(query, self.keys, self.values, self._scaling, sight)
            if summed:
                self._scores[:, :, : self._whole] += sums
            self._take(query)
            if not self.filling.under_way:
                self.settle()
        return out

    def settle(self) -> None:
        """Let go what is beyond each row's room."""
        new, self._new = self._new, 0
        if not self.rooms:
            self._choose_rooms()
        if self.policy.observes == "last" and self._queries is not None:
            self._score_by_last()
        if new != 1 or self._padding or (not self._ended):
            self._ended = True
            self._compact()
            return
        full = [room is not None and count >= room.slots for count, room in zip(self.filled, self.rooms, strict=True)]
        if any(full) or any(count != self.width - 1 for count in self.filled):
            self._lay(full)
        else:
            self.filled = [count + 1 for count in self.filled]

    def _place(self, query: Any, tokens: Any) -> Any:
        """Write down the new columns' places; returns the queries', shape (rows, columns), `EMPTY` for padding."""
        rows, new = query.shape[0], self._new
        self._padding = tokens is not None
        if tokens is None:
            places = self._passed[:, :, 0] + torch.arange(new, device=self.device)
            self._passed = self._passed + new
        else:
            counted = tokens.cumsum(-1)
            places = (self._passed[:, :, 0] + counted - 1).masked_fill(~tokens, EMPTY)
            self._passed = self._passed + counted[:, -1].view(rows, 1, 1)
        self._positions[:, :, self.width : self.width + new] = places[:, None]
        return places

    def _is_plain(self, tokens: Any) -> bool:
        """Whether no slot is empty, and no new column is padding."""
        return tokens is None and all(count == self.width for count in self.filled)

    def _fits(self) -> bool:
        """Whether each row has room for all that it has come to."""
        if self.rooms:
            there = [count + self._new for count in self.filled]
            return all(room is None or count <= room.slots for count, room in zip(there, self.rooms, strict=True))
        rooms = ((length, self.policy.room(length)) for length in self._passed[:, 0, 0].tolist())
        return all(room is None or length <= room.slots for length, room in rooms)

    @property
    def _whole(self) -> int:
        return self.width + self._new

    def _take(self, query: Any) -> None:
        """Count the new columns among the slots; keep the prompt's last queries, if they will be asked for sums."""
        if self.policy.observes == "last" and not self.rooms:
            queries = query if self._queries is None else torch.cat([self._queries, query], 2)
            self._queries = queries[:, :, -WINDOW:].clone()
        self.width = self._whole
        self._show(self.width)

    def _score_by_last(self) -> None:
        """SnapKV's scores: attention of the prompt's last queries, each token with the most of its neighbours'."""
        queries, self._queries = self._queries, None
        columns = queries.shape[2]
        ends = self._passed[:, 0] - columns + torch.arange(columns, device=self.device)
        sight = Sight(self._positions[:, 0, : self.width], ends.clamp(min=EMPTY))
        sums = weigh(queries, self.keys, None, self._scaling, sight)[1]
        latest = self._positions[:, :, : self.width] > self._passed - 1 - self._recent
        sums = sums.masked_fill(latest, 0.0)
        pooled = torch.nn.functional.max_pool1d(sums, KERNEL, stride=1, padding=KERNEL // 2)
        self._scores[:, :, : self.width] = pooled

    # Letting go.

    def _choose_rooms(self) -> None:
        """Each row's room, by the length of its own prompt; once."""
        self.rooms = [self.policy.room(length) for length in self._passed[:, 0, 0].tolist()]
        recent = [0 if room is None else room.recent for room in self.rooms]
        self._recent = torch.tensor(recent, device=self.device).view(-1, 1, 1)

    def _worth(self) -> Any:
        """What each slot in use is worth, shape (rows, heads, slots)."""
        positions, scores = self._positions[:, :, : self.width], self._scores[:, :, : self.width]
        return self.policy.worth(Seen(scores, positions, self._passed - 1, self._recent))

    def _lay(self, full: list[bool]) -> None:
        """Lay the one new column into the slot that it takes: the first that is empty, or that of what goes."""
        last = self.width - 1
        goes = torch.tensor(self.filled, device=self.device).view(-1, 1, 1).expand(-1, self._keys.shape[1], 1)
        if any(full):
            worth = self._worth()
            if any(count != last for count in self.filled):
                worth = worth.masked_fill(self._positions[:, :, : self.width] < 0, float("inf"))
            least = worth.argmin(-1, keepdim=True)
            goes = least if all(full) else least.where(torch.tensor(full, device=self.device).view(-1, 1, 1), goes)
        for tensor in (self._positions, self._scores):
            tensor.scatter_(2, goes, tensor[:, :, last : last + 1].clone())
        wide = goes[..., None]
        for tensor in (self._keys, self._values):
            tensor.scatter_(2, wide.expand(-1, -1, 1, tensor.shape[-1]), tensor[:, :, last : last + 1].clone())
        self.filled = [count + (not all_used) for count, all_used in zip(self.filled, full, strict=True)]
        self.width = max(self.filled)
        if self.width > last:
            for row, count in enumerate(self.filled):
                if count <= last:
                    self._positions[row, :, last] = EMPTY
        self._show(self.width)

    def _compact(self) -> None:
        """Make the tensors anew, of what is kept, by place."""
        positions = self._positions[:, :, : self.width]
        there = (positions[:, 0] >= 0).sum(-1).tolist()
        kept = [have if room is None else min(have, room.slots) for have, room in zip(there, self.rooms, strict=True)]
        width = max(kept)
        if all(count == self.width for count in kept):
            self.filled = kept
            return
        worth = self._worth().masked_fill(positions < 0, float("-inf"))
        order = worth.sort(dim=-1, descending=True, stable=True).indices[:, :, :width]
        rank = torch.arange(width, device=self.device)
        limit = torch.tensor(kept, device=self.device).view(-1, 1, 1)
        places = positions.gather(2, order).masked_fill(rank >= limit, self.seen + 1)
        places, by_place = places.sort(-1)
        order = order.gather(2, by_place)
        self._positions = _padded(places.masked_fill(places > self.seen, EMPTY), width + 1, EMPTY)
        self._scores = _padded(self._scores[:, :, : self.width].gather(2, order), width + 1, 0.0)
        for name in ("_keys", "_values"):
            tensor = getattr(self, name)
            index = order[..., None].expand(-1, -1, -1, tensor.shape[-1])
            made = tensor.new_empty((*tensor.shape[:2], width + 1, tensor.shape[-1]))
            torch.gather(tensor, 2, index, out=made[:, :, :width])
            setattr(self, name, made)
        self.filled, self.width = kept, width
        self._show(width)

    def keep_all(self) -> None:
        """From now on, let nothing more go."""
        self.rooms = [None] * len(self.filled)

    # Memory.

    def _make_room(self, needed: int) -> None:
        """Have at least so many slots; a cache that grows takes more than it needs now."""
        have = self._keys.shape[2]
        if needed <= have:
            return
        spare = max(SPARE, needed // SPARE_SHARE) if self._new or self.seen else 0
        bounds = [room.slots + 1 for room in self.rooms if room is not None]
        most = max(needed, max(bounds)) if bounds and len(bounds) == len(self.rooms) else needed + spare
        capacity = min(needed + spare, most)
        for name, empty in (("_keys", None), ("_values", None), ("_positions", EMPTY), ("_scores", 0.0)):
            setattr(self, name, _padded(getattr(self, name)[:, :, : self.width], capacity, empty))

    def _show(self, width: int) -> None:
        """What `keys` and `values` are: the slots in use, and new columns."""
        self.keys, self.values = self._keys[:, :, :width], self._values[:, :, :width]

    @property
    def kept(self) -> list[list[list[int]]]:
        """Places of the kept tokens, in order: row, head, places."""
        rows = self._positions[:, :, : self.width].tolist()
        return [[sorted(place for place in head if place >= 0) for head in row] for row in rows]

    @property
    def scores(self) -> Any:
        """Summed attention of the slots in use, shape (rows, heads, slots); by place, where nothing was let go."""
        return self._scores[:, :, : self.width]

    @property
    def nbytes(self) -> int:
        """Bytes of keys and values, slots that stand ready among them."""
        tensors: Sequence[Any] = (self._keys, self._values) if self.is_initialized else ()
        return sum(tensor.untyped_storage().nbytes() for tensor in tensors)

    @property
    def upkeep(self) -> int:
        """Bytes of places and scores."""
        tensors: Sequence[Any] = (self._positions, self._scores) if self.is_initialized else ()
        return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


def _padded(tensor: Any, capacity: int, empty: float | None) -> Any:
    """A copy with so many slots (dimension 2); `empty` in the new ones, `None` for whatever is there."""
    shape = (*tensor.shape[:2], capacity, *tensor.shape[3:])
    made = tensor.new_empty(shape) if empty is None else tensor.new_full(shape, empty)
    made[:, :, : tensor.shape[2]] = tensor
    return made
