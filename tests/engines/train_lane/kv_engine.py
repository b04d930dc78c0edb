"""`transformers:...?kv=`: what a cache that forgets promises within the engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.request import Reply, Request, Sampling
from dikast.agents.models.transformers import groups
from dikast.agents.models.transformers.model import TransformersModel, render
from dikast.decoding.kv import POLICIES, H2OCache, policy_of
from dikast.errors import ModelContextOverflow, UsageError
from dikast.graphs.h2o.removal import REMOVALS, policy_for
from dikast.graphs.h2o.roles import load_bench
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


async def test_caches_of_other_kinds_do_not_mix(tiny: TransformersModel, folder: Path) -> None:
    """Rows under one policy meet newcomers under another, and under none."""
    models = [load(f"transformers:{folder}?{SMALL}"), load(f"transformers:{folder}?kv=window"), tiny]
    requests = [ask("stone " * words, Sampling(max_tokens=24), logprobs=1) for words in (40, 33, 36)]
    alone = [await one(model, request) for request in requests for model in models]

    async def late(model: TransformersModel, request: Request, rank: int) -> Reply:
        await asyncio.sleep(0.002 * rank)
        return await one(model, request)

    order = [(model, request) for request in requests for model in models]
    found = await asyncio.gather(*(late(model, request, rank) for rank, (model, request) in enumerate(order)))
    assert_equal(found, alone)
    for model in models[:2]:
        await model.aclose()


async def test_a_prompt_that_is_read_in_parts_is_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(f"transformers:{folder}?{SMALL}")
    whole = [await one(model, request) for request in crowd()]
    monkeypatch.setattr(groups, "PREFILL_TOKENS", 48)
    assert_equal([await one(model, request) for request in crowd()], whole)
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


async def test_the_bench_reads_what_the_engine_scores(folder: Path) -> None:
    """`dikast h2o run`'s measurements: the losses of a text are those that the engine gives, cache by cache."""
    bench = load_bench(f"transformers:{folder}")
    prompt = "stone " * 60
    full = await bench.measure(prompt, None, None, 12)
    assert await bench.measure(prompt, None, None, 12) is full, "the full cache is measured once a prompt"
    small = await bench.measure(prompt, full["tokens"], policy_of("h2o", 0.1, 0.1), 12)
    for spec, found in (("", full), (f"?{SMALL}", small)):
        model = load(f"transformers:{folder}{spec}")
        request = ask(prompt, Sampling(max_tokens=12))
        scored = await one(model, replace(request, completion=tuple(full["tokens"])))
        assert found["losses"] == pytest.approx([-value for value in values(scored)], abs=EXACT)
        assert found["said"] == (await one(model, request)).text
        await model.aclose()
    assert full["slots"] == full["prompt_tokens"] + len(full["tokens"])
    assert small["slots"] == 2 * round(0.1 * small["prompt_tokens"])
    assert small["bytes"] < 0.3 * full["bytes"]
    seen = await bench.observe(prompt)
    assert seen["tokens"] == full["prompt_tokens"]
    assert 0.2 <= seen["skew"] <= 1


async def test_what_is_removed_is_gone_and_nothing_after_it(folder: Path) -> None:
    bench = load_bench(f"transformers:{folder}")
    prompt = "stone river " * 40
    full = await bench.measure(prompt, None, None, 12)
    for name in REMOVALS:
        without = await bench.measure(prompt, full["tokens"], policy_for(name, 0.25, 0.0), 12)
        removed = round(0.25 * full["prompt_tokens"])
        assert without["slots"] == full["prompt_tokens"] - removed + len(full["tokens"])
    with pytest.raises(ModelContextOverflow):
        await bench.measure("stone " * 3000, None, None, 12)
