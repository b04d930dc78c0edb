from __future__ import annotations

import operator
import typing
from typing import Annotated, Any

import pytest
import typing_extensions
from langgraph.graph import START, StateGraph
from langgraph.graph.message import MessagesState
from pydantic import BaseModel

from dikast.errors import DataError
from dikast.jobs.inputs import InputSchema, Reread, read_inputs


class Old(typing.TypedDict):
    query: str


class Older(Old, total=False):
    n: int
    notes: Annotated[list[str], operator.add]


class New(typing_extensions.TypedDict):
    query: str
    n: typing_extensions.NotRequired[int]
    notes: typing_extensions.NotRequired[list[str]]


class Model(BaseModel):
    query: str
    n: int = 3
    notes: list[str] = []


class Unreadable:
    pass


class Strange(typing_extensions.TypedDict):
    query: str
    thing: typing_extensions.NotRequired[Unreadable]


def schema(state: Any) -> InputSchema:
    graph = StateGraph(state)
    graph.add_node("nothing", lambda state: None).add_edge(START, "nothing")
    return InputSchema(graph.compile(name="tried"))


@pytest.mark.parametrize("state", [Older, New, Model])
class TestEveryKindOfSchema:
    def test_values_are_coerced_and_the_users_own_fields_are_kept(self, state: Any) -> None:
        row = {"id": "q7", "query": "x", "n": "3"}
        assert schema(state).read(row, 1) == {"id": "q7", "query": "x", "n": 3}

    def test_a_missing_field_is_told(self, state: Any) -> None:
        with pytest.raises(DataError, match=r"field 'query': row 3: .*tried needs query; the row has qurey"):
            schema(state).read({"qurey": "x"}, 3)

    def test_a_wrong_type_is_told(self, state: Any) -> None:
        with pytest.raises(DataError, match=r"field 'notes.1': row 1: Input should be a valid string"):
            schema(state).read({"query": "x", "notes": ["a", 1]}, 1)


@pytest.mark.parametrize("row", ["text", ["query"], None, {1: "x"}])
def test_what_is_no_mapping_is_told(row: object) -> None:
    with pytest.raises(DataError, match=r"row 2: not a mapping.*tried needs query"):
        schema(New).read(row, 2)


@pytest.mark.parametrize("value", [float("nan"), object(), {"a", "b"}])
def test_what_is_not_json_is_told(value: object) -> None:
    with pytest.raises(DataError, match=r"field 'extra': row 1: not JSON.*null for what is missing"):
        schema(New).read({"query": "x", "extra": value}, 1)


def test_messages_become_json() -> None:
    read = schema(MessagesState).read({"messages": [{"type": "human", "content": "hello"}]}, 1)
    assert read["messages"][0]["content"] == "hello"


def test_a_schema_that_pydantic_cannot_read_is_checked_for_required_fields_and_said_so() -> None:
    strange = schema(Strange)
    assert "required fields only" in strange.note
    assert strange.read({"query": 5}, 1) == {"query": 5}
    with pytest.raises(DataError, match="field 'query': row 1: missing"):
        strange.read({}, 1)


def test_reread_rows_are_opened_each_time() -> None:
    rows = Reread(lambda: iter([{"query": "a"}]))
    assert list(read_inputs(rows, schema(New))) == list(read_inputs(rows, schema(New))) == [{"query": "a"}]
