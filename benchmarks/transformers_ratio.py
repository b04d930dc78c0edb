"""Tokens/s of `transformers:` beside the bare library's `model.generate` on the same prompts, alternating.

    python -m benchmarks.transformers_ratio --json                       # where the extra `train` is installed
    python -m benchmarks.transformers_ratio --json --model transformers:FOLDER --beside openvino:smollm2-135m

The bare side gets all prompts in one padded batch, tokenised beforehand; ours gets them as requests in flight. Greedy,
so that both should say the same: `equal` is the share of replies that do. `--beside` names another engine that answers
the same requests, as it is; `beside_ratio` is ours over that one's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from benchmarks.machine import facts
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.load import close_models, load_model
from dikast.agents.models.request import Message, Request, Sampling
from dikast.agents.models.transformers.model import TransformersModel, render

PAIRS, PROMPTS, TOKENS = 3, 16, 24
DEFAULT = "transformers:smollm2-135m"

Side = Callable[[], Awaitable[list[tuple[int, ...]]]]


async def measure(spec: str, beside: str, pairs: int) -> dict[str, Any]:
    """Both sides in turn; `ratio` is the median of the pairs' ratios of tokens/s, ours over theirs."""
    model = load_model(spec)
    if not isinstance(model, TransformersModel):
        raise TypeError(f"{spec} is not a transformers: model")
    other = load_model(beside) if beside else None
    sampling = Sampling(max_tokens=TOKENS)
    texts = [f"Write a line about the number {number}. {'Be brief. ' * (number % 7)}" for number in range(PROMPTS)]
    requests = [Request((Message(role="user", content=text),), sampling, tokens=True) for text in texts]
    await model.complete(requests[0])
    sides: dict[str, Side] = {"ours": lambda: asked(model, requests), "bare": bare_side(model, requests)}
    if other is not None:
        await other.complete(requests[0])
        sides["beside"] = lambda: asked(other, requests)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    said: dict[str, list[tuple[int, ...]]] = {}
    for _ in range(pairs):
        for name, side in sides.items():
            started = time.perf_counter()
            said[name] = await side()
            rates[name].append(sum(map(len, said[name])) / (time.perf_counter() - started))
    await close_models()
    equal = sum(one == theirs for one, theirs in zip(said["ours"], said["bare"], strict=True)) / len(requests)
    ratios = {name: [mine / theirs for mine, theirs in zip(rates["ours"], rates[name], strict=True)] for name in sides}
    found = {"ratio": round(statistics.median(ratios["bare"]), 3), "equal": equal}
    if other is not None:
        found["beside_ratio"] = round(statistics.median(ratios["beside"]), 3)
    speeds = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    return {**found, "tokens_a_second": speeds, "prompts": PROMPTS, "pairs": pairs}


async def asked(model: EngineModel, requests: list[Request]) -> list[tuple[int, ...]]:
    """All requests in flight at once."""
    replies = await asyncio.gather(*(model.complete(request) for request in requests))
    return [reply.tokens or () for [reply] in replies]


def bare_side(model: TransformersModel, requests: list[Request]) -> Side:
    """`model.generate` over one left-padded batch."""
    engine = model._engine
    assert engine is not None
    torch: Any = import_module("torch")
    native, ends = engine.loaded.model, engine.loaded.ends
    prompts = [render(engine, request.messages, {}) for request in requests]
    longest, fill = max(map(len, prompts)), min(ends)
    ids = torch.tensor([[fill] * (longest - len(one)) + one for one in prompts])
    mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in prompts])

    def generate() -> list[tuple[int, ...]]:
        with torch.inference_mode():
            made = native.generate(ids, attention_mask=mask, max_new_tokens=TOKENS, do_sample=False, pad_token_id=fill)
        return [until_end(row, ends) for row in made[:, longest:].tolist()]

    return lambda: asyncio.to_thread(generate)


def until_end(tokens: list[int], ends: frozenset[int]) -> tuple[int, ...]:
    """A row of a batch without what follows its end of turn."""
    places = [place for place, token in enumerate(tokens) if token in ends]
    return tuple(tokens[: places[0] + 1] if places else tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures only")
    parser.add_argument("--model", default=DEFAULT, help="a transformers: spec")
    parser.add_argument("--beside", default="", help="another engine's spec")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    given = parser.parse_args()
    found = asyncio.run(measure(given.model, given.beside, given.pairs))
    print(json.dumps({**found, **facts("torch", "transformers", "openvino-genai")}))


if __name__ == "__main__":
    main()
