from __future__ import annotations

from typing import Annotated, NotRequired, Protocol, TypedDict, runtime_checkable

import pytest
from langgraph.errors import NodeError
from pydantic import BaseModel, ValidationError

from dikast.errors import ModelTimeout, UsageError
from dikast.wire import CONTEXT, Spec, check, check_input, raise_again, required, spec_of


@runtime_checkable
class Speaker(Protocol):
    def speak(self) -> str: ...


class Dog:
    def __init__(self, name: str) -> None:
        self.spec = f"dog:{name}"

    def speak(self) -> str:
        return self.spec


class Stray:
    def speak(self) -> str:
        return "woof"


def load(spec: str) -> Dog:
    if not spec.startswith("dog:"):
        raise UsageError(f"no speaker is called {spec!r}")
    return Dog(spec.removeprefix("dog:"))


class Context(BaseModel, frozen=True, extra="forbid"):
    speaker: Annotated[Speaker, Spec(load)]
    second: Annotated[Speaker, Spec(load)] | None = None
    panel: tuple[Annotated[Speaker, Spec(load)], ...] = ()


def test_an_actor_is_an_object_in_python_and_a_string_in_json() -> None:
    context = Context(speaker=Dog("rex"), panel=(Dog("a"), Dog("b")))
    told = context.model_dump_json()
    assert told == '{"speaker":"dog:rex","second":null,"panel":["dog:a","dog:b"]}'
    again = Context.model_validate_json(told)
    assert again.speaker.speak() == "dog:rex"
    assert again.model_dump_json() == told
    assert Context.model_json_schema()["properties"]["speaker"]["type"] == "string"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a Speaker: 7"):
        Context.model_validate({"speaker": 7})
    with pytest.raises(UsageError, match="cat:tom"):
        Context.model_validate({"speaker": "cat:tom"})


def test_an_object_without_a_spec_can_be_told_but_not_loaded() -> None:
    told = spec_of(Stray())
    assert told.startswith("python:")
    assert told.endswith(".Stray")
    with pytest.raises(UsageError):
        Context.model_validate({"speaker": told})


@pytest.mark.parametrize("context", [None, {"speaker": "dog:rex"}, 3])
def test_a_missing_or_foreign_context_is_told(context: object) -> None:
    with pytest.raises(TypeError, match=r"pass context=.*Context\(\.\.\.\); got"):
        check(context, Context)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_no_number_of_a_context_is_infinite_or_none(wrong: float) -> None:
    """`--weights nan,1` passed every bound: NaN is neither below the lowest nor above the highest."""

    class Context(BaseModel):
        model_config = CONTEXT
        k: float = 60
        weights: tuple[float, ...] = ()

    for given in ({"k": wrong}, {"weights": (1.0, wrong)}):
        with pytest.raises(ValidationError, match="finite number"):
            Context.model_validate(given)


def test_a_loader_may_be_named_and_is_imported_with_the_first_spec() -> None:
    assert spec_of(Spec(f"{__name__}:load").open("dog:rex")) == "dog:rex"
    with pytest.raises(ModuleNotFoundError):
        Spec("no_such_module:load").open("dog:rex")


def test_an_actor_prints_as_its_spec_or_as_its_class() -> None:
    assert spec_of(Dog("rex")) == "dog:rex"
    nameless = Dog("rex")
    nameless.spec = ""
    assert spec_of(nameless) == f"python:{__name__}.Dog"


class Given(TypedDict):
    query: str
    topic: str
    note: NotRequired[str]


def test_a_field_that_is_missing_from_the_input_is_told_with_all_that_are_needed() -> None:
    assert required(Given) == ("query", "topic")
    check_input({"query": "q", "topic": "t"}, Given)
    with pytest.raises(UsageError, match=r"the input lacks 'query', 'topic' \(it needs query, topic\)"):
        check_input({"note": "n"}, Given)
    with pytest.raises(UsageError, match=r"the input lacks 'topic' "):
        check_input({"query": "q"}, Given)


def test_what_a_handler_raises_again_is_a_copy_that_knows_the_first() -> None:
    first = ModelTimeout("no reply", hint="?timeout=")
    with pytest.raises(ModelTimeout) as raised:
        raise_again(NodeError("solve", first))
    assert raised.value is not first
    assert raised.value.__cause__ is first
    assert (raised.value.message, raised.value.hint) == ("no reply", "?timeout=")
