"""The `server` engine against a server that fails in every way that servers do."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import Iterator

import pytest
from aiohttp import web

from dikast.agents.models.load import load_model
from dikast.agents.models.request import Message, Reply, Request, Sampling
from dikast.agents.models.server import ServerModel
from dikast.errors import (
    ModelContextOverflow,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    UsageError,
)
from dikast.http import transport
from dikast.http.throttle import on_throttle
from tests.loopback import ECHO, HALF_AN_ANSWER, HANG_UP, Fault, Loopback, raw, says, silence, status

SECRET = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIKAST_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def model_of(spec: str, pauses: list[float] | None = None) -> ServerModel:
    """The spec's model; its pauses are noted down instead of being waited for."""
    model = load_model(spec)
    assert isinstance(model, ServerModel)
    noted = [] if pauses is None else pauses

    async def sleep(seconds: float) -> None:
        noted.append(seconds)

    model._transport.sleep = sleep
    return model


def model_at(server: Loopback, options: str = "", pauses: list[float] | None = None) -> ServerModel:
    return model_of(f"server:{server.url}#{ECHO}{options}", pauses)


def request(prompt: str = "hello there", max_tokens: int = 20) -> Request:
    return Request((Message(role="user", content=prompt),), Sampling(max_tokens=max_tokens))


async def say(model: ServerModel, prompt: str = "hello there", max_tokens: int = 20) -> Reply:
    [reply] = await model.complete(request(prompt, max_tokens))
    return reply


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


# What passes is tried again


@pytest.mark.parametrize(
    "fault",
    [status(429), status(500), status(502), status(503), status(504), HANG_UP, HALF_AN_ANSWER],
    ids=["429", "500", "502", "503", "504", "hang-up", "half"],
)
async def test_passing_failure_is_tried_again(server: Loopback, fault: Fault) -> None:
    server.faults += [fault, fault]
    assert (await say(model_at(server))).text
    assert len(server.bodies) == 3


async def test_attempts_are_bounded_and_the_last_answer_is_told(server: Loopback) -> None:
    server.faults += [status(500, "out of memory")] * 9
    with pytest.raises(ModelError, match="HTTP 500: out of memory") as caught:
        await say(model_at(server, "?retries=2"))
    assert caught.value.status == 500
    assert len(server.bodies) == 3


async def test_retry_after_is_honoured_and_capped(server: Loopback) -> None:
    pauses: list[float] = []
    server.faults += [status(429, retry_after="7"), status(429, retry_after="100000"), status(503)]
    await say(model_at(server, pauses=pauses))
    assert pauses[:2] == [7.0, transport.LONGEST_PAUSE_SECONDS]
    assert 0 < pauses[2] <= transport.BACKOFF_SECONDS * 4


async def test_pauses_grow_with_jitter(server: Loopback) -> None:
    pauses: list[float] = []
    server.faults += [status(500)] * 5
    await say(model_at(server, pauses=pauses))
    bounds = [transport.BACKOFF_SECONDS * 2**attempt for attempt in range(5)]
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))


@pytest.mark.parametrize("status_code", [400, 401, 403, 404, 408, 409, 422, 501])
async def test_what_does_not_pass_is_asked_once(server: Loopback, status_code: int) -> None:
    server.faults += [status(status_code)] * 2
    with pytest.raises(ModelError) as caught:
        await say(model_at(server))
    assert caught.value.status == status_code
    assert len(server.bodies) == 1


async def test_an_empty_account_is_not_asked_again(server: Loopback) -> None:
    server.faults += [status(429, "You exceeded your current quota", "insufficient_quota")] * 2
    with pytest.raises(ModelError, match="no credit"):
        await say(model_at(server))
    assert len(server.bodies) == 1


async def test_throttling_is_reported_to_the_job(server: Loopback) -> None:
    reports: list[None] = []
    token = on_throttle.set(lambda: reports.append(None))
    server.faults += [status(429), status(500), status(503)]
    await say(model_at(server))
    on_throttle.reset(token)
    assert len(reports) == 2


async def test_silence_ends_in_a_timeout_and_one_attempt(server: Loopback) -> None:
    server.faults.append(silence)
    with pytest.raises(ModelTimeout, match=r"no reply within 0\.5 s"):
        async with asyncio.timeout(5):
            await say(model_at(server, "?timeout=0.5"))
    assert len(server.bodies) == 1
    async with asyncio.timeout(5):
        while server.in_flight:
            await asyncio.sleep(0.001)
    assert server.aborted == 1


async def test_refused_connection_says_where_and_how_often() -> None:
    pauses: list[float] = []
    port = free_port()
    with pytest.raises(ModelUnavailable, match=rf"127\.0\.0\.1:{port}.*3 attempts"):
        await say(model_of(f"server:http://127.0.0.1:{port}/v1#{ECHO}?retries=2", pauses))
    assert len(pauses) == 2


# Answers that are none


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<html>gateway</html>", "<html>gateway</html>"),
        (b"", "nothing|''"),
        (b"[]", "not a chat completion"),
        (b'{"choices": null}', "choices: Input should be a valid array"),
        (b'{"choices": []}', "asked for 1 replies, got 0"),
        (b'{"choices": [{"message": null}]}', r"choices\.0\.message"),
        (b'{"choices": [{"message": {"content": 5}}]}', r"choices\.0\.message\.content"),
        (b'{"choices": [{"message": {"content": ["x"]}}]}', r"choices\.0\.message\.content"),
        (b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "many"}}', "usage.prompt_tokens"),
        (b'{"choices": [{"message": {"content": "\xff"}}]}', "not a chat completion"),
        (b'{"choices": [{"message": {"content": "\\ud800"}}]}', "not a chat completion"),
        (b'{"choices": [{"message": {"content": "x"}, "finish_reason": "abort"}]}', "broke the reply off"),
        (b"[" * 100_000, "not a chat completion"),
    ],
)
async def test_garbage_is_shown_and_not_asked_again(server: Loopback, content: bytes, told: str) -> None:
    server.faults += [says(content)] * 2
    with pytest.raises(ModelError, match=told) as caught:
        await say(model_at(server))
    assert len(server.bodies) == 1
    assert len(str(caught.value)) < 600


async def test_packed_reply_is_not_unpacked(server: Loopback) -> None:
    async def packed(request: web.Request) -> web.StreamResponse:
        body = gzip.compress(json.dumps({"choices": [{"message": {"content": "x"}}]}).encode())
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    server.faults.append(packed)
    with pytest.raises(ModelError, match="not a chat completion"):
        await say(model_at(server))


async def test_what_is_no_http_is_a_model_error(server: Loopback) -> None:
    server.faults += [raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")] * 9
    with pytest.raises(ModelError):
        await say(model_at(server))


async def test_endless_reply_is_cut_off(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LARGEST_BODY_BYTES", 2**20)
    server.faults.append(says(b" " * 2**22))
    with pytest.raises(ModelError, match="larger than 1 MiB"):
        await say(model_at(server))
    assert (await say(model_at(server))).text


async def test_redirect_is_not_followed(server: Loopback) -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        response = await status(307)(request)
        response.headers["Location"] = server.url + "/chat/completions"
        return response

    server.faults.append(elsewhere)
    with pytest.raises(ModelUnavailable, match="redirects"):
        await say(model_at(server))
    assert len(server.bodies) == 1


# Errors in our words


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("This model's maximum context length is 4096 tokens. However, you requested 9000 tokens", 400),
        ("Your input exceeds the context window of this model.", "context_length_exceeded"),
        ("The decoder prompt (length 9000) is longer than the maximum model length of 4096.", 400),
        ("max_tokens must be at least 1, got -186.", 400),
        ("the request exceeds the available context size, try increasing it", "exceed_context_size_error"),
        ("The input (9000 tokens) is longer than the model's context length (4096 tokens).", 400),
    ],
)
async def test_overflow_is_recognised(server: Loopback, message: str, code: int | str) -> None:
    server.faults.append(status(400, message, code))
    with pytest.raises(ModelContextOverflow, match="shorten the prompt"):
        await say(model_at(server))


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("The response was filtered", "content_filter"),
        ("Your request was rejected as a result of our safety system.", "content_policy_violation"),
    ],
)
async def test_content_filter_is_a_refusal(server: Loopback, message: str, code: str) -> None:
    server.faults.append(status(400, message, code))
    with pytest.raises(ModelRefused):
        await say(model_at(server))


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
            "--tool-call-parser",
        ),
        ("default chat template is no longer allowed, so you must provide a chat template", "--chat-template FILE"),
        ("Unrecognized request argument supplied: top_k", "dialect=openai"),
    ],
)
async def test_servers_advice_is_put_in_plain_words(server: Loopback, message: str, remedy: str) -> None:
    server.faults.append(status(400, message))
    with pytest.raises(ModelError, match=remedy):
        await say(model_at(server))


@pytest.mark.parametrize(
    "content",
    [
        b'{"object": "error", "message": "flat words"}',
        b'{"detail": "flat words"}',
        b'{"error": "flat words"}',
        b"flat words",
    ],
)
async def test_every_form_of_error_is_read(server: Loopback, content: bytes) -> None:
    server.faults.append(says(content, 400))
    with pytest.raises(ModelError, match="HTTP 400: flat words"):
        await say(model_at(server))


async def test_wrong_model_lists_what_is_served(server: Loopback) -> None:
    with pytest.raises(ModelUnavailable, match="did you mean 'org/echo'") as caught:
        await say(model_of(f"server:{server.url}#org/ecko"))
    assert "org/thinker" in caught.value.hint


async def test_wrong_path_says_so(server: Loopback) -> None:
    with pytest.raises(ModelUnavailable, match="/v1"):
        await say(model_of(f"server:{server.url.removesuffix('/v1')}#{ECHO}"))


# Keys


@pytest.fixture
def locked() -> Iterator[Loopback]:
    with Loopback(key=SECRET) as loopback:
        yield loopback


@pytest.mark.parametrize("variable", ["DIKAST_API_KEY", "OPENAI_API_KEY", "MY_KEY"])
async def test_key_comes_from_the_environment(locked: Loopback, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, SECRET + "\n")
    model = model_at(locked, "?key_env=MY_KEY" if variable == "MY_KEY" else "")
    assert (await say(model)).text
    assert SECRET not in repr(model) + model.spec + json.dumps(model.fingerprint())


async def test_missing_key_names_the_variable(locked: Loopback) -> None:
    with pytest.raises(ModelUnavailable, match="DIKAST_API_KEY"):
        await say(model_at(locked))
    with pytest.raises(UsageError, match="MY_KEY"):
        await say(model_at(locked, "?key_env=MY_KEY"))


async def test_a_key_that_the_server_repeats_is_blotted_out(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    server.faults += [status(401, f"Incorrect API key provided: {SECRET}"), says(SECRET.encode())]
    model = model_at(server)
    with pytest.raises(ModelUnavailable, match="OPENAI_API_KEY") as refused:
        await say(model)
    with pytest.raises(ModelError) as garbled:
        await say(model)
    assert SECRET not in f"{refused.value}{garbled.value}"


async def test_a_key_with_a_line_break_inside_is_refused(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIKAST_API_KEY", f"{SECRET}\r\nX-Other: 1")
    with pytest.raises(UsageError, match="DIKAST_API_KEY") as caught:
        await say(model_at(server))
    assert SECRET not in str(caught.value)
    assert not server.bodies


# Several servers


async def test_load_goes_to_whoever_has_least_in_flight() -> None:
    with Loopback(0.005) as one, Loopback(0.005) as other:
        model = model_of(f"server:{one.url},{other.url}#{ECHO}")
        await asyncio.gather(*(say(model, f"row {i}") for i in range(40)))
        assert abs(len(one.bodies) - len(other.bodies)) <= 8


async def test_dead_server_is_avoided_then_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(transport, "monotonic", lambda: clock)
    pauses: list[float] = []
    with Loopback() as one, Loopback() as other:
        model = model_of(f"server:{one.url},{other.url}#{ECHO}", pauses)
        one.faults += [status(503)]
        for i in range(10):
            await say(model, f"row {i}")
        assert len(one.bodies) == 1
        assert len(other.bodies) == 10
        clock += transport.BACKOFF_SECONDS
        await asyncio.gather(*(say(model, f"row {i}") for i in range(10)))
        assert len(one.bodies) > 1
        assert pauses == []


async def test_a_server_that_is_back_is_probed_by_one_request_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(transport, "monotonic", lambda: clock)
    with Loopback() as one, Loopback(0.005) as other:
        model = model_of(f"server:{one.url},{other.url}#{ECHO}?timeout=1.5")
        one.faults += [status(503), *[silence] * 10]
        await say(model)
        clock += transport.BACKOFF_SECONDS
        outcomes = await asyncio.gather(*(say(model, f"row {i}") for i in range(10)), return_exceptions=True)
        assert sum(isinstance(outcome, ModelTimeout) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 9


async def test_refused_connection_goes_elsewhere_without_a_pause() -> None:
    pauses: list[float] = []
    with Loopback() as alive:
        model = model_of(f"server:http://127.0.0.1:{free_port()}/v1,{alive.url}#{ECHO}", pauses)
        replies = await asyncio.gather(*(say(model, f"row {i}") for i in range(20)))
        assert all(reply.text for reply in replies)
        assert pauses == []


# Connections


async def test_connections_are_kept_and_bounded(server: Loopback) -> None:
    model = model_at(server, "?connections=3")
    await asyncio.gather(*(say(model, f"row {i}") for i in range(30)))
    assert server.peak <= 3
    assert server.connections <= 3


async def test_waiting_for_a_turn_is_not_part_of_the_timeout() -> None:
    with Loopback(0.01) as slow:
        model = model_at(slow, "?connections=1&timeout=1.5")
        replies = await asyncio.gather(*(say(model, f"Count {i}", 20) for i in range(10)))
        assert all(reply.finish_reason == "length" for reply in replies)


async def test_closing_under_a_request_lets_it_finish_on_a_new_connection(server: Loopback) -> None:
    model = model_at(server)
    server.faults.append(silence)
    task = asyncio.create_task(say(model))
    async with asyncio.timeout(5):
        while not server.bodies:
            await asyncio.sleep(0.001)
    await model.aclose()
    assert (await task).text


async def test_large_request_goes_through(server: Loopback) -> None:
    with pytest.raises(ModelContextOverflow):
        await say(model_at(server), "word " * 300_000)


def test_forgotten_model_leaves_no_open_session(server: Loopback) -> None:
    async def forget() -> None:
        await say(model_at(server))

    for _ in range(2):
        asyncio.run(forget())


# Specs


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("http://localhost:8000/v1", "name the model after '#'"),
        ("localhost:8000/v1#M", "no address"),
        ("ftp://localhost/v1#M", "no address"),
        ("http://[::1/v1#M", "no address"),
        ("http://a/v1,#M", "no address"),
        ("http://a/v1#M?timeot=3", "did you mean 'timeout'"),
        ("http://a/v1#M?timeout=-1", "above 0"),
        ("http://a/v1#M?timeout=nan", "above 0"),
        ("http://a/v1#M?retries=many", "whole number"),
        ("http://a/v1#M?connections=0", "1 or more"),
        ("http://a/v1#M?dialect=french", "'vllm' or 'openai'"),
        ("http://a/v1#M?template=[]", "JSON object"),
        ("http://a/v1#M?temperature=9", "temperature"),
    ],
)
def test_wrong_spec_says_what_is_wrong(rest: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_model(f"server:{rest}")


@pytest.mark.parametrize("rest", [f"http://me:{SECRET}@a/v1#M", f"http://a/v1#M?api_key={SECRET}"])
def test_secret_in_a_spec_is_refused_and_not_shown(rest: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_model(f"server:{rest}")
    assert SECRET not in str(caught.value)


async def test_options_reach_the_server(server: Loopback) -> None:
    model = model_at(server, '?temperature=0.5&seed=3&max_tokens=9&template={"enable_thinking": false}')
    await model.ainvoke("hello")
    body = server.bodies[0]
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.5, 3, 9)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


# The check of `dikast models check`


async def test_check_tells_what_is_served_and_how_fast(server: Loopback) -> None:
    [check] = await model_at(server).check()
    assert check.error is None
    assert ECHO in check.served
    assert check.seconds > 0
    assert server.bodies[0]["max_tokens"] == 1


async def test_check_tells_each_address_apart(server: Loopback) -> None:
    dead, wrong = await model_of(f"server:http://127.0.0.1:{free_port()}/v1,{server.url}#org/ecko").check()
    assert isinstance(dead.error, ModelUnavailable)
    assert isinstance(wrong.error, ModelUnavailable)
    assert "did you mean 'org/echo'" in wrong.error.hint
