from __future__ import annotations

from typing import Annotated, Protocol, runtime_checkable

import pytest
from pydantic import BaseModel, ValidationError

from dikast.errors import DataError, DikastError, MissingExtraError, UsageError
from dikast.records import Outcome, Usage
from dikast.wire import CONTEXT, Spec, check, spec_of


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


def test_usage_adds_up() -> None:
    one = Usage(calls=1, input_tokens=5, seconds=0.5)
    assert one + Usage(calls=2, output_tokens=3) == Usage(calls=3, input_tokens=5, output_tokens=3, seconds=0.5)
    assert one.as_dict() == {"calls": 1, "input_tokens": 5, "seconds": 0.5}


def test_which_outcomes_another_attempt_may_mend() -> None:
    assert {outcome for outcome in Outcome if outcome.failed} == {Outcome.TIMEOUT, Outcome.LIMIT, Outcome.ERROR}


def test_errors_say_where_and_what_to_do() -> None:
    error = DataError("five fields", path="qrels.txt", line=3, field="grade", hint="write four")
    assert str(error) == "qrels.txt:3: field 'grade': five fields (write four)"
    assert str(MissingExtraError("pyarrow", extra="data")) == "pyarrow is not installed (pip install 'dikast[data]')"
    assert {DikastError.exit_code, UsageError.exit_code, MissingExtraError.exit_code} == {1, 2, 4}


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
