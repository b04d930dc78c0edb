"""`transformers:...?kv=`: what a cache that forgets promises within the engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.request import Reply, Request, Sampling
from dikast.agents.models.transformers.model import TransformersModel, render
from dikast.decoding.kv import POLICIES, H2OCache
from dikast.errors import UsageError
from tests.contract.requests import GREEDY, ask
from tests.engines.train_lane.conftest import load
from tests.tiny_model import make_head

LENGTHS = (1, 40, 3, 17, 90, 33)
EXACT = 1e-4
SMALL = "kv=h2o&heavy=.1&recent=.1"


def crowd() -> list[Request]:
    return [ask("stone " * words + str(words), Sampling(max_tokens=4 + words % 13), logprobs=1) for words in LENGTHS]


def values(reply: Reply) -> list[float]:
    return [token.logprob for token in reply.logprobs or ()]


async def one(model: TransformersModel, request: Request) -> Reply:
    [reply] = await model.complete(request)
    return reply


def assert_equal(found: list[Reply], expected: list[Reply]) -> None:
    assert [reply.text for reply in found] == [reply.text for reply in expected]
    for mine, theirs in zip(found, expected, strict=True):
        assert values(mine) == pytest.approx(values(theirs), abs=EXACT)


@pytest.mark.parametrize("policy", POLICIES)
async def test_replies_do_not_depend_on_their_mates(tiny: TransformersModel, folder: Path, policy: str) -> None:
    """Each alone; all at once; and with newcomers, beside rows with a full cache, in one engine."""
    model = load(f"transformers:{folder}?kv={policy}&heavy=.1&recent=.1")
    alone = [await one(model, request) for request in crowd()]
    assert_equal(await asyncio.gather(*(one(model, request) for request in crowd())), alone)
    full = [await one(tiny, request) for request in crowd()]

    async def late(request: Request, rank: int) -> Reply:
        await asyncio.sleep(0.004 * rank)
        return await one(model, request)

    mine = asyncio.gather(*(late(request, rank) for rank, request in enumerate(crowd())))
    theirs = asyncio.gather(*(one(tiny, request) for request in crowd()))
    assert_equal(await mine, alone)
    assert_equal(await theirs, full)
    assert model._engine is tiny._engine, "models that differ in their cache alone share the weights"
    differs = [values(mine) != pytest.approx(values(all_), abs=EXACT) for mine, all_ in zip(alone, full, strict=True)]
    assert any(differs) is (policy != "full")
    await model.aclose()


async def test_greedy_is_what_generate_makes_with_the_cache(folder: Path) -> None:
    model = load(f"transformers:{folder}?{SMALL}")
    request = ask("stone " * 40, Sampling(max_tokens=16))
    reply = await one(model, replace(request, tokens=True))
    engine = model._engine
    assert engine is not None
    torch: Any = import_module("torch")
    prompt = torch.tensor([render(engine, request.messages, {})])
    bare = engine.loaded.model
    with torch.no_grad():
        out = bare.generate(
            prompt, cache=H2OCache(bare), attention_mask=torch.ones_like(prompt), max_new_tokens=16, do_sample=False
        )
    assert list(reply.tokens or ()) == out[0, prompt.shape[1] :].tolist()
    await model.aclose()


async def test_scores_are_those_of_the_draw(folder: Path) -> None:
    """A completion is read as it was made, one token after the other, whatever else is scored beside it."""
    model = load(f"transformers:{folder}?{SMALL}")
    made = [await one(model, replace(request, tokens=True)) for request in crowd()]
    wanted = [
        replace(request, completion=reply.tokens) for request, reply in zip(crowd(), made, strict=True) if reply.tokens
    ]
    alone = [await one(model, request) for request in wanted]
    for mine, drawn in zip(alone, made, strict=True):
        assert values(mine) == pytest.approx(values(drawn), abs=EXACT)
    assert_equal(await asyncio.gather(*(one(model, request) for request in wanted)), alone)
    await model.aclose()


async def test_values_have_nothing_to_forget(folder: Path, tmp_path: Path) -> None:
    head = make_head(folder, tmp_path / "head")
    model = load(f"transformers:{head}?{SMALL}")
    with pytest.raises(UsageError, match="in one pass"):
        await model.complete(replace(GREEDY, value=True, completion="stone"))
    await model.aclose()
