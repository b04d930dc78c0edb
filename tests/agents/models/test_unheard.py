"""A call that nobody listens to is made without LangChain's rounds, and is the same call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.runnables.config import var_child_runnable_config

from dikast.agents.foreign_calls import counting_foreign_calls
from dikast.agents.models import invoke as module
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.invoke import invoke
from dikast.agents.models.request import MethodSampling, Reply, Request, Sampling, Structured, TokenLogprob
from dikast.errors import ModelTimeout

LOGPROBS = (TokenLogprob("a", -0.5, (("b", -1.0),)), TokenLogprob(" c", -0.25))
REPLIES = (
    Reply("said", "stop", 3, 4),
    Reply("", "length", 5, 6, refusal="no \ud800", reasoning="thought", reasoning_tokens=2),
    Reply("\ud800 a", "stop", 7, 8, logprobs=LOGPROBS, tokens=(1, 2), prefix_cached_tokens=5),
    Reply("", "stop", 9, 0, value=1.5),
)
MESSAGES: Any = (
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "a?"},
    {"role": "assistant", "content": "b"},
    {"role": "user", "content": "c?"},
)
REQUESTS = (
    Request(MESSAGES, Sampling()),
    Request(MESSAGES, MethodSampling(top_k=5, seed=1, stop=("x",)), Structured(choice=("a", "b")), logprobs=2),
    Request(MESSAGES, Sampling(temperature=1.0), prefix=(1, 2), tokens=True),
    Request(MESSAGES, Sampling(), completion="whole", value=True),
)


class Saying(EngineModel):
    """Says what it is given, and keeps what it was asked."""

    spec: str = "scripted:saying"
    reply: Any
    asked: list[Request]

    async def complete(self, request: Request) -> list[Reply]:
        self.asked.append(request)
        if isinstance(self.reply, Exception):
            raise self.reply
        return [self.reply]


class Always:
    """A function with one answer."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer

    def __call__(self, model: EngineModel, config: object = None) -> bool:
        return self.answer


class Hearing(BaseCallbackHandler):
    def __init__(self) -> None:
        self.heard = 0

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.heard += 1


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes LangChain's way."""
    seen: list[str] = []
    before = EngineModel.request

    def request(self: EngineModel, *given: Any, **named: Any) -> Request:
        seen.append("langchain")
        return before(self, *given, **named)

    monkeypatch.setattr(EngineModel, "request", request)
    return seen


@pytest.fixture
def listener() -> Iterator[Hearing]:
    hearing = Hearing()
    before = var_child_runnable_config.set({"callbacks": [hearing]})
    yield hearing
    var_child_runnable_config.reset(before)


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("reply", REPLIES)
async def test_request_and_reply_are_the_same_either_way(
    request_: Request, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Saying(reply=reply, asked=[])
    straight = await invoke(model, request_)
    monkeypatch.setattr(module, "is_heard", Always(True))
    assert await invoke(model, request_) == straight
    assert model.asked[0] == model.asked[1]
    assert type(model.asked[0].sampling) is type(model.asked[1].sampling) is type(request_.sampling)


@pytest.mark.parametrize("error", [ModelTimeout("late"), TimeoutError("late")])
async def test_errors_are_the_same_either_way(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Saying(reply=error, asked=[])
    for heard in (False, True):
        monkeypatch.setattr(module, "is_heard", Always(heard))
        with pytest.raises(ModelTimeout, match="late"):
            await invoke(model, REQUESTS[0])


async def test_who_listens_hears_it(rounds: list[str], listener: Hearing) -> None:
    await invoke(Saying(reply=REPLIES[0], asked=[]), REQUESTS[0])
    assert (rounds, listener.heard) == (["langchain"], 1)
    await invoke(Saying(reply=REPLIES[0], asked=[]), REQUESTS[0], unseen=True)
    assert (rounds, listener.heard) == (["langchain"], 1)


async def test_a_models_own_handlers_and_a_cache_are_heard_and_a_jobs_counter_is_not_asked(rounds: list[str]) -> None:
    with counting_foreign_calls():
        await invoke(Saying(reply=REPLIES[0], asked=[]), REQUESTS[0])
    assert rounds == []
    hearing = Hearing()
    await invoke(Saying(reply=REPLIES[0], asked=[], callbacks=[hearing]), REQUESTS[0])
    assert (rounds, hearing.heard) == (["langchain"], 1)
    await invoke(Saying(reply=REPLIES[0], asked=[], cache=InMemoryCache()), REQUESTS[0])
    set_llm_cache(InMemoryCache())
    try:
        await invoke(Saying(reply=REPLIES[0], asked=[]), REQUESTS[0])
        await invoke(Saying(reply=REPLIES[0], asked=[], cache=False), REQUESTS[0])
    finally:
        set_llm_cache(None)
    assert len(rounds) == 3


async def test_a_model_with_a_way_of_its_own_goes_it() -> None:
    class Own(Saying):
        async def _agenerate(self, *given: Any, **named: Any) -> Any:
            return await Saying(reply=REPLIES[0], asked=[])._agenerate(*given, **named)

    assert (await invoke(Own(reply=AssertionError("not this way"), asked=[]), REQUESTS[0])).text == "said"
