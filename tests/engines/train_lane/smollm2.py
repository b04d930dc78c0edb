"""SmolLM2-135M through `transformers:`: the embedded GGUF, unpacked once, and what a real model says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from dikast.agents.models.catalog import find
from dikast.agents.models.request import Message, Reply, Request, Sampling
from dikast.agents.models.transformers.loading import folder_of
from dikast.agents.models.transformers.model import TransformersModel
from tests.contract.requests import ask
from tests.engines.train_lane.conftest import load

NAME = "smollm2-135m"
QUESTIONS = ("What is the capital of France?", "Name three colours.", "Is water wet?", "What is 2 + 2?")


@pytest.fixture(scope="module")
def model() -> Iterator[TransformersModel]:
    model = load(f"transformers:{NAME}")
    yield model
    asyncio.run(model.aclose())


async def one(model: TransformersModel, request: Request) -> Reply:
    [reply] = await model.complete(request)
    return reply


async def test_it_answers(model: TransformersModel) -> None:
    reply = await one(model, ask(QUESTIONS[0], Sampling(max_tokens=12)))
    assert "Paris" in reply.text
    assert reply.finish_reason == "stop"


async def test_replies_do_not_depend_on_their_mates(model: TransformersModel) -> None:
    requests = [ask(f"{'Be brief. ' * place}{text}", Sampling(max_tokens=8)) for place, text in enumerate(QUESTIONS)]
    alone = [(await one(model, request)).text for request in requests]
    together = await asyncio.gather(*(one(model, request) for request in requests))
    assert [reply.text for reply in together] == alone


async def test_a_right_answer_is_likelier_than_a_wrong_one(model: TransformersModel) -> None:
    messages = (Message(role="user", content=QUESTIONS[0]),)
    answers = [f"The capital of France is {city}." for city in ("Paris", "Rome", "Oslo")]
    replies = [await one(model, Request(messages, Sampling(), completion=answer)) for answer in answers]
    sums = [sum(token.logprob for token in reply.logprobs or ()) for reply in replies]
    assert max(sums) == sums[0]


async def test_prefix_by_ids_is_not_tokenised_anew(model: TransformersModel) -> None:
    """`straw` and `berry` by letters: the tokenizer would write them with fewer tokens, and the model then goes on."""
    letters = [
        (await one(model, Request(ask("x").messages, Sampling(), completion=letter, tokens=True))).tokens or ()
        for letter in "strawberry"
    ]
    ids = tuple(token for letter in letters for token in letter)
    assert len(ids) == len("strawberry") > await model.count_tokens("strawberry")
    replies = [
        await one(model, Request(ask("Which fruit?").messages, Sampling(max_tokens=2), prefix=prefix))
        for prefix in (ids, "strawberry", ())
    ]
    assert replies[0].input_tokens == replies[2].input_tokens + len(ids)
    assert replies[1].input_tokens == replies[2].input_tokens + await model.count_tokens("strawberry")


async def test_weights_lie_in_the_cache_folder_once() -> None:
    folder = folder_of(NAME)
    assert folder_of(str(find(NAME))) == folder
    assert sorted(path.name for path in folder.iterdir() if path.suffix == ".safetensors") == ["model.safetensors"]
    assert load(f"transformers:{NAME}").fingerprint() == load(f"transformers:{find(NAME)}").fingerprint()
