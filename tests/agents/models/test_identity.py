"""Which chat models are one, for the request cache and for resuming: some classes name themselves by `{}`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field, PrivateAttr, SecretStr

from benchmarks.one_call import Context, graph
from dikast import RequestCache, jobs, recording
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_model
from dikast.agents.solver import load_solver
from dikast.errors import ResumeMismatchError, UsageError


class Plain(BaseChatModel):
    """As LangChain's own how-to writes one: `_identifying_params` is optional there."""

    @property
    def _llm_type(self) -> str:
        return "plain"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **rest: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"said by {self.voice()}"))])

    def voice(self) -> str:
        return "nobody"


class Adapter(BaseModel):
    rank: int
    client: Any = None


class Mine(Plain):
    model: str = "m"
    temperature: float = 0.0
    template: dict[str, Any] = Field(default_factory=dict)
    adapter: Adapter | None = None
    reply: Callable[[str], str] | None = None
    inner: BaseChatModel | None = None
    api_key: SecretStr = SecretStr("one")
    password: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    timeout: float = 1.0
    max_retries: int = 2
    client: Any = Field(default=None, exclude=True)

    def voice(self) -> str:
        return self.model


class Hidden(Plain):
    """Its name is nowhere but in a private attribute."""

    _voice: str = PrivateAttr()
    _calls: int = PrivateAttr(default=0)

    @classmethod
    def saying(cls, voice: str) -> Hidden:
        made = cls()
        made._voice = voice
        return made

    def voice(self) -> str:
        self._calls += 1
        return self._voice


class Closed(Plain):
    """All that it is made of is an object that says nothing."""

    client: Any


def openai(**more: Any) -> ChatOpenAI:
    fields: dict[str, Any] = {"model": "m", "api_key": SecretStr("k"), **more}
    return ChatOpenAI(**fields)


DIFFERENT: list[tuple[BaseChatModel, BaseChatModel]] = [
    (Mine(model="llama-70b"), Mine(model="tiny-1b")),
    (Mine(temperature=0), Mine(temperature=1)),
    (Mine(template={"thinking": True}), Mine(template={"thinking": False})),
    (Mine(adapter=Adapter(rank=8)), Mine(adapter=Adapter(rank=16))),
    (Mine(reply=lambda text: "a"), Mine(reply=lambda text: "b")),
    (Mine(inner=Mine(model="x")), Mine(inner=Mine(model="y"))),
    (Mine(inner=load_model("server:http://a/v1#x")), Mine(inner=load_model("server:http://a/v1#y"))),
    (Hidden.saying("llama-70b"), Hidden.saying("tiny-1b")),
    (Mine(), FakeListChatModel(responses=["a"])),
    (FakeListChatModel(responses=["a"]), FakeListChatModel(responses=["b"])),
    *(
        (openai(), openai(**other))
        for other in (
            {"temperature": 1},
            {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}},
            {"model_kwargs": {"x": 1}},
            {"reasoning_effort": "high"},
            {"base_url": "http://other:1/v1"},
            {"use_responses_api": True},
        )
    ),
]


def reply_of(word: str) -> Callable[[str], str]:
    def reply(text: str) -> str:
        return word

    return reply


@pytest.mark.parametrize("place", range(len(DIFFERENT)))
def test_models_that_differ_are_two(place: int) -> None:
    one, other = DIFFERENT[place]
    assert json.dumps(identity(one)) != json.dumps(identity(other))


def test_functions_of_one_name_are_told_apart_by_what_they_took_along() -> None:
    assert identity(Mine(reply=reply_of("a"))) != identity(Mine(reply=reply_of("b")))
    assert identity(Mine(reply=reply_of("a"))) == identity(Mine(reply=reply_of("a")))


@pytest.mark.parametrize(
    "other",
    [
        {"api_key": SecretStr("two")},
        {"password": "p"},
        {"headers": {"X-Api-Key": "k", "Authorization": "Bearer b"}},
        {"timeout": 60.0},
        {"max_retries": 9},
        {"client": object()},
        {"name": "solver", "tags": ["a"], "verbose": True},
    ],
)
def test_what_changes_no_reply_makes_no_other_model(other: dict[str, Any]) -> None:
    assert identity(Mine(**other)) == identity(Mine())


def test_calls_do_not_change_who_a_model_is() -> None:
    for model in (
        Mine(),
        Hidden.saying("a"),
        FakeListChatModel(responses=["a", "b"]),
        ChatOpenAI(model="m", api_key=SecretStr("k")),
    ):
        before = identity(model)
        if not isinstance(model, ChatOpenAI):
            model.invoke("hello")
        assert identity(model) == before


def test_no_secret_is_in_an_identity() -> None:
    model = Mine(
        api_key=SecretStr("sk-1"),
        password="sk-2",
        headers={"Cookie": "sk-3"},
        model="http://me:sk-4@host/m?api_key=sk-5",
    )
    assert "sk-" not in json.dumps(identity(model))


def made(field: object) -> Iterator[BaseChatModel]:
    yield Closed(client=field)
    yield GenericFakeChatModel(messages=iter([AIMessage("a")]))

    class Local(Plain):
        pass

    yield Local()


def test_a_model_that_cannot_be_told_from_another_is_refused() -> None:
    for model in made(object()):
        with pytest.raises(UsageError, match="does not say which model it is") as caught:
            identity(model)
        assert "fingerprint()" in caught.value.hint


def test_a_fingerprint_of_ones_own_counts() -> None:
    class Named(Closed):
        def fingerprint(self) -> dict[str, object]:
            return {"who": "me"}

    assert identity(Named(client=object())) == {"who": "me"}


async def test_the_request_cache_gives_no_model_anothers_words(tmp_path: Path) -> None:
    for voice in ("llama-70b", "tiny-1b"):
        for model in (Mine(model=voice), Hidden.saying(voice)):
            with recording(cache=RequestCache(tmp_path / "cache.sqlite")):
                result = await graph.ainvoke(
                    {"query": "tyre"}, context=Context(solver=load_solver(model)), version="v2"
                )
            assert result.value["text"] == f"said by {voice}"


async def test_a_run_is_not_gone_on_with_by_another_model(tmp_path: Path) -> None:
    rows = [{"query": "a"}]
    await jobs.run(graph, rows, Context(solver=load_solver(Mine(model="llama-70b"))), tmp_path / "run")
    with pytest.raises(ResumeMismatchError, match="'llama-70b', is now 'tiny-1b'"):
        await jobs.run(graph, rows, Context(solver=load_solver(Mine(model="tiny-1b"))), tmp_path / "run")
