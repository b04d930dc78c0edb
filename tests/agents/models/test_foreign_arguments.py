"""Requests to other people's chat models: classes of langchain-core and langchain-openai, and stand-ins that take
arguments as ChatOllama (langchain-ollama 1.1), ChatGroq (1.1) and ChatAnthropic (1.7) do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr, SecretStr

from dikast.agents.models import foreign_arguments
from dikast.agents.models.invoke import from_message, invoke
from dikast.agents.models.request import Message, MethodSampling, Request, Sampling, Structured
from dikast.errors import ModelError, UsageError
from dikast.graphs import genqr
from tests.loopback import ECHO, Loopback, says

PROMPT = (Message(role="user", content="hello there"),)
SCHEMA = Structured(json_schema={"type": "object", "properties": {"a": {"type": "string"}}})


class Remembering(BaseChatModel):
    """Notes down what its server would be sent."""

    model: str = "m"
    _sent: list[dict[str, Any]] = PrivateAttr(default_factory=list[dict[str, Any]])

    @property
    def _llm_type(self) -> str:
        return "remembering"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **given: Any
    ) -> ChatResult:
        self._sent.append(self.body(stop, **given))
        metadata = {"done_reason": "length"}
        said = AIMessage("fine", response_metadata=metadata)
        return ChatResult(generations=[ChatGeneration(message=said)])

    def body(self, stop: list[str] | None, **given: Any) -> dict[str, Any]:
        return {"stop": stop, **given}


class LikeOllama(Remembering):
    """Reads its fields; what it is given beside them goes into a call that does not know it."""

    temperature: float | None = None
    num_predict: int | None = None
    num_ctx: int | None = 4096
    top_k: int | None = None
    top_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    stop: list[str] | None = None

    def body(self, stop: list[str] | None, **given: Any) -> dict[str, Any]:
        if stop is not None and self.stop is not None:
            raise ValueError("`stop` found in both the input and default params.")
        names = ("temperature", "num_predict", "num_ctx", "top_k", "top_p", "repeat_penalty", "seed")
        return self.chat(options={name: getattr(self, name) for name in names}, stop=stop or self.stop, **given)

    def chat(self, options: dict[str, Any], stop: list[str] | None, response_format: Any = None) -> dict[str, Any]:
        return {name: value for name, value in {**options, "stop": stop}.items() if value is not None}


class LikeGroq(Remembering):
    temperature: float = 0.7
    max_tokens: int | None = None

    def body(self, stop: list[str] | None, **given: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = {"temperature": self.temperature, **given}
        return self.create(**arguments)

    def create(self, *, temperature: float, max_tokens: int, top_p: float = 1, seed: int = 0) -> dict[str, Any]:
        return {"temperature": temperature, "max_tokens": max_tokens, "top_p": top_p, "seed": seed}


class LikeAnthropic(Remembering):
    temperature: float | None = None
    max_tokens: int = 4096
    top_p: float | None = None
    top_k: int | None = None

    def body(self, stop: list[str] | None, **given: Any) -> dict[str, Any]:
        return self.create(**{"max_tokens": self.max_tokens, **given})

    def create(self, *, max_tokens: int, temperature: float = 1, top_p: float = 1, top_k: int = 0) -> dict[str, Any]:
        return {"max_tokens": max_tokens, "temperature": temperature, "top_p": top_p, "top_k": top_k}


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_arguments, "_unknown", {})


async def test_ollamas_class_is_given_its_own_names_and_keeps_its_own_fields() -> None:
    model = LikeOllama()
    reply = await invoke(model, Request(PROMPT, genqr.PAPER_SAMPLING.model_copy(update={"stop": ("x",)})))
    assert reply.finish_reason == "length"
    [sent] = model._sent
    assert sent == {
        "temperature": 1.0,
        "num_predict": 40,
        "num_ctx": 4096,
        "top_k": 200,
        "top_p": 0.92,
        "repeat_penalty": 1.2,
        "seed": 0,
        "stop": ["x"],
    }
    assert (model.temperature, model.num_predict, model.stop) == (None, None, None)


async def test_groqs_and_anthropics_classes_are_given_what_they_take(caplog: pytest.LogCaptureFixture) -> None:
    groq, anthropic = LikeGroq(), LikeAnthropic()
    for model in (groq, anthropic):
        for _ in range(2):
            await invoke(model, Request(PROMPT, genqr.PAPER_SAMPLING))
    assert groq._sent[1] == {"temperature": 1.0, "max_tokens": 40, "top_p": 0.92, "seed": 0}
    assert anthropic._sent[1] == {"max_tokens": 40, "temperature": 1.0, "top_p": 0.92, "top_k": 200}
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 4
    assert any("LikeAnthropic has no place for seed" in line for line in told)


async def test_neutral_values_are_not_sent_to_anybody() -> None:
    model = Remembering()
    await invoke(model, Request(PROMPT, Sampling()))
    assert model._sent == [{"stop": None, "max_tokens": 512, "temperature": 0.0}]


@pytest.mark.parametrize("model", [Remembering(), FakeListChatModel(responses=["fine"]), LikeGroq()])
async def test_a_methods_default_is_left_out_and_what_was_asked_for_is_refused(model: BaseChatModel) -> None:
    assert (await invoke(model, Request(PROMPT, MethodSampling(top_k=5, repetition_penalty=1.2)))).text == "fine"
    with pytest.raises(UsageError, match="top_k and repetition_penalty"):
        await invoke(model, Request(PROMPT, Sampling(top_k=5, repetition_penalty=1.2)))


@pytest.mark.parametrize(
    "request_", [Request(PROMPT, Sampling(), SCHEMA), Request(PROMPT, Sampling(), logprobs=2)], ids=["form", "logprobs"]
)
async def test_what_a_reply_cannot_do_without_is_refused_by_name(request_: Request) -> None:
    with pytest.raises(UsageError, match=r"response_format|logprobs"):
        await invoke(LikeAnthropic(), request_)


async def test_a_type_error_of_the_models_own_is_not_hidden() -> None:
    class Broken(Remembering):
        def body(self, stop: list[str] | None, **given: Any) -> dict[str, Any]:
            raise TypeError("f() got an unexpected keyword argument 'mine'")

    with pytest.raises(TypeError, match="mine"):
        await invoke(Broken(), Request(PROMPT, Sampling()))


# ChatOpenAI over a server


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


def openai(server: Loopback, **more: Any) -> ChatOpenAI:
    fields: dict[str, Any] = {"base_url": server.url, "model": ECHO, "api_key": SecretStr("k"), "max_retries": 0}
    return ChatOpenAI(**fields, **more)


async def test_extra_body_is_added_to_the_models_own(server: Loopback) -> None:
    model = openai(server, extra_body={"chat_template_kwargs": {"enable_thinking": False}})
    server.faults.append(says(b'{"choices": [{"message": {"role": "assistant", "content": "x"}}]}'))
    await invoke(model, Request(PROMPT, Sampling(top_k=5)))
    assert server.bodies[0]["top_k"] == 5
    assert server.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize("content", [b"<html></html>", b'{"choices": null}', b'{"choices": [{"mess'])
async def test_an_answer_that_cannot_be_read_is_a_models_failure(server: Loopback, content: bytes) -> None:
    server.faults.append(says(content))
    with pytest.raises(ModelError):
        await invoke(openai(server), Request(PROMPT, Sampling()))


def test_odd_parts_of_a_message_do_not_cost_the_reply() -> None:
    content: list[Any] = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "alpha\ud83d"}]
    message = AIMessage(content, response_metadata={"stop_reason": "end_turn"})
    reply = from_message(message)
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("alpha\ufffd", "hm", "stop")
