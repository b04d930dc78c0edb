"""Going on from a prefix and scoring a completion, through `ask` and `score`: cache, limits, ledger, LangChain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage

from dikast.agents.ask import ask, score
from dikast.agents.ledger import recording
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.limits import Limits
from dikast.agents.models.load import load_model
from dikast.agents.models.request import Message, Reply, Request, Sampling, Structured, TokenLogprob
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.models.server import ServerModel
from dikast.agents.prompt import parse_prompt
from dikast.errors import LimitReached, ModelError, UsageError
from dikast.records import Outcome
from tests.loopback import ECHO, Loopback, says, status

PROMPT = parse_prompt("p", b"version: 1\nfields: q\n--- user\n{q}\n")
GREEDY = Sampling(max_tokens=20)
FIELDS = {"q": "Name a colour."}
MESSAGES = (Message(role="user", content="Name a colour."),)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


def says_text(_: Request) -> str:
    return "text"


def model_at(server: Loopback, options: str = "") -> ServerModel:
    model = load_model(f"server:{server.url}#{ECHO}{options}")
    assert isinstance(model, ServerModel)
    return model


async def test_a_reply_is_gone_on_with_and_recorded(server: Loopback) -> None:
    model = model_at(server)
    with recording() as ledger:
        whole = await ask(model, PROMPT, FIELDS, role="solver", sampling=GREEDY, tokens=True)
        tokens = whole.reply.tokens
        assert tokens is not None
        rest = await ask(model, PROMPT, FIELDS, role="solver", sampling=GREEDY, prefix=tokens[:2], tokens=True)
    assert rest.reply.tokens == tokens[2:]
    assert rest.reply.text.split() == whole.reply.text.split()[2:]
    assert [call.usage.input_tokens for call in ledger.calls] == [3, 5]


async def test_a_score_is_recorded_counted_and_kept(server: Loopback, tmp_path: Path) -> None:
    model = model_at(server)
    with recording(cache=RequestCache(tmp_path / "c.sqlite"), limits=Limits(calls=2)) as ledger:
        first = await score(model, PROMPT, FIELDS, "red green", role="judge", alternatives=1, tokens=True)
        again = await score(model, PROMPT, FIELDS, "red green", role="judge", alternatives=1, tokens=True)
        other = await score(model, PROMPT, FIELDS, "red", role="judge", alternatives=1, tokens=True)
        with pytest.raises(LimitReached):
            await score(model, PROMPT, FIELDS, "blue", role="judge")
    assert again.reply == first.reply != other.reply
    assert again.provenance.cached
    assert (first.outcome, first.reply.finish_reason, first.reply.text) == (Outcome.OK, "scored", "red green")
    assert [len(answer.reply.logprobs or ()) for answer in (first, other)] == [2, 1]
    assert (first.usage.input_tokens, first.usage.output_tokens) == (5, 0)
    assert [call.role for call in ledger.calls] == ["judge"] * 4
    assert (ledger.usage.calls, ledger.usage.cached_calls) == (2, 1)


async def test_cache_does_not_mix_up_what_is_asked(server: Loopback, tmp_path: Path) -> None:
    model, asked = model_at(server), {"role": "solver", "sampling": GREEDY}
    with recording(cache=RequestCache(tmp_path / "c.sqlite")) as ledger:
        for more in ({}, {"prefix": "red"}, {"prefix": (0,)}, {"prefix": (0, 1)}, {"tokens": True}):
            given: dict[str, Any] = {**asked, **more}
            await ask(model, PROMPT, FIELDS, **given)
            await ask(model, PROMPT, FIELDS, **given)
    assert (ledger.usage.calls, ledger.usage.cached_calls) == (5, 5)


async def test_a_score_without_words_is_a_score(tmp_path: Path) -> None:
    def end_of_turn(request: Request) -> Reply:
        assert request.completion == (2,)
        return Reply("", "scored", 4, 0, logprobs=(TokenLogprob("<|im_end|>", -1.0),), tokens=(2,))

    with recording(cache=RequestCache(tmp_path / "c.sqlite")):
        answers = [await score(ScriptedModel(end_of_turn), PROMPT, FIELDS, (2,), role="solver") for _ in range(2)]
    assert [answer.outcome for answer in answers] == [Outcome.OK] * 2
    assert answers[1].provenance.cached
    assert answers[1].reply == answers[0].reply


async def test_tokens_without_words_are_a_reply_that_is_kept(tmp_path: Path) -> None:
    def end_of_line(request: Request) -> Reply:
        return Reply("\n", "length", 4, 1, tokens=(10,))

    with recording(cache=RequestCache(tmp_path / "c.sqlite")) as ledger:
        for _ in range(2):
            await ask(ScriptedModel(end_of_line), PROMPT, FIELDS, role="solver", sampling=Sampling(), tokens=True)
    assert (ledger.usage.calls, ledger.usage.cached_calls) == (1, 1)


@pytest.mark.parametrize("needs", [{"prefix": (1,)}, {"prefix": "a"}, {"tokens": True}, {"completion": "a"}])
async def test_models_that_cannot_say_so(needs: dict[str, Any]) -> None:
    request = Request(MESSAGES, GREEDY, **needs)
    refusing = [
        ScriptedModel(says_text),
        load_model("batch:/tmp/none?model=server:http://127.0.0.1:9/v1%23M"),
        load_model("server:http://127.0.0.1:9/v1#M?dialect=openai"),
    ]
    for model in refusing:
        with pytest.raises(UsageError, match=r"token ids|beginning of a reply|score a completion"):
            await model.complete(request)
    theirs = FakeListChatModel(responses=["text"])
    if "completion" in needs:
        asked = score(theirs, PROMPT, FIELDS, "a", role="judge")
    else:
        asked = ask(theirs, PROMPT, FIELDS, role="judge", sampling=GREEDY, **needs)
    with pytest.raises(UsageError, match="FakeListChatModel"):
        await asked


async def test_a_function_that_tells_too_little_is_told() -> None:
    def reply(_: Request) -> Reply:
        return Reply("text", "stop", 1, 1)

    bare = ScriptedModel(reply)
    with pytest.raises(UsageError, match="no token ids"):
        await ask(bare, PROMPT, FIELDS, role="solver", sampling=GREEDY, tokens=True)
    with pytest.raises(UsageError, match="no log-probabilities"):
        await score(bare, PROMPT, FIELDS, "a", role="solver")


async def test_a_server_that_is_no_vllm_is_told(server: Loopback) -> None:
    other = load_model(f"server:{server.url}/deeper#{ECHO}?retries=0")
    with pytest.raises(UsageError, match="no /tokenize"):
        await score(other, PROMPT, FIELDS, "a", role="judge")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"choices": []}', "asked for 1 completions, got 0"),
        (b'{"choices": [{"text": "x"}]}', "no prompt_logprobs"),
        (b'{"choices": [{"text": "x", "prompt_logprobs": [null]}]}', "other tokens than it was given"),
        (b'{"choices": [{"text": "x", "prompt_logprobs": [{"77": {"logprob": -1}}]}]}', "other tokens"),
        (b'{"choices": [{"text": "x", "prompt_logprobs": [{"3": {"logprob": "no"}}]}]}', "is no number"),
    ],
)
async def test_scores_that_are_none(server: Loopback, body: bytes, told: str) -> None:
    server.faults.append(says(body))
    with pytest.raises(ModelError, match=told):
        await score(model_at(server, "?retries=0"), PROMPT, FIELDS, (3,), role="judge")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"choices": [{"text": "x"}]}', "told no token ids"),
        (b'{"choices": [{"text": "x", "token_ids": [1.5]}]}', "told no token ids"),
    ],
)
async def test_tokens_that_are_none(server: Loopback, body: bytes, told: str) -> None:
    server.faults.append(says(body))
    with pytest.raises(ModelError, match=told):
        await ask(model_at(server), PROMPT, FIELDS, role="solver", sampling=GREEDY, prefix=(3,), tokens=True)


async def test_errors_keep_their_kind(server: Loopback) -> None:
    server.faults.append(status(400, "maximum context length is 2048 tokens"))
    with pytest.raises(ModelError, match="2048") as caught:
        await score(model_at(server), PROMPT, FIELDS, (3,), role="judge")
    assert type(caught.value).__name__ == "ModelContextOverflow"


async def test_langchain_callers_may_ask_the_same(server: Loopback) -> None:
    model = model_at(server)
    told = await model.ainvoke([HumanMessage("Name a colour.")], tokens=True)
    ids = told.response_metadata["token_ids"]
    rest = await model.ainvoke([HumanMessage("Name a colour.")], prefix=ids[:1])
    assert isinstance(told.content, str)
    assert isinstance(rest.content, str)
    assert rest.content.split() == told.content.split()[1:]
    scored = await model.ainvoke([HumanMessage("Name a colour.")], completion=ids)
    assert len(scored.response_metadata["logprobs"]["content"]) == len(ids)
    for wrong in ([1, "a"], [-1], 7, [True]):
        with pytest.raises(UsageError, match="'prefix' must be a text, or token ids"):
            await model.ainvoke([HumanMessage("x")], prefix=wrong)


def test_requests_that_contradict_themselves() -> None:
    with pytest.raises(UsageError, match="nothing to score"):
        Request(MESSAGES, GREEDY, completion=())
    with pytest.raises(UsageError, match="leave out n"):
        Request(MESSAGES, GREEDY, completion="a", n=2)
    with pytest.raises(UsageError, match="leave out n"):
        Request(MESSAGES, GREEDY, Structured(choice=("a",)), completion="a")
