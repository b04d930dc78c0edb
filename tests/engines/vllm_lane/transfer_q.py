"""Transfer Q* with a real model inside vLLM, behind a `vllm serve`, and beside `transformers:`: the same tokens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dikast.agents.ledger import recording
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.load import load_model
from dikast.agents.models.request import MethodSampling
from dikast.agents.models.vllm.model import VllmModel
from dikast.graphs import transfer_q
from dikast.graphs.rewards import rewarding
from dikast.graphs.transfer_q.voices import ModelWriter, load_writer
from tests.engines.vllm_lane.conftest import NAME, Serve

PROMPTS = (
    "Name three colours.",
    "Write one line about the sea.",
    "What is the capital of France?",
    "Give me a name for a cat.",
    "Why is the sky blue?",
    "Say something kind.",
)
PREAMBLE = "You are helping someone who reads quickly and wants an answer in one line. " * 12
"""vLLM keeps whole blocks of a prompt, on a CPU of 128 tokens."""
ALL_TOKENS = 20_000
GREEDY: dict[str, Any] = {
    "block": 1,
    "k": 3,
    "rollouts": 1,
    "horizon": 8,
    "pick": "argmax",
    "sampling": MethodSampling(temperature=0.0),
    "guiding": MethodSampling(temperature=0.0),
}
"""No draw decides anything."""


def share_of_short(text: str) -> float:
    words = text.split()
    return sum(len(word) <= 4 for word in words) / max(1, len(words))


@rewarding
def short_words(prompt: str, text: str, reference: str) -> float:
    return share_of_short(text)


async def write(writer: ModelWriter, prompt: str, **given: Any) -> transfer_q.Output:
    actors: dict[str, Any] = {"solver": writer, "baseline": writer, "reward": short_words}
    made = transfer_q.Context(**actors, **given)
    return (await transfer_q.graph.ainvoke({"prompt": prompt}, context=made, version="v2")).value


@pytest.fixture(scope="module")
def writer(vllm_model: VllmModel) -> ModelWriter:
    return load_writer(vllm_model)


async def test_six_prompts_and_what_they_cost(writer: ModelWriter) -> None:
    with recording() as ledger:
        outputs = await asyncio.gather(
            *(
                write(
                    writer,
                    PREAMBLE + prompt,
                    block=4,
                    k=4,
                    rollouts=2,
                    horizon=20,
                    token_budget=ALL_TOKENS // len(PROMPTS),
                )
                for prompt in PROMPTS
            )
        )
    for output in outputs:
        assert output["outcome"] == "ok"
        assert output["reward"] == share_of_short(output["text"])
        assert output["steps"]
        assert all(step["guided"] for step in output["steps"])
        assert not output["seam"]
        assert "<|" not in output["text"]
    spent = sum(output["spent"]["rollout_tokens"] for output in outputs)
    assert 0 < spent <= ALL_TOKENS
    assert sum(output["spent"]["cached_tokens"] for output in outputs) > 0
    probes = ledger.usage.calls - sum(output["spent"]["calls"] for output in outputs)
    assert 0 < probes <= len(PROMPTS)


async def test_the_same_tokens_as_transformers(writer: ModelWriter, weights: str) -> None:
    plain = load_model(f"transformers:{weights}")
    assert isinstance(plain, EngineModel)
    other = load_writer(plain)
    try:
        assert await writer.ends() == await other.ends()
        for prompt in PROMPTS[:2]:
            ours, theirs = await write(writer, prompt, **GREEDY), await write(other, prompt, **GREEDY)
            assert ours["tokens"] == theirs["tokens"]
            assert ours["text"] == theirs["text"]
            for first, second in zip(ours["steps"], theirs["steps"], strict=True):
                assert [one["tokens"] for one in first["candidates"]] == [one["tokens"] for one in second["candidates"]]
                assert [one["logprob"] for one in first["candidates"]] == pytest.approx(
                    [one["logprob"] for one in second["candidates"]], abs=1e-3
                )
    finally:
        await plain.aclose()


async def test_a_server_s_tokens_are_the_same(serve: Serve, writer: ModelWriter) -> None:
    served = load_writer(f"server:{serve.url}#{NAME}")
    assert set(await served.ends()) <= set(await writer.ends())
    ours, theirs = await write(writer, PROMPTS[0], **GREEDY), await write(served, PROMPTS[0], **GREEDY)
    assert ours["tokens"] == theirs["tokens"]
    assert ours["text"] == theirs["text"]
    assert [[one["text"] for one in step["candidates"]] for step in ours["steps"]] == [
        [one["text"] for one in step["candidates"]] for step in theirs["steps"]
    ]


async def test_without_weight_it_is_the_engine_s_own_greedy_text(writer: ModelWriter) -> None:
    guided = await write(writer, PROMPTS[0], **GREEDY, weight=0.0)
    own = await writer.go_on(PROMPTS[0], (), GREEDY["horizon"], sampling=GREEDY["sampling"], role="solver")
    assert tuple(guided["tokens"]) == own.tokens
