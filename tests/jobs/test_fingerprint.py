from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from dikast.errors import UsageError
from dikast.jobs.fingerprint import fingerprint


class Colour(StrEnum):
    RED = "red"


class Named:
    spec = "server:http://host#M"


class Telling:
    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def fingerprint(self) -> dict[str, object]:
        return {"sampling": {"temperature": self.temperature}, "stop": ("a", "b")}


class Silent:
    pass


class Foreign(BaseModel):
    """A LangChain model is a Pydantic model too."""

    key: str = "secret"

    async def ainvoke(self) -> None: ...


class Context(BaseModel, frozen=True, extra="forbid", arbitrary_types_allowed=True):
    actor: Any = None
    several: tuple[Any, ...] = ()
    n: int = 1
    colour: Colour = Colour.RED
    verbose: Annotated[bool, Field(json_schema_extra={"fingerprint": False})] = False


@dataclass
class Plain:
    n: int = 1


def test_parts_are_named_by_field_and_are_json() -> None:
    found = fingerprint("g", Context(actor=Telling(0.5), several=(Named(), None)), 2)
    assert found == {
        "graph": "g",
        "samples": 2,
        "context.actor": {"sampling": {"temperature": 0.5}, "stop": ["a", "b"]},
        "context.several": ["server:http://host#M", None],
        "context.n": 1,
        "context.colour": "red",
    }


def test_a_field_that_does_not_count_does_not_count() -> None:
    assert fingerprint("g", Context(verbose=True), 1) == fingerprint("g", Context(verbose=False), 1)


@pytest.mark.parametrize(("context", "parts"), [(None, {}), (Plain(3), {"context.n": 3}), ({"n": 3}, {"context.n": 3})])
def test_contexts_of_other_kinds(context: object, parts: dict[str, Any]) -> None:
    assert fingerprint("g", context, 1) == {"graph": "g", "samples": 1, **parts}


@pytest.mark.parametrize("actor", [Silent(), Foreign(), SecretStr("k"), lambda: None, [Silent()], {"x": Silent()}])
def test_an_actor_that_does_not_say_what_it_is_is_refused(actor: object) -> None:
    with pytest.raises(UsageError, match=r"context\.actor.*give it a method fingerprint\(\)") as caught:
        fingerprint("g", Context(actor=actor), 1)
    assert "secret" not in str(caught.value)


def test_a_context_without_fields_is_refused() -> None:
    with pytest.raises(UsageError, match="type Silent"):
        fingerprint("g", Silent(), 1)


def test_a_path_counts_by_its_text() -> None:
    assert fingerprint("g", {"file": Path("a/b")}, 1)["context.file"] == "a/b"


def test_a_knob_of_a_later_version_counts_where_it_is_given() -> None:
    class Later(BaseModel):
        old: int = 1
        new: Annotated[int, Field(json_schema_extra={"fingerprint": "given"})] = 2

    assert fingerprint("g", Later(), 1) == {"graph": "g", "samples": 1, "context.old": 1}
    assert fingerprint("g", Later(new=3), 1)["context.new"] == 3
