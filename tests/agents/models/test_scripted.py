"""The `scripted` engine: what a spec may name, and how text becomes a reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.agents.models.load import load_model
from dikast.agents.models.request import Message, Reply, Request, Sampling, TokenLogprob
from dikast.agents.models.scripted import ScriptedModel, bound_text, scripted
from dikast.errors import ModelTimeout, UsageError
from dikast.wire import spec_of


def request(sampling: Sampling | None = None, n: int = 1, logprobs: int | None = None) -> Request:
    messages = (Message(role="system", content="one two"), Message(role="user", content="three"))
    return Request(messages, sampling or Sampling(), None, n, logprobs)


@scripted
def parrot(request: Request) -> str:
    return request.messages[-1]["content"]


def unmarked(request: Request) -> str:
    raise AssertionError("a spec called a function that nobody marked")


async def test_function_is_the_model() -> None:
    assert await ScriptedModel(parrot).complete(request()) == [Reply("three", "stop", 3, 1)]


async def test_second_argument_is_the_samples_index() -> None:
    def take(request: Request, sample: int) -> str:
        return f"take {sample}"

    assert [reply.text for reply in await ScriptedModel(take).complete(request(n=3))] == ["take 0", "take 1", "take 2"]


async def test_async_function_is_awaited() -> None:
    async def speak(request: Request) -> str:
        return "later"

    [reply] = await ScriptedModel(speak).complete(request())
    assert reply.text == "later"


async def test_reply_of_the_function_is_left_as_it_is() -> None:
    made = Reply("x", "content_filter", 9, 8, reasoning="y", logprobs=(TokenLogprob("x", -1.0),))

    def speak(request: Request) -> Reply:
        return made

    assert await ScriptedModel(speak).complete(request(Sampling(max_tokens=1), logprobs=0)) == [made]


async def test_model_error_of_the_function_passes_through() -> None:
    def fail(request: Request) -> str:
        raise ModelTimeout("no reply")

    with pytest.raises(ModelTimeout):
        await ScriptedModel(fail).ainvoke("hello")


async def test_missing_logprobs_are_refused() -> None:
    with pytest.raises(UsageError, match="log-probabilities"):
        await ScriptedModel(parrot).complete(request(logprobs=0))


@pytest.mark.parametrize(
    ("sampling", "text", "finish_reason"),
    [
        (Sampling(max_tokens=2), "a  b", "length"),
        (Sampling(max_tokens=3), "a  b\nc ", "stop"),
        (Sampling(stop=("b",)), "a  ", "stop"),
        (Sampling(stop=("c", "b")), "a  ", "stop"),
        (Sampling(stop=("c",), max_tokens=1), "a", "length"),
        (Sampling(stop=("z",)), "a  b\nc ", "stop"),
    ],
)
def test_text_ends_at_stop_strings_and_max_tokens(sampling: Sampling, text: str, finish_reason: str) -> None:
    assert bound_text("a  b\nc ", sampling) == (text, finish_reason)


@given(st.text(alphabet="ab \n"), st.lists(st.text(alphabet="ab", min_size=1), max_size=3), st.integers(1, 6))
def test_bounds_hold_for_any_text(text: str, stops: list[str], max_tokens: int) -> None:
    kept, finish_reason = bound_text(text, Sampling(max_tokens=max_tokens, stop=tuple(stops)))
    assert text.startswith(kept)
    assert not any(stop in kept for stop in stops)
    assert len(kept.split()) == max_tokens if finish_reason == "length" else len(kept.split()) <= max_tokens


def test_spec_names_a_marked_function() -> None:
    spec = f"scripted:{__name__}:parrot"
    model = load_model(spec + "?max_tokens=1")
    assert model.invoke("polly wants").content == "polly"
    assert spec_of(ScriptedModel(parrot)) == spec


def test_function_without_a_mark_gets_a_name_that_no_loader_takes() -> None:
    with pytest.raises(UsageError):
        load_model(spec_of(ScriptedModel(unmarked)))


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        (f"{__name__}:unmarked", "not marked with @scripted"),
        (f"{__name__}:pytest", "not marked with @scripted"),
        ("os:system", "not marked with @scripted"),
        (f"{__name__}:parrot.function", "has no"),
        (f"{__name__}:nobody", "has no"),
        ("no_such_module_anywhere:parrot", "cannot import"),
        ("..:parrot", "cannot import"),
        ("parrot", "package.module:name"),
        (":parrot", "package.module:name"),
        (f"{__name__}:parrot?speed=3", "no option is called 'speed'"),
    ],
)
def test_other_specs_are_refused(rest: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_model(f"scripted:{rest}")
