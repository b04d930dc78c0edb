"""The `server` engine against a server that fails in every way that servers do."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import zlib
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
from dikast.http import answers, endpoints
from dikast.http import pauses as waiting
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
    [
        *(status(code) for code in (408, 409, 425, 429, 500, 502, 503, 504, 524, 529)),
        *(HANG_UP, HALF_AN_ANSWER),
        *(
            says(content)
            for content in (b"<html>gateway</html>", b"", b'{"choices": [{"mess', b'{"choices": null}', b"[]")
        ),
        *(says(content) for content in (b'{"error": "no"}', b'{"error": {"message": "upstream", "code": 502}}')),
        says(b'data: {"choices": [{"delta": {"content": "hi"}}]}\n\ndata: [DONE]\n\n'),
        says(b'{"choices": [{"message": {"content": "x"}, "finish_reason": "abort"}]}'),
    ],
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
    assert pauses[:2] == [7.0, waiting.LONGEST_PAUSE_SECONDS]
    assert 0 < pauses[2] <= waiting.BACKOFF_SECONDS * 4


async def test_pauses_grow_with_jitter(server: Loopback) -> None:
    pauses: list[float] = []
    server.faults += [status(500)] * 5
    await say(model_at(server, pauses=pauses))
    bounds = [waiting.BACKOFF_SECONDS * 2**attempt for attempt in range(5)]
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))


@pytest.mark.parametrize("status_code", [400, 401, 403, 404, 422, 501])
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


async def test_closed_port_is_told_at_once_and_where() -> None:
    pauses: list[float] = []
    port = free_port()
    with pytest.raises(ModelUnavailable, match=rf"127\.0\.0\.1:{port}.*1 attempt\)"):
        await say(model_of(f"server:http://127.0.0.1:{port}/v1#{ECHO}", pauses))
    assert pauses == []


async def test_closed_ports_are_all_tried_before_it_is_told() -> None:
    pauses: list[float] = []
    one, other = free_port(), free_port()
    with pytest.raises(ModelUnavailable, match="2 attempts"):
        await say(model_of(f"server:http://127.0.0.1:{one}/v1,http://127.0.0.1:{other}/v1#{ECHO}", pauses))
    assert pauses == []


async def test_a_server_that_was_there_is_waited_for() -> None:
    pauses: list[float] = []
    with Loopback() as server:
        model = model_at(server, "?retries=2", pauses)
        await say(model)
    with pytest.raises(ModelUnavailable, match="3 attempts"):
        await say(model)
    assert len(pauses) == 2


# Answers that are none


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<html>gateway</html>", "<html>gateway</html>.*a web page"),
        (b"", "nothing|''"),
        (b"[]", "not a chat completion"),
        (b'{"choices": null}', "choices: none"),
        (b'{"choices": []}', "choices: none"),
        (b'{"choices": ["x"]}', r"choices\.0\.message"),
        (b'{"choices": [{"message": null}]}', r"choices\.0\.message"),
        (b'{"choices": [{"message": {"content": 5}}]}', r"choices\.0\.message\.content"),
        (b'{"choices": [{"message": {"content": "x"}, "finish_reason": "abort"}]}', "broke the reply off"),
        (b'{"error": "Unexpected endpoint or method. (POST /chat/completions)"}', "end in /v1"),
        (b'{"error": {"message": "Provider returned error", "code": 502}}', "HTTP 502: Provider"),
        (b"[" * 100_000, "not a chat completion"),
    ],
)
async def test_garbage_is_asked_again_within_the_bound_and_shown(server: Loopback, content: bytes, told: str) -> None:
    server.faults += [says(content)] * 9
    with pytest.raises(ModelError, match=told) as caught:
        await say(model_at(server, "?retries=1"))
    assert len(server.bodies) == 2
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"error": {"message": "Incorrect key", "code": 401}}', "HTTP 401"),
        (b'{"error": {"message": "the context length is 4096 tokens", "code": 400}}', "shorten the prompt"),
        (b'{"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}', "asked for 1 replies, got 2"),
    ],
)
async def test_a_200_that_would_be_the_same_again_is_asked_once(server: Loopback, content: bytes, told: str) -> None:
    server.faults += [says(content)] * 9
    with pytest.raises(ModelError, match=told):
        await say(model_at(server))
    assert len(server.bodies) == 1


def packed(body: bytes, encoding: str) -> Fault:
    async def fault(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    return fault


COMPLETION = json.dumps({"choices": [{"message": {"content": "x"}}]}).encode()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(gzip.compress(COMPLETION, mtime=0), "gzip"), (zlib.compress(COMPLETION), "deflate")],
    ids=["gzip", "deflate"],
)
async def test_packed_reply_is_unpacked(server: Loopback, body: bytes, encoding: str) -> None:
    server.faults.append(packed(body, encoding))
    assert (await say(model_at(server))).text == "x"


async def test_packed_reply_is_unpacked_up_to_a_bound(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST_BODY_BYTES", 2**20)
    server.faults.append(packed(gzip.compress(b" " * 2**24), "gzip"))
    with pytest.raises(ModelError, match="larger than 1 MiB"):
        await say(model_at(server))


async def test_what_is_no_http_is_a_model_error(server: Loopback) -> None:
    server.faults += [raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")] * 9
    with pytest.raises(ModelError):
        await say(model_at(server))


async def test_endless_reply_is_cut_off(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST_BODY_BYTES", 2**20)
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
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1900 `inputs` tokens",
            400,
        ),
        ("Input validation error: `inputs` must have less than 1024 tokens. Given: 2000", 400),
        ("litellm.ContextWindowExceededError: no", 400),
        ("prompt is too long: 210000 tokens > 200000 maximum", 400),
        ("Input is too long for requested model.", 400),
        ("The input token count (40000) exceeds the maximum number of tokens allowed (32768).", 400),
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
    model = model_at(server, "?retries=0")
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
    monkeypatch.setattr(endpoints, "monotonic", lambda: clock)
    pauses: list[float] = []
    with Loopback() as one, Loopback() as other:
        model = model_of(f"server:{one.url},{other.url}#{ECHO}", pauses)
        one.faults += [status(503)]
        for i in range(10):
            await say(model, f"row {i}")
        assert len(one.bodies) == 1
        assert len(other.bodies) == 10
        clock += waiting.BACKOFF_SECONDS
        await asyncio.gather(*(say(model, f"row {i}") for i in range(10)))
        assert len(one.bodies) > 1
        assert pauses == []


async def test_a_server_that_is_back_is_probed_by_one_request_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(endpoints, "monotonic", lambda: clock)
    with Loopback() as one, Loopback(0.005) as other:
        model = model_of(f"server:{one.url},{other.url}#{ECHO}?timeout=1.5")
        one.faults += [status(503), *[silence] * 10]
        await say(model)
        clock += waiting.BACKOFF_SECONDS
        replies = await asyncio.gather(*(say(model, f"row {i}") for i in range(10)))
        assert len(replies) == 10
        assert len(one.bodies) == 2


SICK = {
    "400": status(400, "bad"),
    "401": status(401, "Incorrect API key"),
    "404": status(404, "no such model"),
    "quota": status(429, "You exceeded your current quota", "insufficient_quota"),
    "501": status(501),
    "500": status(500, "CUDA error: device-side assert"),
    "html": says(b"<html>Open WebUI</html>"),
    "choiceless": says(b'{"choices": []}'),
    "not-http": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "silence": silence,
}


@pytest.mark.parametrize("how", SICK)
async def test_a_sick_server_costs_no_row(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    # litellm #37622: an address that fails at once looks idle, and swallowed 174 of 200 rows.
    monkeypatch.setattr(endpoints, "monotonic", lambda: 1000.0)
    with Loopback() as sick, Loopback(0.001) as well:
        sick.faults += [SICK[how]] * 99
        model = model_of(f"server:{sick.url},{well.url}#{ECHO}?timeout=1.5")
        for i in range(3):
            replies = await asyncio.gather(*(say(model, f"row {i}/{j}") for j in range(16)))
            assert all(reply.text for reply in replies)
        assert len(sick.bodies) <= 16
        assert len(well.bodies) == 48


async def test_two_sick_servers_of_three_cost_no_row() -> None:
    with Loopback() as one, Loopback() as other, Loopback() as well:
        one.faults += [status(404)] * 99
        other.faults += [status(404)] * 99
        model = model_of(f"server:{one.url},{other.url},{well.url}#{ECHO}")
        replies = await asyncio.gather(*(say(model, f"row {i}") for i in range(30)))
        assert all(reply.text for reply in replies)


async def test_a_request_that_all_servers_refuse_makes_none_of_them_sick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "monotonic", lambda: 1000.0)
    with Loopback() as one, Loopback() as other:
        model = model_of(f"server:{one.url},{other.url}#{ECHO}")
        await asyncio.gather(*(say(model, f"row {i}") for i in range(10)))
        before = len(one.bodies), len(other.bodies)
        for i in range(6):
            with pytest.raises(ModelContextOverflow):
                await say(model, f"{i} " + "word " * 3000)
        assert (len(one.bodies), len(other.bodies)) == (before[0] + 6, before[1] + 6)
        await asyncio.gather(*(say(model, f"more {i}") for i in range(10)))
        assert min(len(one.bodies) - before[0], len(other.bodies) - before[1]) > 6


async def test_a_server_that_is_mended_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(endpoints, "monotonic", lambda: clock)
    with Loopback() as one, Loopback() as other:
        one.faults += [status(401)] * 2
        model = model_of(f"server:{one.url},{other.url}#{ECHO}")
        asked: list[int] = []
        for _ in range(3):
            await asyncio.gather(*(say(model, f"row {i}") for i in range(4)))
            asked.append(len(one.bodies))
            clock += waiting.LONGEST_PAUSE_SECONDS
        assert asked[0] == 2
        assert asked[2] > 4


async def test_without_retries_a_sick_server_is_found_out_by_what_its_peer_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoints, "monotonic", lambda: 1000.0)
    with Loopback() as sick, Loopback() as well:
        sick.faults += [status(400)] * 99
        model = model_of(f"server:{sick.url},{well.url}#{ECHO}?retries=0")
        outcomes = [
            await asyncio.gather(say(model, f"a {i}"), say(model, f"b {i}"), return_exceptions=True) for i in range(20)
        ]
        lost = sum(isinstance(outcome, ModelError) for pair in outcomes for outcome in pair)
        assert lost == len(sick.bodies) == endpoints.DOUBTS


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


def test_only_known_fields_can_be_omitted() -> None:
    with pytest.raises(UsageError, match="'messages' is not one of max_tokens, temperature"):
        load_model("server:http://a/v1#M?omit=seed,messages")


def test_what_is_left_out_is_in_the_fingerprint() -> None:
    plain, omitting = (load_model(f"server:http://a/v1#M{rest}") for rest in ("", "?omit=seed,temperature"))
    assert omitting.fingerprint() == {**plain.fingerprint(), "omit": ["seed", "temperature"]}


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
