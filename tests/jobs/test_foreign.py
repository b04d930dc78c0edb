"""Graphs that are none of dikast's, as rows: what `ainvoke` takes, a job takes."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import BaseModel, ConfigDict

from dikast import jobs
from dikast.errors import DataError, ResumeMismatchError, UsageError
from dikast.jobs.inputs import read_messages
from dikast.jobs.made_of import name_of
from tests.jobs.graphs import Value, graph_of, lines, same, values

create_agent: Any = import_module("langchain.agents").create_agent  # its types are not complete
ROOT = Path(__file__).resolve().parents[2]
CALLED = {"name": "look", "args": {"at": 1}, "id": "1", "type": "tool_call"}
CONVERSATIONS: list[Any] = [
    [{"role": "user", "content": "a"}],
    [("user", "a")],
    [HumanMessage("a")],
    HumanMessage("a"),
    "a",
    [SystemMessage("s"), ("assistant", "x"), {"role": "user", "content": "a"}],
    [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
    [HumanMessage("b", id="1", name="n"), AIMessage("", tool_calls=[CALLED]), ToolMessage("c", tool_call_id="1"), "a"],
]


def an_agent(reply: str = "x", **options: Any) -> Any:
    return create_agent(FakeListChatModel(responses=[reply]), tools=[], **options)


def speaking_graph() -> Any:
    async def say(state: MessagesState) -> Any:
        return {"messages": [AIMessage(f"heard {state['messages'][-1].text}")]}

    built = StateGraph(MessagesState).add_node("say", say).add_edge(START, "say").add_edge("say", END)
    return built.compile(checkpointer=False, name="speaking")


@pytest.mark.parametrize("messages", CONVERSATIONS)
async def test_messages_are_taken_as_ainvoke_takes_them(tmp_path: Path, messages: Any) -> None:
    graph = speaking_graph()
    expected = [(one.type, one.content) for one in (await graph.ainvoke({"messages": messages}))["messages"]]
    summary = await jobs.run(graph, [{"messages": messages}], None, tmp_path)
    (row,) = lines(tmp_path)
    assert [(one["type"], one["content"]) for one in row["output"]["messages"]] == expected, row["reason"]
    await jobs.retry(graph, None, tmp_path, outcomes=list(summary.outcomes))
    again = lines(tmp_path)[1]
    assert [(one["type"], one["content"]) for one in again["output"]["messages"]] == expected
    assert (await jobs.run(graph, [{"messages": messages}], None, tmp_path)).done == 0


def test_a_message_keeps_what_it_carries() -> None:
    given = [
        HumanMessage("b", id="1", name="n"),
        AIMessage("", tool_calls=[CALLED]),
        ToolMessage("c", tool_call_id="1"),
    ]
    read = read_messages(given, "messages", 1)
    assert read[0] == {"role": "human", "content": "b", "id": "1", "name": "n"}
    assert read[1]["tool_calls"] == [CALLED]
    assert read[2]["tool_call_id"] == "1"


@pytest.mark.parametrize("messages", [[{"rol": "user"}], [5], [("user", "a", "b")], [{"role": "king", "content": "a"}]])
async def test_what_is_no_message_is_told_before_anything_runs(tmp_path: Path, messages: Any) -> None:
    with pytest.raises(DataError, match=r"field 'messages': row 1: not messages: .*give \{"):
        await jobs.run(speaking_graph(), [{"messages": messages}], None, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("messages", CONVERSATIONS[:4])
async def test_an_agent_is_a_graph_like_any_other(tmp_path: Path, messages: Any) -> None:
    agent = an_agent("yes", name="agent")
    assert (await jobs.run(agent, [{"messages": messages}], None, tmp_path)).exit_code == 0
    assert lines(tmp_path)[0]["output"]["messages"][-1]["content"] == "yes"


@entrypoint()
async def double(given: dict[str, int]) -> dict[str, int]:
    return {"twice": 2 * given["value"]}


@entrypoint()
async def triple(given: dict[str, int]) -> dict[str, int]:
    return {"thrice": 3 * given["value"]}


FUNCTIONAL: dict[str, Any] = {"double": double, "triple": triple}


async def test_the_functional_api_takes_rows(tmp_path: Path) -> None:
    assert (await jobs.run(FUNCTIONAL["double"], values(3), None, tmp_path)).exit_code == 0
    assert sorted(row["output"]["twice"] for row in lines(tmp_path)) == [0, 2, 4]
    with pytest.raises(ResumeMismatchError, match="graph was 'LangGraph "):
        await jobs.run(FUNCTIONAL["triple"], values(3), None, tmp_path)
    with pytest.raises(DataError, match="not a mapping of names to values: 1"):
        await jobs.run(FUNCTIONAL["double"], [1], None, tmp_path / "x")


def unnamed(node: Any) -> Any:
    built = StateGraph(Value).add_node("act", node).add_edge(START, "act").add_edge("act", END)
    return built.compile(checkpointer=False)


def adding(number: int) -> Any:
    async def act(state: Value) -> Any:
        return {"value": state["value"] + number}

    return unnamed(act)


def doubling() -> Any:
    async def act(state: Value) -> Any:
        return {"value": state["value"] * 2}

    return unnamed(act)


async def test_unnamed_graphs_do_not_share_a_folder(tmp_path: Path) -> None:
    await jobs.run(adding(1), values(2), None, tmp_path)
    for other in (adding(2), doubling(), an_agent()):
        with pytest.raises(ResumeMismatchError, match="graph was 'LangGraph "):
            await jobs.run(other, [], None, tmp_path)
    assert (await jobs.run(adding(1), values(3), None, tmp_path)).done == 1


def test_agents_differ_by_their_prompts() -> None:
    one, two = (an_agent(system_prompt=prompt) for prompt in ("be brief", "be long"))
    assert name_of(one) != name_of(two)


def test_an_unnamed_graph_is_the_same_in_every_process() -> None:
    code = (
        "from tests.jobs.test_foreign import adding, an_agent; from dikast.jobs.made_of import name_of\n"
        "print(name_of(adding(1)), name_of(an_agent()))"
    )
    command = [sys.executable, "-c", code]
    said = {subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert len(said) == 1


class Heard(BaseCallbackHandler):
    def __init__(self) -> None:
        self.names: list[Any] = []

    def on_chain_start(self, *args: Any, **named: Any) -> None:
        self.names.append(named.get("name"))


async def test_a_job_inside_a_node_inherits_neither_callbacks_nor_checkpointer(tmp_path: Path) -> None:
    async def act(state: Value) -> Any:
        summary = await jobs.run(graph_of(same), values(5), None, tmp_path)
        return {"value": summary.finished}

    built = StateGraph(Value).add_node("act", act).add_edge(START, "act").add_edge("act", END)
    saver, heard = InMemorySaver(), Heard()
    outer = built.compile(checkpointer=saver, name="outer")
    config: Any = {"configurable": {"thread_id": "1"}, "callbacks": [heard]}
    assert (await outer.ainvoke({"value": 0}, config))["value"] == 5
    assert heard.names == ["outer", "act"]
    assert len([one async for one in saver.alist(None)]) == len([one async for one in saver.alist(config)])


class Live:
    """An object that no JSON holds."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()

    def fingerprint(self) -> dict[str, object]:
        return {"live": 1}


class Context(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    live: Live


@dataclasses.dataclass
class Marked:
    live: object
    other: object = dataclasses.field(default=None, metadata={"fingerprint": False})


@pytest.mark.parametrize("context", [Context(live=Live()), {"live": Live()}, Marked(Live(), object())])
async def test_a_context_may_hold_live_objects_that_say_what_they_are(tmp_path: Path, context: Any) -> None:
    assert (await jobs.run(graph_of(same), values(1), context, tmp_path)).exit_code == 0
    assert (await jobs.run(graph_of(same), values(1), context, tmp_path)).done == 0


async def test_a_live_object_that_does_not_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"context\.live: .* a dataclass's metadata=\{'fingerprint': False\}"):
        await jobs.run(graph_of(same), values(1), Marked(object()), tmp_path)
