"""A value head over SmolLM2: `transformers:`, `vllm:` and a real `vllm serve` give the same number, to 1e-4."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dikast.agents.models.load import load_model
from dikast.agents.models.request import Request, Sampling
from dikast.errors import UsageError
from tests.contract.requests import GREEDY, ask
from tests.engines.vllm_lane.conftest import NAME, Serve
from tests.tiny_model import make_head

SERVED = 1e-4
TEXTS = ("4", "2 + 2 = 4, since two and two are four.", "Two and two", "It is five. " * 20)
ASKED = [replace(ask("What is 2 + 2?", Sampling(max_tokens=1)), completion=text, value=True) for text in TEXTS]


@pytest.fixture(scope="module")
def head(weights: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_head(Path(weights), tmp_path_factory.mktemp("head") / "model")


@pytest.fixture(scope="module")
def expected(head: Path) -> list[float]:
    return asyncio.run(values(f"transformers:{head}", ASKED))


async def values(spec: str, asked: list[Request]) -> list[float]:
    model = load_model(spec)
    try:
        replies = await asyncio.gather(*(model.complete(request) for request in asked))
    finally:
        await model.aclose()
    return [reply.value for [reply] in replies if reply.value is not None]


def test_in_process(head: Path, expected: list[float]) -> None:
    spec = f"vllm:{head}?dtype=float32&max_model_len=2048&enforce_eager=true&kv_cache_memory_bytes={2**29}"

    async def all_of_it() -> list[float]:
        model = load_model(spec)
        with pytest.raises(UsageError, match="gives values, and nothing else"):
            await model.complete(GREEDY)
        found = await values(spec, ASKED)
        await model.aclose()
        return found

    found = asyncio.run(all_of_it())
    assert len({round(value, 3) for value in found}) == len(TEXTS)
    assert found == pytest.approx(expected, abs=SERVED)


@pytest.fixture(scope="module")
def served(head: Path) -> Iterator[Serve]:
    server = Serve(str(head), ("--runner", "pooling"), {})
    server.start()
    yield server
    server.kill()
    server.log.unlink()


async def test_served(served: Serve, expected: list[float]) -> None:
    spec = f"server:{served.url}#{NAME}"
    assert await values(spec, ASKED) == pytest.approx(expected, abs=SERVED)
    with pytest.raises(UsageError, match="cannot give a text a value"):
        await values(f"server:{served.url}#{NAME}?dialect=openai", ASKED)


async def test_a_model_that_speaks_gives_no_values(spec: str) -> None:
    with pytest.raises(UsageError, match="cannot give a text a value"):
        await values(spec, ASKED[:1])
