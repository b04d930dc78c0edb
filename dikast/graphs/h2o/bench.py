"""The bench over a Hugging Face model in this process. See `roles.Bench`; torch is loaded at the first measurement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np

from dikast.agents.models.request import Message
from dikast.agents.models.transformers.engine import MEMORY_WORDS
from dikast.agents.models.transformers.groups import Runner
from dikast.agents.models.transformers.loading import folder_of, import_libraries, load
from dikast.agents.models.transformers.model import TransformersModel, decode, encode, render
from dikast.decoding.kv.policies import Policy, policy_of
from dikast.errors import ModelContextOverflow, ModelError, UsageError
from dikast.graphs.h2o.observations import observe
from dikast.graphs.h2o.records import Measured, Observed

T = TypeVar("T")
KEPT = 32
"""Measurements of the full cache that are kept: a prompt's rows follow one another, and have it in common."""


class TransformersBench:
    """Measures one model.

    Args:
        model: Says folder, device and dtype; nothing of it runs.
    """

    def __init__(self, model: TransformersModel) -> None:
        self.model = model
        self._turn = asyncio.Lock()
        self._runner: Runner | None = None
        self._engine: Any = None
        self._full: dict[tuple[Any, ...], Measured] = {}

    @property
    def spec(self) -> str:
        """The model's."""
        return self.model.spec

    def fingerprint(self) -> Mapping[str, object]:
        """The model's."""
        return self.model.fingerprint()

    async def measure(
        self, prompt: str, text: str | Sequence[int] | None, policy: Policy | None, max_tokens: int
    ) -> Measured:
        """See `Bench.measure`."""
        key = (prompt, text if isinstance(text, str) or text is None else tuple(text), max_tokens)
        async with self._turn:
            if policy is not None:
                return await asyncio.to_thread(self._measured, prompt, text, policy, max_tokens)
            if key not in self._full:
                while len(self._full) >= KEPT:
                    self._full.pop(next(iter(self._full)))
                self._full[key] = await asyncio.to_thread(self._measured, prompt, text, None, max_tokens)
            return self._full[key]

    async def observe(self, prompt: str) -> Observed:
        """See `Bench.observe`."""
        async with self._turn:
            return await asyncio.to_thread(self._observed, prompt)

    def _opened(self) -> Runner:
        if self._runner is None:
            torch, _ = import_libraries()
            folder = folder_of(self.model.target)
            loaded = load(folder, self.model.device, self.model.dtype)
            if loaded.headed:
                raise UsageError(f"{self.spec} has a value head: it writes nothing")
            self._runner = Runner(loaded, torch)
            self._runner.watch()
            self._engine = SimpleNamespace(loaded=loaded, key=SimpleNamespace(folder=folder))
        return self._runner

    def _tokens(self, prompt: str, room: int) -> list[int]:
        """The prompt as the model's tokens, by its chat template."""
        runner = self._opened()
        tokens = render(self._engine, [Message(role="user", content=prompt)], self.model.template)
        if len(tokens) + room > runner.loaded.context:
            raise ModelContextOverflow(
                f"{self.spec}: prompt of {len(tokens)} tokens and {room} more exceed the {runner.loaded.context}"
                " of the model",
                hint="shorten the prompt or lower --solver-max-tokens",
            )
        return tokens

    def _measured(
        self, prompt: str, text: str | Sequence[int] | None, policy: Policy | None, max_tokens: int
    ) -> Measured:
        def measure() -> Measured:
            tokens = self._tokens(prompt, max_tokens)
            said, finish = self._reply(tokens, policy, max_tokens)
            wanted = said if text is None else encode(self._engine, text) if isinstance(text, str) else text
            return self._read(tokens, list(wanted)[:max_tokens], policy, decode(self._engine, said), finish)

        return self._guarded(measure)

    def _prefilled(self, tokens: Sequence[int], policy: Policy | None) -> tuple[Any, Any]:
        runner = self._opened()
        ids = runner.torch.tensor([tokens], device=runner.loaded.device)
        logits, cache = runner.prefill(ids, runner.torch.ones_like(ids), len(tokens), policy)
        if policy is not None and policy.name.startswith("without"):
            cache.keep_all()
        self._wait()
        return logits[0, -1], cache

    def _reply(self, tokens: Sequence[int], policy: Policy | None, max_tokens: int) -> tuple[list[int], str]:
        """The greedy reply, without what ended it."""
        logits, cache = self._prefilled(tokens, policy)
        made: list[int] = []
        while True:
            token = int(logits.argmax())
            if token in self._opened().loaded.ends:
                return made, "stop"
            made.append(token)
            if len(made) >= max_tokens:
                return made, "length"
            logits, cache = self._step(token, len(tokens) + len(made), cache)

    def _read(self, tokens: Sequence[int], text: list[int], policy: Policy | None, said: str, finish: str) -> Measured:
        """Read the text token by token behind the prompt, as it would be written."""
        started = time.perf_counter()
        logits, cache = self._prefilled(tokens, policy)
        prefilled = time.perf_counter()
        every = [logits]
        for count, token in enumerate(text, 1):
            logits, cache = self._step(token, len(tokens) + count, cache)
            every.append(logits)
        self._wait()
        ended = time.perf_counter()
        runner = self._opened()
        table = runner.torch.stack(every[:-1] or every[:0] or [logits]).float().log_softmax(-1)
        places = runner.torch.tensor(text, device=table.device, dtype=runner.torch.long)
        losses = -table[: len(text)].gather(1, places[:, None])[:, 0]
        held, size = held_of(cache)
        return Measured(
            prompt_tokens=len(tokens),
            slots=held,
            bytes=size,
            prefill_s=prefilled - started,
            steps_s=ended - prefilled,
            tokens=text,
            losses=losses.tolist(),
            choices=table[: len(text)].argmax(-1).tolist(),
            said=said,
            finish=finish,
        )

    def _step(self, token: int, length: int, cache: Any) -> tuple[Any, Any]:
        runner = self._opened()
        ids = runner.torch.tensor([[token]], device=runner.loaded.device)
        logits, cache = runner.forward(ids, ids.new_ones((1, length)), cache, 1)
        return logits[0, -1], cache

    def _observed(self, prompt: str) -> Observed:
        def look() -> Observed:
            tokens = self._tokens(prompt, 0)
            _, cache = self._prefilled(tokens, policy_of("h2o", len(tokens), 0))
            heads = [layer.scores[0].double().cpu().numpy() for layer in cache.layers]
            return observe(tokens, np.concatenate(heads))

        return self._guarded(look)

    def _wait(self) -> None:
        """Have a GPU finish, so that clocks are right."""
        runner = self._opened()
        if str(runner.loaded.device).startswith("cuda"):
            runner.torch.cuda.synchronize()

    def _guarded(self, do: Callable[[], T]) -> T:
        """Without gradients; out of memory is the row's failure."""
        self._opened()
        torch, _ = import_libraries()
        try:
            with torch.inference_mode():
                return do()
        except (RuntimeError, MemoryError) as error:
            if not isinstance(error, MemoryError) and not any(word in str(error).lower() for word in MEMORY_WORDS):
                raise
            raise ModelError(f"{self.spec}: out of memory", hint="a shorter prompt") from error


def held_of(cache: Any) -> tuple[int, int]:
    """Keys that a cache holds in the layer that has most, and bytes of all keys and values as they lie in memory."""
    if hasattr(cache, "nbytes"):
        return cache.slots, cache.nbytes
    tensors = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
    slots = max(tensor.shape[-2] for tensor in tensors)
    return slots, sum(tensor.untyped_storage().nbytes() for tensor in tensors)
