"""A Secret shows itself to nobody but `reveal()`."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel, TypeAdapter, ValidationError
from rich.console import Console

from dikast.tables.secret import Secret

CELL = "b3f1c0de5ca1ab1e"
SECRET = Secret([CELL])


@dataclass
class Answered:
    answer: Secret[list[str]]


class Model(BaseModel):
    answer: Secret[list[str]]


def test_reveal_gives_the_value_itself():
    value = [CELL]
    assert Secret(value).reveal() is value


def test_every_way_of_printing_says_secret_only():
    printed = [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET:>40}",
        f"{SECRET!r}",
        "%s" % SECRET,  # noqa: UP031 a log's own way
        "{!s:.9}".format(SECRET),  # noqa: UP032 likewise
        pprint.pformat({"answer": SECRET}),
        repr(Answered(SECRET)),
        repr(asdict(Answered(SECRET))),
        json.dumps({"answer": SECRET}, default=str),
        Model(answer=SECRET).model_dump_json(),
        repr(Model(answer=SECRET)),
        repr(Model(answer=SECRET).model_dump()),
        TypeAdapter(Secret[str]).dump_json(Secret(CELL)).decode(),
        dumps({"answer": SECRET}),
    ]
    assert [text for text in printed if CELL in text] == []
    assert [text for text in printed if "[secret]" not in text] == []


def test_rich_and_logging_do_not_see_it(caplog: pytest.LogCaptureFixture):
    console = Console(record=True, quiet=True)
    console.print({"answer": SECRET})
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("answer: %s %r", SECRET, [SECRET])
    assert CELL not in console.export_text() + caplog.text


def test_attributes_do_not_hold_it():
    assert not hasattr(SECRET, "__dict__")
    assert CELL not in "".join(repr(getattr(SECRET, name, "")) for name in dir(SECRET))


def test_it_is_no_string_and_no_container():
    assert not isinstance(SECRET, (str, list))
    secret: Any = SECRET
    with pytest.raises(TypeError):
        "".join([secret])
    with pytest.raises(TypeError):
        len(secret)
    with pytest.raises(ValidationError):
        HumanMessage(content=secret)


def test_equal_only_to_itself():
    assert Secret(1) != Secret(1)
    assert SECRET == SECRET
    assert copy.deepcopy(SECRET) is SECRET
    assert copy.copy(SECRET) is SECRET


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps])
def test_it_is_not_written_down(write: Callable[[object], object]):
    with pytest.raises(TypeError):
        write(SECRET)


def test_a_checkpoint_does_not_hold_it():
    for fallback in (False, True):
        try:
            _, data = JsonPlusSerializer(pickle_fallback=fallback).dumps_typed({"answer": SECRET})
        except TypeError:
            continue
        assert CELL.encode() not in data


def test_pydantic_takes_a_secret_and_nothing_else():
    assert Model(answer=SECRET).answer is SECRET
    with pytest.raises(ValidationError):
        Model.model_validate({"answer": [CELL]})
    assert Model.model_json_schema()["properties"]["answer"] == {"const": "[secret]", "title": "Answer"}
