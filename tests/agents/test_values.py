"""Values of a value head or reward model, through `appraise`: cache, ledger, what is refused, a served head's wire."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from yarl import URL

from dikast.agents.ask import appraise
from dikast.agents.ledger import recording
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.load import load_model
from dikast.agents.models.replay import ReplayModel
from dikast.agents.models.request import Message, Reply, Request, Sampling, Structured
from dikast.agents.models.request_key import request_key
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.models.server_tokens import ask_by_tokens, ends_of
from dikast.agents.prompt import parse_prompt
from dikast.errors import ModelError, UsageError
from dikast.http.answers import Answer

PROMPT = parse_prompt("p", b"version: 1\nfields: question\n--- user\n{question}\n")
FIELDS = {"question": "2 + 2?"}
MESSAGES = (Message(role="user", content="2 + 2?"),)
GREEDY = Sampling(max_tokens=1)
VALUED = Request(MESSAGES, GREEDY, completion="4", value=True)
END, AFTER = 2, 10


def by_length(request: Request) -> Reply:
    return Reply(str(request.completion), "scored", 3, 0, value=float(len(str(request.completion))))


async def test_a_value_is_recorded_counted_and_kept(tmp_path: Path) -> None:
    model = ScriptedModel(by_length)
    with recording(cache=RequestCache(tmp_path / "c.sqlite")) as ledger:
        told = [await appraise(model, PROMPT, FIELDS, text, role="critic") for text in ("four", "4", "four")]
    assert told == [4.0, 1.0, 4.0]
    assert (ledger.usage.calls, ledger.usage.cached_calls) == (2, 1)
    assert [call.reply for call in ledger.calls] == ["four", "4", "four"]
    assert {call.role for call in ledger.calls} == {"critic"}


async def test_a_value_can_be_recorded_and_replayed(tmp_path: Path) -> None:
    path = tmp_path / "values.jsonl"
    recorder = ReplayModel(spec="replay:x", path=path, inner=ScriptedModel(by_length))
    assert await appraise(recorder, PROMPT, FIELDS, "four", role="critic") == 4.0
    replayed = load_model(f"replay:{path}")
    assert await appraise(replayed, PROMPT, FIELDS, "four", role="critic") == 4.0
    assert "value" not in json.loads(path.read_text())["request"] or json.loads(path.read_text())["request"]["value"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_a_value_that_is_no_number_is_a_failed_call(value: float) -> None:
    def broken(request: Request) -> Reply:
        return Reply("4", "scored", 1, 0, value=value)

    with recording() as ledger, pytest.raises(ModelError, match="no finite value"):
        await appraise(ScriptedModel(broken), PROMPT, FIELDS, "4", role="critic")
    assert [call.outcome.value for call in ledger.calls] == ["error"]


def says_text(_: Request) -> str:
    return "4"


def says_nothing_of_value(_: Request) -> Reply:
    return Reply("4", "stop", 1, 1)


async def test_models_that_give_no_values() -> None:
    refusing = [
        ScriptedModel(says_text),
        ScriptedModel(says_nothing_of_value),
        load_model("batch:/tmp/none?model=server:http://127.0.0.1:9/v1%23M"),
        load_model("server:http://127.0.0.1:9/v1#M?dialect=openai"),
        FakeListChatModel(responses=["4"]),
    ]
    for model in refusing:
        with pytest.raises(UsageError, match="cannot give a text a value") as caught:
            await appraise(model, PROMPT, FIELDS, "4", role="critic")
        assert "train value" in caught.value.hint


def test_values_are_of_whole_texts() -> None:
    for wrong in ({"prefix": "a", "completion": "b"}, {"completion": (1,)}, {}):
        given: dict[str, Any] = wrong
        with pytest.raises(UsageError, match="as a whole"):
            Request(MESSAGES, GREEDY, value=True, **given)
    with pytest.raises(UsageError, match="leave out n"):
        Request(MESSAGES, GREEDY, Structured(choice=("a",)), completion="a", value=True)
    with pytest.raises(UsageError, match="nothing to score"):
        Request(MESSAGES, GREEDY, completion="", value=True)


def test_a_value_has_a_key_of_its_own() -> None:
    assert request_key(VALUED) != request_key(Request(MESSAGES, GREEDY, completion="4"))


async def test_langchain_callers_get_it_too() -> None:
    told = await ScriptedModel(by_length).ainvoke([HumanMessage("2 + 2?")], completion="four", value=True)
    assert told.response_metadata["value"] == 4.0


@dataclass
class Head:
    """A server that tokenises letter by letter, and gives the number that it is told to."""

    given: Any
    status: int = 200
    spec: str = "server:x#head"
    model: str = "head"
    template: Mapping[str, Any] = field(default_factory=dict[str, Any])
    omit: tuple[str, ...] = ()
    trims: bool = False
    words: dict[int, str] = field(default_factory=dict[int, str])
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def post(self, path: str, body: bytes) -> Answer:
        said = json.loads(body)
        self.bodies.append(said)
        if path.endswith("tokenize"):
            assert said["add_generation_prompt"] is False
            ids = [ord(letter) for message in said["messages"] for letter in message["content"]]
            if not said.get("continue_final_message"):
                ids = [*(ids[:-1] if self.trims else ids), END, AFTER]
            return self.answer(200, {"tokens": ids})
        return self.answer(self.status, self.given)

    def answer(self, code: int, value: Any) -> Answer:
        return Answer(URL("http://x"), code, json.dumps(value).encode())

    async def explained(self, answer: Answer, body: bytes) -> Exception:
        return ModelError(f"HTTP {answer.status}")

    async def value(self) -> float | None:
        [reply] = await ask_by_tokens(self, VALUED, self.post, self.explained)
        return reply.value


@pytest.mark.parametrize("data", [[0.5], 0.5])
async def test_a_served_head_is_asked_by_tokens_up_to_the_end_of_the_turn(data: object) -> None:
    head = Head({"data": [{"index": 0, "data": data}]})
    assert await head.value() == 0.5
    asked = head.bodies[-1]
    assert asked["input"] == [*map(ord, "2 + 2?4"), END]
    assert (asked["task"], asked["use_activation"]) == ("classify", False)


@pytest.mark.parametrize("given", [{}, {"data": []}, {"data": [{"data": [1, 2]}]}, {"data": [{"data": ["x"]}]}, 3])
async def test_served_values_that_are_none(given: object) -> None:
    with pytest.raises(ModelError, match="no single number"):
        await Head(given).value()


async def test_servers_that_give_no_value() -> None:
    with pytest.raises(UsageError, match="cannot give a text a value"):
        await Head({"detail": "Not Found"}, status=404).value()
    with pytest.raises(ModelError, match="HTTP 500"):
        await Head({}, status=500).value()
    with pytest.raises(UsageError, match="changes a reply"):
        await Head({"data": [{"data": [1.0]}]}, trims=True).value()
    with pytest.raises(ModelError, match="no finite value"):
        await Head({"data": [{"data": [math.nan]}]}).value()


async def test_how_a_turn_ends_is_read_off_the_chat_template() -> None:
    head = Head({})
    assert await ends_of(head, head.post, head.explained) == (END,)
    trimming = Head({}, trims=True)
    assert await ends_of(trimming, trimming.post, trimming.explained) == ()
