"""A causal language model of transformers' as a speaker: the policy while it is trained, or a guide that is frozen.

    policy = TorchSpeaker(model, ends=(tokenizer.eos_token_id,), seed=0)
    guide = TorchSpeaker(frozen_copy(model), ends=..., seed=1, top_p=0.92, top_k=50)
    policy.go_on([[5, 6, 7], [5, 9]], [4, 2])

All texts of a call run through the model together, left-padded, with a cache of keys and values. What is drawn depends
on the speaker's own seed alone. Needs the extra `train`; nothing of it is imported before.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Sequence
from typing import Any

from dikast.training.backend.libraries import library


class TorchSpeaker:
    """Speaks by a model as it is at the time of the call.

    Args:
        model: transformers' or PEFT's.
        ends: Tokens that end a text.
        seed: Of all that is drawn.
        temperature: Of sampling.
        top_p: Share of probability that is drawn from.
        top_k: How many tokens are drawn from; 0 for all.
    """

    def __init__(
        self,
        model: Any,
        *,
        ends: Collection[int],
        seed: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
    ) -> None:
        self.model, self.ends = model, frozenset(ends)
        self.temperature, self.top_p, self.top_k = temperature, top_p, top_k
        self._torch = library("torch")
        self._draws = self._torch.Generator().manual_seed(seed)
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        # What the model calls its cache: `cache` since transformers 5.24, `past_key_values` before.
        self._cache = "cache" if "cache" in inspect.signature(inner.forward).parameters else "past_key_values"

    def go_on(self, prefixes: Sequence[Sequence[int]], counts: Sequence[int]) -> list[list[int]]:
        """See `Speaker`."""
        if not prefixes:
            return []
        training = self.model.training
        self.model.eval()
        try:
            with self._torch.no_grad():
                said = self._speak(prefixes, max(counts))
        finally:
            self.model.train(training)
        return [self._until_end(row[:count]) for row, count in zip(said, counts, strict=True)]

    def _speak(self, prefixes: Sequence[Sequence[int]], count: int) -> list[list[int]]:
        torch, longest = self._torch, max(map(len, prefixes))
        device = next(self.model.parameters()).device
        ids = torch.tensor([[0] * (longest - len(one)) + list(one) for one in prefixes], device=device)
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in prefixes], device=device)
        made: list[list[int]] = [[] for _ in prefixes]
        cache = None
        for _ in range(count):
            positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            given = {"attention_mask": mask, "position_ids": positions, "use_cache": True, self._cache: cache}
            out = self.model(input_ids=ids, **given)
            cache = getattr(out, self._cache)
            drawn = torch.multinomial(self._chances(out.logits[:, -1].float()), 1, generator=self._draws)
            for row, token in zip(made, drawn[:, 0].tolist(), strict=True):
                row.append(token)
            if all(self.ends.intersection(row) for row in made):
                break
            ids = drawn.to(device)
            mask = torch.cat([mask, torch.ones_like(ids)], -1)
        return made

    def _chances(self, logits: Any) -> Any:
        """Probabilities on the CPU, where the generator is; the order is temperature, top-k, top-p."""
        torch = self._torch
        logits = logits.cpu() / self.temperature
        if 0 < self.top_k < logits.shape[-1]:
            least = logits.topk(self.top_k, -1).values[:, -1:]
            logits = logits.masked_fill(logits < least, float("-inf"))
        chances = logits.softmax(-1)
        if self.top_p < 1:
            ranked, order = chances.sort(-1, descending=True)
            beyond = ranked.cumsum(-1) - ranked >= self.top_p
            chances = torch.zeros_like(chances).scatter(-1, order, ranked.masked_fill(beyond, 0.0))
        return chances

    def _until_end(self, tokens: Sequence[int]) -> list[int]:
        end = next((at for at, token in enumerate(tokens) if token in self.ends), len(tokens))
        return list(tokens[: end + 1])


def frozen_copy(model: Any) -> Any:
    """A copy that training does not change: what the policy is at this moment, as a guide or a reference."""
    frozen = copy.deepcopy(model).eval()
    for weight in frozen.parameters():
        weight.requires_grad_(False)
    return frozen
