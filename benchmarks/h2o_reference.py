"""Tiny models, and H2O computed another way: every key stays, and a mask says which are alive.

For the benchmark and the train lane's suite. One sequence; written from the paper's Algorithm 1, head by head.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

torch: Any = import_module("torch")
transformers: Any = import_module("transformers")

PROMPT, MADE, VOCABULARY, HEADS = 40, 20, 60, 4
SHAPES = ("llama", "opt", "neox")


def make(shape: str) -> Any:
    """A tiny model with weights large enough that attention is uneven."""
    torch.manual_seed(0)
    sizes = {"vocab_size": VOCABULARY, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": HEADS}
    if shape == "llama":
        config = transformers.LlamaConfig(
            **sizes, intermediate_size=96, num_key_value_heads=2, max_position_embeddings=2048, initializer_range=0.3
        )
    elif shape == "opt":
        config = transformers.OPTConfig(
            **sizes, ffn_dim=96, word_embed_proj_dim=48, max_position_embeddings=2048, init_std=0.3, dropout=0.0
        )
    else:
        config = transformers.GPTNeoXConfig(
            **sizes, intermediate_size=96, max_position_embeddings=2048, initializer_range=0.3
        )
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def prompt_of(length: int, seed: int = 1) -> Any:
    return torch.randint(1, VOCABULARY, (1, length), generator=torch.Generator().manual_seed(seed))


def padded(prompts: Sequence[Any]) -> tuple[Any, Any]:
    longest = max(prompt.shape[1] for prompt in prompts)
    pads = [longest - prompt.shape[1] for prompt in prompts]
    pad = torch.nn.functional.pad
    ids = torch.cat([pad(prompt, (count, 0)) for prompt, count in zip(prompts, pads, strict=True)])
    mask = torch.cat([pad(torch.ones_like(prompt), (count, 0)) for prompt, count in zip(prompts, pads, strict=True)])
    return ids, mask


def logits_of(model: Any, cache: Any, ids: Any, mask: Any = None, made: int = MADE) -> Any:
    """Logits of what is generated, shape (rows, tokens, vocabulary)."""
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids) if mask is None else mask,
        cache=cache,
        max_new_tokens=made,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
        pad_token_id=0,
        eos_token_id=None,
    )
    return torch.stack(out.logits, 1)


@dataclass
class Reference:
    """Attention over all keys under a mask, and what the mask has come to.

    Args:
        heavy: Tokens kept for their attention.
        recent: The last tokens.
        alive: Layer -> which keys are kept, shape (heads, tokens).
        scores: Layer -> attention that they got.
        lost: Layer -> attention that those had which were let go, by head.
    """

    heavy: int
    recent: int
    alive: dict[int, Any] = field(default_factory=dict[int, Any])
    scores: dict[int, Any] = field(default_factory=dict[int, Any])
    lost: dict[int, Any] = field(default_factory=dict[int, Any])

    def attend(self, module: Any, query: Any, key: Any, value: Any, _: Any, scaling: float, **given: Any) -> Any:
        """As transformers calls an attention function."""
        at, group = module.layer_idx, query.shape[1] // key.shape[1]
        count, total = query.shape[2], key.shape[2]
        before = self.alive.get(at, torch.ones((key.shape[1], 0), dtype=torch.bool))
        alive = torch.cat([before, torch.ones((key.shape[1], count), dtype=torch.bool)], 1)
        seen = torch.arange(total)[None, :] <= torch.arange(total - count, total)[:, None]
        keys, values = key.repeat_interleave(group, 1)[0], value.repeat_interleave(group, 1)[0]
        logits = torch.einsum("hqd,hkd->hqk", query[0], keys) * scaling
        allowed = alive.repeat_interleave(group, 0)[:, None] & seen
        weights = logits.masked_fill(~allowed, float("-inf")).softmax(-1)
        scores = torch.nn.functional.pad(self.scores.get(at, torch.zeros((key.shape[1], 0))), (0, count))
        scores = scores + weights.sum(1).view(-1, group, total).mean(1)
        lost = self.lost.get(at, torch.zeros(key.shape[1]))
        for head in range(key.shape[1]):
            while int(alive[head].sum()) > self.heavy + self.recent:
                old = [place for place in range(total - self.recent) if alive[head, place]]
                goes = min(old, key=lambda place: float(scores[head, place]))
                alive[head, goes] = False
                lost[head] += scores[head, goes]
                scores[head, goes] = 0.0
        self.alive[at], self.scores[at], self.lost[at] = alive, scores, lost
        return torch.einsum("hqk,hkd->qhd", weights, values)[None].contiguous(), None


@contextmanager
def reference(model: Any, heavy: int, recent: int) -> Generator[Reference]:
    made, before = Reference(heavy, recent), model.config._attn_implementation
    transformers.AttentionInterface.register("h2o_reference", made.attend)
    model.set_attn_implementation("h2o_reference")
    try:
        yield made
    finally:
        model.set_attn_implementation(before)
