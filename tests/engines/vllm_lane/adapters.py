"""A policy's adapter, loaded into a real `vllm serve` while it runs, and by `vllm:` in this process: equal words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dikast.agents.models.load import load_model
from dikast.errors import ModelError
from dikast.training.rounds import Policy
from dikast.training.serving import serve as serve_policy
from tests.contract.requests import GREEDY
from tests.engines.vllm_lane.conftest import NAME, Serve

FLAGS = ("--enable-lora", "--max-lora-rank", "8", "--max-loras", "1", "--max-cpu-loras", "4")


@pytest.fixture(scope="module")
def served(weights: str) -> Iterator[Serve]:
    server = Serve(weights, FLAGS, {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"})
    server.start()
    yield server
    server.kill()
    server.log.unlink()


async def said(spec: str) -> str:
    model = load_model(spec)
    try:
        [reply] = await model.complete(GREEDY)
    finally:
        await model.aclose()
    return reply.text


async def test_a_server_speaks_as_the_policy_does(served: Serve, weights: str, adapter: Path) -> None:
    template = f"server:{served.url}#{NAME}"
    before = await said(template)
    policy = Policy(model=f"transformers:{weights}?lora={adapter}", digest="c0ffee" * 5, round=1)
    spec = await serve_policy(template, policy)
    assert spec == f"server:{served.url}#policy-c0ffeec0ffee"
    adapted = await said(spec)
    assert adapted != before
    assert await serve_policy(template, policy) == spec
    assert await said(spec) == adapted


async def test_an_adapter_that_is_not_there_is_told(served: Serve, weights: str, tmp_path: Path) -> None:
    policy = Policy(model=f"transformers:{weights}?lora={tmp_path}", digest="dead" * 8, round=1)
    with pytest.raises(ModelError, match="policy-deaddeaddead"):
        await serve_policy(f"server:{served.url}#{NAME}", policy)
