"""What only a GPU can show; `pytest -m gpu` on a machine that has one, with `dikast[gpu]` installed.

The model is `DIKAST_GPU_MODEL`, a name on a hub or a folder, by default a small one.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from importlib.util import find_spec

import pytest

from dikast.agents.models.default import has_gpu
from dikast.agents.models.load import load_model
from dikast.agents.models.request import Reply, Request
from dikast.agents.models.vllm.model import VllmModel
from dikast.errors import ModelContextOverflow
from tests.contract.requests import CHOICE, FORMS, GREEDY, LOGPROBS, MANY, SAMPLES, of_length

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not (has_gpu() and find_spec("vllm")), reason="needs a GPU and vLLM"),
]
MODEL = os.environ.get("DIKAST_GPU_MODEL", "Qwen/Qwen2.5-0.5B-Instruct")
CONTEXT = 4096


def gpus() -> int:
    """GPUs that the driver lists."""
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)
    return len(listed.stdout.splitlines())


@pytest.fixture(params=[1, 2], ids=["one", "two"])
async def model(request: pytest.FixtureRequest) -> AsyncIterator[VllmModel]:
    """The model on one GPU, and over two."""
    if gpus() < request.param:
        pytest.skip(f"needs {request.param} GPUs")
    spec = f"vllm:{MODEL}?max_model_len={CONTEXT}&gpu_memory_utilization=0.5&tensor_parallel_size={request.param}"
    opened = load_model(spec)
    assert isinstance(opened, VllmModel)
    yield opened
    await opened.aclose()


async def one(model: VllmModel, request: Request) -> Reply:
    [reply] = await model.complete(request)
    return reply


async def test_engine_keeps_its_promises_on_a_gpu(model: VllmModel) -> None:
    assert (await one(model, GREEDY)).text.strip()
    assert len(await model.complete(SAMPLES)) == SAMPLES.n
    assert (await one(model, FORMS["choice"])).text in CHOICE
    assert (await one(model, LOGPROBS[2])).logprobs
    replies = await asyncio.gather(*(one(model, request) for request in MANY))
    assert all(reply.finish_reason in ("stop", "length") for reply in replies)
    with pytest.raises(ModelContextOverflow):
        await one(model, of_length(CONTEXT))
    assert model.held == 0
