"""One token from one row of logits: penalties, temperature, top-k, top-p, seeds, log-probabilities.

The order is vLLM's: form, repetition penalty, temperature, top-k, top-p. Log-probabilities are the model's own, before
any of these, as vLLM's default (`raw_logprobs`) has them. A row is drawn with a generator of its own, on the CPU, so
that what is drawn depends on its seed and its logits and not on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dikast.agents.models.request import Sampling, TokenLogprob
from dikast.agents.models.transformers.forms import Matcher

GREEDY_BELOW = 1e-5
"""A temperature that is greedy decoding; vLLM's value (`_SAMPLING_EPS`)."""
LEAST_LOGPROB = -9999.0
"""For a probability of 0; JSON has no infinity."""


@dataclass(eq=False, slots=True)
class Draw:
    """How one reply is drawn.

    Args:
        sampling: Decoding parameters.
        generator: A `torch.Generator` on the CPU, seeded.
        alternatives: As `Request.logprobs`.
        matcher: Of the form that the reply is held to.
        prompt: Prompt and prefix, for the repetition penalty.
        made: Tokens drawn so far.
        logprobs: One entry a drawn token, if asked for.
    """

    sampling: Sampling
    generator: Any
    alternatives: int | None
    matcher: Matcher | None
    prompt: Sequence[int]
    made: list[int] = field(default_factory=list[int])
    logprobs: list[TokenLogprob] = field(default_factory=list[TokenLogprob])

    @property
    def plain(self) -> bool:
        """Whether the likeliest token is drawn, and nothing else is wanted."""
        greedy = self.sampling.temperature < GREEDY_BELOW and self.sampling.repetition_penalty == 1.0
        return greedy and self.matcher is None and self.alternatives is None


def draw(torch: Any, tokenizer: Any, logits: Any, draws: Sequence[Draw]) -> None:
    """Draw the next token of each row.

    Args:
        torch: The library.
        tokenizer: For the texts of tokens in log-probabilities.
        logits: Shape (rows, vocabulary).
        draws: One a row; each gets its token.
    """
    if all(one.plain for one in draws):
        for one, token in zip(draws, logits.argmax(-1).tolist(), strict=True):
            one.made.append(token)
        return
    for one, row in zip(draws, logits.float(), strict=True):
        token = _token(torch, row, one)
        if one.alternatives is not None:
            one.logprobs += told(torch, tokenizer, row[None], [token], one)
        if one.matcher is not None:
            one.matcher.take(token)
        one.made.append(token)


def _token(torch: Any, row: Any, one: Draw) -> int:
    sampling = one.sampling
    if one.matcher is not None:
        row = one.matcher.mask(row)
    if sampling.repetition_penalty != 1.0:
        seen = torch.tensor(sorted({*one.prompt, *one.made}), device=row.device)
        values = row[seen]
        penalty = sampling.repetition_penalty
        row = row.index_put((seen,), torch.where(values > 0, values / penalty, values * penalty))
    if sampling.temperature < GREEDY_BELOW:
        return int(row.argmax())
    row = (row / sampling.temperature).cpu()
    if sampling.top_k:
        least = row.topk(min(sampling.top_k, row.numel())).values[-1]
        row = row.masked_fill(row < least, float("-inf"))
    probabilities = row.softmax(-1)
    if sampling.top_p < 1.0:
        ordered, places = probabilities.sort(descending=True, stable=True)
        # A token stays if those before it do not reach the share yet: at least one does.
        gone = places[ordered.cumsum(-1) - ordered >= sampling.top_p]
        probabilities = probabilities.index_fill(0, gone, 0.0)
    return int(torch.multinomial(probabilities, 1, generator=one.generator))


def told(torch: Any, tokenizer: Any, logits: Any, tokens: Sequence[int], one: Draw) -> list[TokenLogprob]:
    """The log-probability of a token at each place, and those of the likeliest tokens there, as many as are wanted.

    Args:
        torch: The library.
        tokenizer: For the tokens' texts.
        logits: Shape (places, vocabulary).
        tokens: One a place.
        one: Says how many alternatives.
    """
    values = torch.log_softmax(logits.float(), -1)
    own: list[float] = values.gather(-1, torch.tensor(tokens, device=values.device)[:, None])[:, 0].tolist()
    top: list[tuple[tuple[str, float], ...]] = [()] * len(own)
    ids: list[tuple[int, ...]] = [()] * len(own)
    if one.alternatives:
        best = values.topk(min(one.alternatives, values.shape[-1]), -1)
        ids = [tuple(place) for place in best.indices.tolist()]
        top = [
            tuple((text_of(tokenizer, token), bounded(value)) for token, value in zip(*place, strict=True))
            for place in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
    texts = (text_of(tokenizer, token) for token in tokens)
    return [
        TokenLogprob(text, bounded(value), likely, likely_ids)
        for text, value, likely, likely_ids in zip(texts, own, top, ids, strict=True)
    ]


def text_of(tokenizer: Any, token: int) -> str:
    """A token's text, a control token's among them."""
    return tokenizer.decode([token], skip_special_tokens=False)


def bounded(logprob: float) -> float:
    """A finite log-probability; rounding can leave a certain token's a hair above 0."""
    return min(max(logprob, LEAST_LOGPROB), 0.0)
