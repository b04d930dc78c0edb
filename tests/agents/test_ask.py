from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from dikast.agents.ask import ask
from dikast.agents.ledger import recording
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.limits import Limits
from dikast.agents.models.request import Reply, Request, Sampling, Structured
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.prompt import parse_prompt
from dikast.errors import DataError, LimitReached, ModelError, ModelRefused, ModelTimeout, UsageError
from dikast.records import Outcome, Usage

PROMPT = parse_prompt("p", b"version: 1\nfields: q\n--- user\n{q}\n")
GREEDY = Sampling(max_tokens=20)


def saying(reply: str | Reply) -> ScriptedModel:
    def say(_: Request) -> str | Reply:
        return reply

    return ScriptedModel(say)


def echo(request: Request) -> str:
    return "you said " + request.messages[-1]["content"]


async def test_a_call_is_recorded_whole() -> None:
    with recording() as ledger:
        answer = await ask(ScriptedModel(echo), PROMPT, {"q": "hello there"}, role="critic", sampling=GREEDY)
    assert answer.reply.text == "you said hello there"
    (call,) = ledger.calls
    assert call.messages == ({"role": "user", "content": "hello there"},)
    assert (call.role, call.outcome, call.provenance.prompt) == ("critic", Outcome.OK, PROMPT.id)
    assert ledger.usage_by_role["critic"] == answer.usage
    assert (answer.usage.calls, answer.usage.input_tokens, answer.usage.output_tokens) == (1, 2, 4)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(" \n", "stop", 1, 1), Outcome.EMPTY),
        (Reply("half", "content_filter", 1, 1), Outcome.FILTERED),
        (Reply("", "stop", 1, 1, refusal="I cannot"), Outcome.REFUSED),
        (Reply("cut", "length", 1, 1), Outcome.OK),
    ],
)
async def test_how_a_reply_ends_is_an_outcome(reply: Reply, outcome: Outcome) -> None:
    answer = await ask(saying(reply), PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)
    assert answer.outcome is outcome
    assert bool(answer.reason) == (outcome is not Outcome.OK)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ModelTimeout("slow"), Outcome.TIMEOUT),
        (ModelRefused("policy"), Outcome.FILTERED),
        (ModelError("500"), Outcome.ERROR),
    ],
)
async def test_a_failed_call_raises_and_is_recorded(error: ModelError, outcome: Outcome) -> None:
    def fail(_: Request) -> str:
        raise error

    with recording() as ledger, pytest.raises(type(error)):
        await ask(ScriptedModel(fail), PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)
    assert [call.outcome for call in ledger.calls] == [outcome]
    assert ledger.usage.calls == 1


async def test_a_bug_in_a_model_is_not_taken_for_a_models_failure() -> None:
    def broken(_: Request) -> str:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await ask(ScriptedModel(broken), PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)


async def test_the_second_time_costs_nothing(tmp_path: Path) -> None:
    calls: list[Request] = []

    def count(request: Request) -> str:
        calls.append(request)
        return f"reply {len(calls)}"

    async def once(sampling: Sampling = GREEDY, sample: int = 0) -> tuple[str, Usage]:
        answer = await ask(ScriptedModel(count), PROMPT, {"q": "x"}, role="solver", sampling=sampling, sample=sample)
        return answer.reply.text, answer.usage

    with recording(cache=RequestCache(tmp_path / "c.sqlite")):
        first, _ = await once()
        again, usage = await once()
        assert (first, again) == ("reply 1", "reply 1")
        assert (usage.calls, usage.cached_calls, usage.output_tokens) == (0, 1, 0)
        assert (await once(sample=1))[0] == "reply 2"
        assert (await once(Sampling(max_tokens=21)))[0] == "reply 3"
    with recording(cache=RequestCache(tmp_path / "c.sqlite")):
        assert (await once())[0] == "reply 1"


async def test_equal_requests_at_once_make_one_call(tmp_path: Path) -> None:
    calls = 0
    gate = asyncio.Event()

    async def slow(_: Request) -> str:
        nonlocal calls
        calls += 1
        await gate.wait()
        return "done"

    with recording(cache=RequestCache(tmp_path / "c.sqlite")) as ledger:
        asked = [
            asyncio.create_task(ask(ScriptedModel(slow), PROMPT, {"q": "x"}, role="solver", sampling=GREEDY))
            for _ in range(8)
        ]
        while not calls:
            await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*asked)
    assert calls == 1
    assert (ledger.usage.calls, ledger.usage.cached_calls) == (1, 7)


async def test_waiters_call_for_themselves_when_the_first_one_fails(tmp_path: Path) -> None:
    calls = 0

    async def flaky(_: Request) -> str:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        if calls == 1:
            raise ModelTimeout("slow")
        return "done"

    with recording(cache=RequestCache(tmp_path / "c.sqlite")):
        told = await asyncio.gather(
            *(ask(ScriptedModel(flaky), PROMPT, {"q": "x"}, role="solver", sampling=GREEDY) for _ in range(4)),
            return_exceptions=True,
        )
    assert sum(isinstance(one, ModelTimeout) for one in told) == 1
    assert calls == 2


@pytest.mark.parametrize("text", ["", "  "])
async def test_an_empty_reply_is_not_kept(tmp_path: Path, text: str) -> None:
    cache = RequestCache(tmp_path / "c.sqlite")
    with recording(cache=cache):
        await ask(saying(text), PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)
    assert len(cache) == 0


async def test_another_model_does_not_get_this_ones_replies(tmp_path: Path) -> None:
    with recording(cache=RequestCache(tmp_path / "c.sqlite")):
        for name in ("red", "blue"):
            model = FakeListChatModel(responses=[name])
            answer = await ask(model, PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)
            assert answer.reply.text == name


def test_a_foreign_file_as_cache_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("this is no data base, but somebody's notes\n" * 100, encoding="utf-8")
    with pytest.raises(DataError, match=r"notes\.txt.*not usable as a request cache"):
        RequestCache(path).get("k")
    assert path.read_text(encoding="utf-8").startswith("this is no")


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(calls=2), "calls"),
        (Limits(tokens=12), "tokens"),
        (Limits(cost=0.000012, price_input=1, price_output=1), "cost"),
        (Limits(seconds=0), "seconds"),
    ],
)
async def test_a_limit_stops_the_next_call(limits: Limits, word: str) -> None:
    async def thrice() -> None:
        for _ in range(3):
            await ask(ScriptedModel(echo), PROMPT, {"q": "hello there"}, role="solver", sampling=GREEDY)

    with recording() as run, recording(limits=limits, name="row") as row, pytest.raises(LimitReached) as told:
        await thrice()
    assert word in str(told.value)
    assert "row" in str(told.value)
    assert row.calls[-1].outcome is Outcome.LIMIT
    assert row.usage == run.usage
    assert row.usage.calls == (0 if word == "seconds" else 2)


async def test_a_limit_of_the_run_counts_all_rows() -> None:
    with recording(limits=Limits(calls=2)):
        for _ in range(2):
            with recording(name="row"):
                await ask(ScriptedModel(echo), PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)
        with recording(name="row"), pytest.raises(LimitReached, match="run"):
            await ask(ScriptedModel(echo), PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)


async def test_somebody_elses_chat_model_works_and_says_what_it_lacks() -> None:
    model = FakeListChatModel(responses=["fine"])
    assert (await ask(model, PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)).reply.text == "fine"
    with pytest.raises(UsageError, match="top_k"):
        await ask(model, PROMPT, {"q": "x"}, role="solver", sampling=Sampling(top_k=5))
    form = Structured(choice=("A", "B"))
    with pytest.raises(UsageError, match="choice"):
        await ask(model, PROMPT, {"q": "x"}, role="solver", sampling=GREEDY, structured=form)


async def test_samples_move_the_seed() -> None:
    seeds: list[int | None] = []

    def note(request: Request) -> str:
        seeds.append(request.sampling.seed)
        return "x"

    for sample in (0, 3):
        await ask(ScriptedModel(note), PROMPT, {"q": "x"}, role="solver", sampling=Sampling(seed=40), sample=sample)
    assert seeds == [40, 43]


async def test_what_a_model_thinks_aloud_is_reasoning_not_text() -> None:
    thinking = saying(Reply("<think>the query is about cars</think>\nbattery", "stop", 1, 1, reasoning="first"))
    answer = await ask(thinking, PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)
    assert (answer.reply.text, answer.reply.reasoning) == ("battery", "first\nthe query is about cars")
    whole = await ask(thinking, PROMPT, {"q": "x"}, role="target", sampling=GREEDY, keep_thoughts=True)
    assert "<think>" in whole.reply.text


async def test_a_reply_of_thoughts_alone_is_empty() -> None:
    answer = await ask(saying("<think>and on and on"), PROMPT, {"q": "x"}, role="solver", sampling=GREEDY)
    assert answer.outcome is Outcome.EMPTY


@pytest.mark.parametrize("reason", ["stop CANARY", "CANARY", "<script>", "STOP\nCANARY", "x" * 10_000])
async def test_a_servers_finish_reason_is_never_recorded_as_it_is(reason: str) -> None:
    answer = await ask(saying(Reply("", reason, 1, 1)), PROMPT, {"q": "x"}, role="target", sampling=GREEDY)
    assert answer.provenance.finish_reason == "other"
    assert reason not in answer.reason
