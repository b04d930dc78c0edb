"""Calls that a graph makes itself, past `ask`."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata
from langgraph.graph import END, START, StateGraph
from pydantic import SecretStr

from dikast import jobs
from dikast.agents.foreign_calls import counting_foreign_calls
from dikast.agents.ledger import recording
from dikast.agents.models.limits import Limits
from dikast.agents.models.load import load_model
from dikast.agents.models.pace import Pace, Rates
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import parse_prompt
from dikast.agents.solver import load_solver
from dikast.errors import LimitReached
from dikast.records import Outcome, Usage
from tests.jobs.graphs import Anything, Value, graph_of, lines, values
from tests.loopback import ECHO, Loopback, status

NONE = "calls of FakeListChatModel say nothing of tokens: limits on tokens and cost do not count them"


def said(text: str = "well", **more: Any) -> AIMessage:
    usage = UsageMetadata(input_tokens=5, output_tokens=2, total_tokens=7)
    return AIMessage(text, usage_metadata=usage, response_metadata={"finish_reason": "stop"}, **more)


def measured(count: int = 1000) -> BaseChatModel:
    return GenericFakeChatModel(messages=iter([said() for _ in range(count)]))


def calling(model: Any, calls: int = 1, config: Any = None) -> Any:
    async def node(value: int) -> str:
        for _ in range(calls):
            await model.ainvoke("hello", config)
        return "done"

    return graph_of(node)


def plain(usage: Usage) -> tuple[int, int, int]:
    return usage.calls, usage.input_tokens, usage.output_tokens


async def test_a_row_has_the_calls_of_its_own_models_by_name(tmp_path: Path) -> None:
    summary = await jobs.run(calling(measured(), 2), values(3), None, tmp_path)
    assert {name: plain(usage) for name, usage in summary.usage.items()} == {"GenericFakeChatModel": (6, 30, 12)}
    assert summary.notes == ()
    for row in lines(tmp_path):
        assert row["usage"]["GenericFakeChatModel"]["calls"] == 2
        assert [(call["outcome"], call["messages"], call["reply"]) for call in row["calls"]] == [("ok", [], "")] * 2
        assert row["calls"][0]["provenance"]["finish_reason"] == "stop"


async def test_a_model_that_reports_no_usage_is_counted_and_told(tmp_path: Path) -> None:
    summary = await jobs.run(calling(FakeListChatModel(responses=["x"])), values(3), None, tmp_path)
    assert {name: plain(usage) for name, usage in summary.usage.items()} == {"FakeListChatModel": (3, 0, 0)}
    assert summary.notes == (f"3 {NONE}",)


@pytest.mark.parametrize("config", [{"callbacks": []}, {"callbacks": [BaseCallbackHandler()]}])
async def test_a_node_that_hands_on_callbacks_of_its_own_is_heard(tmp_path: Path, config: Any) -> None:
    summary = await jobs.run(calling(measured(), 1, config), values(2), None, tmp_path)
    assert plain(summary.usage["GenericFakeChatModel"]) == (2, 10, 4)


async def test_functions_in_threads_streams_and_batches_are_heard(tmp_path: Path) -> None:
    model = FakeListChatModel(responses=["abc"])

    def act(state: Value) -> Any:
        model.invoke("hello")
        list(model.stream("hello"))
        next(model.stream("hello"))  # and no further
        model.batch(["hello", "hello"])
        FakeListLLM(responses=["x"]).invoke("hello")
        return {"result": 1}

    built = StateGraph(Anything, input_schema=Value, output_schema=Anything)
    built.add_node("act", act).add_edge(START, "act").add_edge("act", END)
    graph = built.compile(checkpointer=False, name="sync")
    summary = await jobs.run(graph, values(40), None, tmp_path, limits=Limits(calls=1000), concurrency=16)
    assert summary.outcomes == {Outcome.OK: 40}
    assert {name: usage.calls for name, usage in summary.usage.items()} == {"FakeListChatModel": 200, "FakeListLLM": 40}


@pytest.mark.parametrize(
    "limit", [Limits(calls=3), Limits(tokens=20), Limits(cost=1.4, price_input=2e5, price_output=0)]
)
async def test_a_rows_limit_stops_foreign_calls(
    tmp_path: Path, limit: Limits, caplog: pytest.LogCaptureFixture
) -> None:
    summary = await jobs.run(calling(measured(), 10), values(2), None, tmp_path, row_limits=limit)
    made = {"calls": 3, "tokens": 3, "cost": 2}[next(iter(limit.model_dump(exclude_unset=True)))]
    assert summary.outcomes == {Outcome.LIMIT: 2}
    assert summary.usage["GenericFakeChatModel"].calls == 2 * made
    for row in lines(tmp_path):
        assert row["reason"].startswith("the row's limit of")
        assert [call["outcome"] for call in row["calls"]] == ["ok"] * made + ["limit"]
    assert caplog.records == []


async def test_the_runs_limit_leaves_rows_owed_also_where_the_graph_goes_on_without(tmp_path: Path) -> None:
    model = measured()

    async def node(value: int) -> str:
        try:
            await model.ainvoke("hello")
        except LimitReached:
            return "without"
        return "with"

    summary = await jobs.run(graph_of(node), values(10), None, tmp_path, limits=Limits(calls=4), concurrency=1)
    assert (summary.finished, summary.owed, summary.exit_code) == (4, 6, 3)
    assert summary.stopped == "the run's limit of 4 calls is used up (4 spent)"
    summary = await jobs.run(graph_of(node), values(10), None, tmp_path, limits=Limits(calls=7), concurrency=1)
    assert (summary.finished, summary.usage["GenericFakeChatModel"].calls) == (7, 7)


async def test_foreign_calls_wait_for_their_turn_as_asks_do() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    def foreign() -> None:
        FakeListChatModel(responses=["x"]).invoke("from a thread")
        FakeListLLM(responses=["x"]).invoke("from a thread")

    with counting_foreign_calls(), recording(limits=Limits(calls=6)) as ledger:
        ledger.pace = Pace(Rates(rpm=60, tpm=60), clock=lambda: 100.0, sleep=sleep)
        model = measured()
        for _ in range(3):
            await model.ainvoke("hello")
            ledger.pace._made_up = 100.0  # the tokens are made up for
        await asyncio.to_thread(foreign)
        FakeListChatModel(responses=["x"]).invoke("where a loop is running")
    assert slept == [1, 2, 3, 4, 5]
    assert sum(usage.calls for usage in ledger.usage_by_role.values()) == 6


async def test_the_runs_limit_is_exact_in_threads(tmp_path: Path) -> None:
    model = FakeListChatModel(responses=["x"])

    def act(state: Value) -> Any:
        return {"result": model.invoke("hello").text}

    built = StateGraph(Anything, input_schema=Value, output_schema=Anything)
    built.add_node("act", act).add_edge(START, "act").add_edge("act", END)
    graph = built.compile(checkpointer=False, name="sync")
    summary = await jobs.run(graph, values(200), None, tmp_path, limits=Limits(calls=90), concurrency=32)
    assert (summary.finished, summary.usage["FakeListChatModel"].calls) == (90, 90)


async def test_what_ask_books_is_booked_once(tmp_path: Path) -> None:
    prompt = parse_prompt("tests/hello", b"version: 1\nfields: query\n--- user\n{query}\n")
    with Loopback() as server:
        own, foreign = load_model(f"server:{server.url}#{ECHO}"), measured()
        solvers = [load_solver(own), load_solver(foreign)]

        async def node(value: int) -> int:
            for solver in solvers:
                await solver.solve(prompt, {"query": "hello"}, sampling=Sampling())
            await own.ainvoke("hello")  # past `ask`: a model like any other
            return 1

        summary = await jobs.run(graph_of(node), values(3), None, tmp_path, limits=Limits(calls=9))
        await own.aclose()
    assert (summary.outcomes, len(server.bodies)) == ({Outcome.OK: 3}, 6)
    assert {name: usage.calls for name, usage in summary.usage.items()} == {"solver": 6, ECHO: 3}
    assert summary.usage[ECHO].input_tokens == 3


async def test_a_foreign_client_over_a_server_is_counted_by_its_models_name(tmp_path: Path) -> None:
    from langchain_openai import ChatOpenAI

    with Loopback() as server:
        model: Any = ChatOpenAI(
            model=ECHO,
            base_url=server.url,
            api_key=SecretStr("x"),
            temperature=0,
            extra_body={"max_tokens": 16},
            max_retries=0,
        )
        server.faults.append(status(400, "not that"))
        summary = await jobs.run(calling(model), values(4), None, tmp_path, concurrency=1)
        sent = len(server.bodies)
        await model.root_async_client.close()
        model.root_client.close()
    assert (summary.outcomes, sent) == ({Outcome.ERROR: 1, Outcome.OK: 3}, 4)
    assert plain(summary.usage[ECHO])[:2] == (4, 3)
    assert summary.usage[ECHO].output_tokens > 3
    (failed,) = (row for row in lines(tmp_path) if row["outcome"] == "error")
    assert [call["outcome"] for call in failed["calls"]] == ["error"]
    assert "not that" in failed["calls"][0]["reason"]


async def test_what_langchains_own_cache_gives_is_counted_as_cached(tmp_path: Path) -> None:
    model = GenericFakeChatModel(messages=iter([said()]), cache=InMemoryCache())
    summary = await jobs.run(calling(model, 3), values(1), None, tmp_path, limits=Limits(calls=3))
    usage = summary.usage["GenericFakeChatModel"]
    assert (usage.calls, usage.cached_calls, usage.cached_tokens) == (1, 2, 14)
    assert summary.notes == ()


async def test_a_preview_counts_and_what_is_outside_does_not() -> None:
    (row,) = await jobs.preview(calling(measured()), values(1), None)
    assert row["usage"]["GenericFakeChatModel"]["calls"] == 1
    with recording() as ledger, counting_foreign_calls():
        await measured().ainvoke("hello")
    await measured().ainvoke("hello")
    with recording() as outside:
        await measured().ainvoke("hello")
    assert (ledger.usage.calls, outside.usage.calls) == (1, 0)


async def test_a_cancelled_call_leaves_nothing_behind() -> None:
    class Slow(FakeListChatModel):
        async def _agenerate(self, *args: Any, **named: Any) -> Any:
            await asyncio.Event().wait()

    with counting_foreign_calls() as foreign:
        with recording(limits=Limits(calls=1)) as ledger:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(Slow(responses=[]).ainvoke("hello"), 0.05)
            with pytest.raises(LimitReached):  # it was a call all the same
                await measured().ainvoke("hello")
        assert len(foreign._begun) == 1
        del ledger
        gc.collect()
        assert len(foreign._begun) == 0
