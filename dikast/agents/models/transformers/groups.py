"""Rows that run through the model together: left-padded, with one key-value cache.

    group = Group.begin(runner, rows)       # prefill; every row has drawn its first token
    while group.rows:
        group.keep(lambda row: not row.ended)
        group.step()

Padding is masked and positions count from a row's own first token, so that a row's numbers do not depend on its
mates', but for rounding (1e-6 in float32). Groups whose caches are plain ones are merged, so that newcomers join those
that run, and so are groups under one cache policy (`dikast.decoding.kv`); models with other caches (sliding windows,
states) run as several groups, one after the other.

Not here: threads, waiting, texts (`engine.py`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

from dikast.agents.models.request import TokenLogprob
from dikast.agents.models.transformers.draws import Draw, draw, told
from dikast.agents.models.transformers.loading import Loaded
from dikast.decoding.kv.policies import Policy

PREFILL_TOKENS = 4096
"""Tokens of one forward pass, padding among them: bounds the activations."""
SCORED_PLACES = 1024
"""Places whose logits are held at once: 200 MB for a vocabulary of 49,152."""
PADDING_SHARE, PADDING_FREE = 2.0, 256
"""Rows of one group differ in length by at most this factor, or so many tokens."""


@dataclass(eq=False, slots=True)
class Row:
    """A sequence under way.

    Args:
        tokens: Prompt and prefix; behind them what is to be scored, if `scored`.
        draw: How the next tokens are drawn.
        adapter: Name of the LoRA adapter, as it was loaded; empty for none.
        scored: Number of the last tokens that are scored, 0 for a row that draws.
        owner: Who wants it; nothing here looks at it.
        kv: Which keys and values are kept; `None` for all.
    """

    tokens: Sequence[int]
    draw: Draw
    adapter: str
    scored: int
    owner: Any
    kv: Policy | None = None

    @property
    def kind(self) -> tuple[str, str, int]:
        """Rows of one kind may run together. Under a policy completions of one length: what is let go depends on it."""
        return self.adapter, self.kv.told if self.kv else "", self.scored if self.kv else int(self.scored > 0)


class Runner:
    """A model and how it is called.

    Args:
        loaded: The open model.
        torch: The library.
    """

    def __init__(self, loaded: Loaded, torch: Any) -> None:
        self.loaded, self.torch = loaded, torch
        self.model = loaded.model
        self.adapters: set[str] = set()
        self._active = ""

    @cached_property
    def _takes(self) -> frozenset[str]:
        return frozenset(inspect.signature(self.loaded.model.forward).parameters)

    @cached_property
    def _cache(self) -> str:
        """What the model calls its cache: `cache` since transformers 5.24, `past_key_values` before."""
        return "cache" if "cache" in self._takes else "past_key_values"

    def adapted(self, adapter: str) -> Any:
        """A context in which the model is the one with this adapter."""
        if not adapter:
            return self.model.disable_adapter() if self.adapters else nullcontext()
        if self._active != adapter:
            self.model.set_adapter(adapter)
            self._active = adapter
        return nullcontext()

    def forward(self, ids: Any, mask: Any, cache: Any, keep: int) -> tuple[Any, Any]:
        """One pass.

        Args:
            ids: Shape (rows, columns), the columns after those in the cache.
            mask: Shape (rows, all columns so far).
            cache: What the last pass returned; `None` at first.
            keep: For how many of the last columns logits are wanted.

        Returns:
            Logits of shape (rows, keep, vocabulary), and the cache.
        """
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        given: dict[str, Any] = {"attention_mask": mask, self._cache: cache, "use_cache": True}
        beside = {"position_ids": positions, "logits_to_keep": keep}
        given |= {name: value for name, value in beside.items() if name in self._takes}
        out = self.model(input_ids=ids, **given)
        return out.logits[:, -keep:], getattr(out, self._cache)

    def padded(self, rows: Sequence[Row]) -> tuple[Any, Any]:
        """Ids and mask of rows, left-padded; both of shape (rows, longest)."""
        longest = max(len(row.tokens) for row in rows)
        fill = next(iter(sorted(self.loaded.ends)), 0)
        ids = [[fill] * (longest - len(row.tokens)) + list(row.tokens) for row in rows]
        mask = [[0] * (longest - len(row.tokens)) + [1] * len(row.tokens) for row in rows]
        tensor = self.torch.tensor
        return tensor(ids, device=self.loaded.device), tensor(mask, device=self.loaded.device)

    def prefill(self, ids: Any, mask: Any, upto: int, policy: Policy | None = None) -> tuple[Any, Any]:
        """Run columns before `upto`, in chunks; logits of the last of them, and the cache, under a policy."""
        size = max(1, PREFILL_TOKENS // ids.shape[0])
        logits, cache = None, None if policy is None else self._forgetting(policy)
        with nullcontext() if cache is None else cache.filling():
            for start in range(0, upto, size):
                end = min(upto, start + size)
                logits, cache = self.forward(ids[:, start:end], mask[:, :end], cache, 1)
        return logits, cache

    def watch(self) -> None:
        """Make sure that the model can run under a cache policy.

        Raises:
            UsageError: It cannot.
        """
        import_module("dikast.decoding.kv.attention").watch(self.loaded.model)

    def _forgetting(self, policy: Policy) -> Any:
        """A cache under a policy; its module imports torch."""
        return import_module("dikast.decoding.kv.cache").KVCache(self.loaded.model, policy)


class Group:
    """Rows that share a cache."""

    def __init__(self, runner: Runner, rows: list[Row], mask: Any, cache: Any) -> None:
        self.runner, self.rows, self.mask = runner, rows, mask
        self.cache: Any = cache

    @classmethod
    def begin(cls, runner: Runner, rows: Sequence[Row]) -> Group:
        """Run the prompts, and draw each row's first token. The rows have one adapter."""
        ids, mask = runner.padded(rows)
        with runner.adapted(rows[0].adapter):
            logits, cache = runner.prefill(ids, mask, ids.shape[1], rows[0].kv)
        group = cls(runner, list(rows), mask, cache)
        group._draw(logits)
        return group

    @property
    def adapter(self) -> str:
        """The rows' adapter."""
        return self.rows[0].adapter

    @property
    def kv(self) -> Policy | None:
        """The rows' cache policy."""
        return self.rows[0].kv

    @property
    def length(self) -> int:
        """Columns that the mask has: those in the cache, and under a policy those that were let go too."""
        return self.mask.shape[1]

    def step(self) -> None:
        """Run the last drawn token of each row, and draw the next."""
        torch, rows = self.runner.torch, self.rows
        last = torch.tensor([[row.draw.made[-1]] for row in rows], device=self.mask.device)
        self.mask = torch.cat([self.mask, torch.ones_like(last)], -1)
        with self.runner.adapted(self.adapter):
            logits, self.cache = self.runner.forward(last, self.mask, self.cache, 1)
        self._draw(logits)

    def _draw(self, logits: Any) -> None:
        draw(self.runner.torch, self.runner.loaded.tokenizer, logits[:, -1], [row.draw for row in self.rows])

    def keep(self, wanted: Callable[[Row], bool]) -> list[Row]:
        """Drop the rows that are not wanted any more, with what they hold; returns them."""
        stays = [wanted(row) for row in self.rows]
        gone = [row for row, stay in zip(self.rows, stays, strict=True) if not stay]
        if gone:
            self.rows = [row for row, stay in zip(self.rows, stays, strict=True) if stay]
            if self.rows:
                places = self.runner.torch.tensor([place for place, stay in enumerate(stays) if stay])
                places = places.to(self.mask.device)
                self.mask = self.mask[places]
                self.cache.batch_select_indices(places)
                self._trim()
            else:
                self.cache = None
        return gone

    def _trim(self) -> None:
        """Drop columns that are padding in every row."""
        start = int(self.mask.any(0).int().argmax())
        if start and self.plain:
            self.mask = self.mask[:, start:]
            for layer in self.cache.layers:
                layer.keys, layer.values = layer.keys[:, :, start:], layer.values[:, :, start:]

    @property
    def plain(self) -> bool:
        """Whether the cache is keys and values of all tokens, and no more."""
        layers = getattr(self.cache, "layers", ())
        return bool(layers) and all(type(layer).__name__ == "DynamicLayer" for layer in layers)

    def takes(self, other: Group, most: int) -> bool:
        """Whether another group may be merged into this one, up to `most` rows."""
        if self.adapter != other.adapter or self.kv != other.kv or len(self.rows) + len(other.rows) > most:
            return False
        near = (self.length, other.length) if self.kv is None else (self.cache.slots, other.cache.slots)
        close = max(near) <= max(PADDING_SHARE * min(near), min(near) + PADDING_FREE)
        return close and (self.kv is not None or (self.plain and other.plain))

    def merge(self, other: Group) -> None:
        """Take in another group's rows; the shorter cache is padded on its left."""
        pad, torch = self.runner.torch.nn.functional.pad, self.runner.torch
        longest = max(self.length, other.length)
        for group in (self, other):
            short = longest - group.length
            if short:
                group.mask = pad(group.mask, (short, 0))
                for layer in group.cache.layers if group.kv is None else ():
                    layer.keys = pad(layer.keys, (0, 0, short, 0))
                    layer.values = pad(layer.values, (0, 0, short, 0))
        self.mask = torch.cat([self.mask, other.mask])
        if self.kv is not None:
            self.cache.merge(other.cache)
            self.rows += other.rows
            return
        for mine, theirs in zip(self.cache.layers, other.cache.layers, strict=True):
            mine.keys = torch.cat([mine.keys, theirs.keys])
            mine.values = torch.cat([mine.values, theirs.values])
        self.rows += other.rows


def score(runner: Runner, rows: Sequence[Row]) -> list[list[TokenLogprob]]:
    """The log-probabilities of each row's last `scored` tokens, given those before. The rows have one adapter."""
    ids, mask = runner.padded(rows)
    columns: int = ids.shape[1]
    # The logits of a column are for the token in the next one.
    start = columns - max(row.scored for row in rows) - 1
    scores = [list[TokenLogprob]() for _ in rows]
    with runner.adapted(rows[0].adapter):
        for begin, end, logits in _scored(runner, rows, ids, mask, start):
            for row, places, mine in zip(rows, logits, scores, strict=True):
                first = max(begin, columns - 1 - row.scored)
                if first < end:
                    tokens = [row.tokens[column + 1 - columns] for column in range(first, end)]
                    mine += told(runner.torch, runner.loaded.tokenizer, places[first - begin :], tokens, row.draw)
    return scores


def _scored(runner: Runner, rows: Sequence[Row], ids: Any, mask: Any, start: int) -> Iterator[tuple[int, int, Any]]:
    """Logits of the columns from `start`, but for the last: where they begin, where they end, and they.

    Under a cache policy a completion is read as it would be made: token by token, something let go after each.
    """
    columns: int = ids.shape[1]
    policy = rows[0].kv
    if policy is None:
        size = max(1, SCORED_PLACES // len(rows))
        _, cache = runner.prefill(ids, mask, start)
        for begin in range(start, columns - 1, size):
            end = min(columns - 1, begin + size)
            logits, cache = runner.forward(ids[:, begin:end], mask[:, :end], cache, end - begin)
            yield begin, end, logits
        return
    logits, cache = runner.prefill(ids, mask, start + 1, policy)
    for begin in range(start, columns - 1):
        if begin > start:
            logits, cache = runner.forward(ids[:, begin : begin + 1], mask[:, : begin + 1], cache, 1)
        yield begin, begin + 1, logits


def batches(rows: Sequence[Row], most: int) -> list[list[Row]]:
    """Rows by adapter, kind and like lengths: in groups of `most` rows and `PREFILL_TOKENS` at most, or of one row."""
    made: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: (*row.kind, len(row.tokens))):
        last = made[-1] if made else []
        length = len(row.tokens)
        fits = (
            bool(last)
            and last[0].kind == row.kind
            and len(last) < most
            and length * (len(last) + 1) <= PREFILL_TOKENS
            and length <= max(PADDING_SHARE * len(last[0].tokens), len(last[0].tokens) + PADDING_FREE)
        )
        if fits:
            last.append(row)
        else:
            made.append([row])
    return made
