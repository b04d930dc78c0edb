"""Vendors' models: through langchain-openai over a server on loopback, and through the packages of other vendors where
they are installed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from dikast import jobs
from dikast.agents.ask import ask
from dikast.agents.foreign_calls import counting_foreign_calls
from dikast.agents.ledger import recording
from dikast.agents.models import foreign_arguments
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.invoke import invoke
from dikast.agents.models.limits import Limits
from dikast.agents.models.load import load_model
from dikast.agents.models.ready import check_ready, models_in
from dikast.agents.models.request import Message, MethodSampling, Request, Sampling, Structured
from dikast.agents.models.vendors import model as vendor_model
from dikast.agents.models.vendors import providers
from dikast.agents.models.vendors.model import VendorModel, is_openais
from dikast.agents.prompt import parse_prompt
from dikast.agents.solver import load_solver
from dikast.errors import (
    LimitReached,
    MissingExtraError,
    ModelContextOverflow,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    UsageError,
)
from dikast.graphs import genqr
from dikast.records import Outcome
from tests.agents.models.vendors.stubs import ANTHROPIC, BEDROCK, GOOGLE, OLLAMA, stub
from tests.jobs.graphs import graph_of, values
from tests.loopback import ECHO, Loopback, says, silence, status

KEY = "sk-verysecretkey0123456789"
PROMPT = (Message(role="user", content="hello there"),)
GREETING = parse_prompt("test/greeting", b"version: 1\nfields: name\n--- user\nhello {name}\n")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(foreign_arguments, "_unknown", {})


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(key=KEY) as loopback:
        yield loopback


def always(of: object) -> bool:
    return True


def never(of: object) -> None:
    return None


def openai(server: Loopback, options: str = "") -> VendorModel:
    model = load_model(f"openai:{ECHO}?base_url={server.url}{options}")
    assert isinstance(model, VendorModel)
    return model


def openai_of_its_own() -> VendorModel:
    model = load_model("openai:gpt-x")
    assert isinstance(model, VendorModel)
    return model


def request(**sampling: Any) -> Request:
    return Request(PROMPT, Sampling(**sampling))


async def test_a_reply_with_its_usage_and_how_it_ended(server: Loopback) -> None:
    model = openai(server)
    [reply] = await model.complete(Request(PROMPT, Sampling(max_tokens=3, temperature=0.5, seed=7, stop=("zzz",))))
    assert (reply.finish_reason, reply.input_tokens, reply.output_tokens, reply.prefix_cached_tokens) == (
        "length",
        2,
        3,
        1,
    )
    [body] = server.bodies
    sent = {name: body[name] for name in ("model", "temperature", "seed", "stop", "max_completion_tokens")}
    assert sent == {"model": ECHO, "temperature": 0.5, "seed": 7, "stop": ["zzz"], "max_completion_tokens": 3}


async def test_several_replies_differ_in_their_seeds(server: Loopback) -> None:
    replies = await openai(server).complete(Request(PROMPT, Sampling(temperature=1, seed=3), n=3))
    assert len({reply.text for reply in replies}) == 3
    assert sorted(body["seed"] for body in server.bodies) == [3, 4, 5]


async def test_a_form_and_log_probabilities(server: Loopback) -> None:
    schema = Structured(json_schema={"type": "object", "properties": {"a": {"type": "integer"}}})
    model = openai(server)
    [formed] = await model.complete(Request(PROMPT, Sampling(), schema))
    assert json.loads(formed.text) == {"a": 7}
    [told] = await model.complete(Request(PROMPT, Sampling(), logprobs=2))
    assert told.logprobs is not None
    assert [len(one.top) for one in told.logprobs] == [2] * len(told.text.split())
    with pytest.raises(UsageError, match="cannot be held to a choice"):
        await model.complete(Request(PROMPT, Sampling(), Structured(choice=("a", "b"))))


async def test_what_a_service_does_not_have_is_refused(server: Loopback) -> None:
    for wanted in (Request(PROMPT, Sampling(), tokens=True), Request(PROMPT, Sampling(), completion="x")):
        with pytest.raises(UsageError, match="cannot"):
            await openai(server).complete(wanted)
    assert server.bodies == []


async def test_what_openais_own_api_does_not_have_is_left_out_if_nobody_asked_for_it(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    solver = load_solver(openai(server))
    await solver.solve(GREETING, {"name": "you"}, sampling=genqr.PAPER_SAMPLING)
    assert (server.bodies[0]["top_k"], server.bodies[0]["top_p"]) == (200, 0.92)  # a server of one's own may have it
    assert is_openais(await VendorModel._opened(openai_of_its_own()))
    monkeypatch.setattr(vendor_model, "is_openais", always)
    await solver.solve(GREETING, {"name": "you"}, sampling=genqr.PAPER_SAMPLING)
    assert server.bodies[1].keys().isdisjoint({"top_k", "repetition_penalty"})
    assert isinstance(genqr.PAPER_SAMPLING, MethodSampling)
    with pytest.raises(UsageError, match="top_k"):
        await openai(server).complete(request(top_k=5))


async def test_parameters_that_are_to_be_left_out_are(server: Loopback) -> None:
    await invoke(openai(server, "&omit=temperature,top_p,seed"), Request(PROMPT, genqr.PAPER_SAMPLING))
    assert server.bodies[0].keys().isdisjoint({"temperature", "top_p", "seed"})


def test_one_model_is_asked_from_several_loops(server: Loopback) -> None:
    model = openai(server, "&retries=0")
    said = {asyncio.run(model.complete(request()))[0].text for _ in range(4)}
    said.add(str(model.invoke("hello there").content))
    assert len(said) == 1
    assert len(server.bodies) == 5


async def test_ask_books_a_call_once_and_keeps_its_reply(server: Loopback, tmp_path: Path) -> None:
    model, fields = openai(server), {"name": "you"}
    cache = RequestCache(tmp_path / "cache.sqlite")
    with recording(cache=cache, limits=Limits(calls=2)) as ledger, counting_foreign_calls():
        await ask(model, GREETING, fields, role="solver", sampling=Sampling())
        answer = await ask(model, GREETING, fields, role="solver", sampling=Sampling())
        assert answer.usage.cached_calls == 1
        await model.ainvoke("past ask")  # a call that a graph makes itself
        with pytest.raises(LimitReached):
            await ask(model, GREETING, {"name": "me"}, role="solver", sampling=Sampling())
    assert {role: usage.calls for role, usage in ledger.usage_by_role.items()} == {"solver": 1, ECHO: 1}
    assert len(server.bodies) == 2
    cache.close()


# What goes wrong


async def test_passing_failures_are_tried_again_and_lasting_ones_told(server: Loopback) -> None:
    server.faults += [status(429, retry_after="0.01"), status(500, retry_after="0.01")]
    assert (await openai(server, "&retries=2").complete(request()))[0].text
    server.faults += [status(429, retry_after="0.01")] * 2
    with pytest.raises(ModelError, match="HTTP 429"):
        await openai(server, "&retries=1").complete(request())
    assert len(server.bodies) == 5


async def test_each_failure_has_its_own_error(server: Loopback) -> None:
    model = openai(server, "&retries=0&timeout=0.2")
    server.faults.append(silence)
    with pytest.raises(ModelTimeout):
        await model.complete(request())
    with pytest.raises(ModelContextOverflow):
        await model.complete(request(max_tokens=9000))
    server.faults.append(status(400, "Unsupported value: 'temperature' does not support 0.0 with this model"))
    with pytest.raises(ModelError) as told:
        await model.complete(request())
    assert told.value.hint == "leave it out: ?omit=temperature"
    server.faults.append(says(b'{"choices": [{"message": {"role": "assistant", "refusal": "no"}}]}'))
    assert (await model.complete(request()))[0].refusal == "no"
    server.faults.append(says(b"<html></html>"))
    with pytest.raises(ModelError):
        await model.complete(request())
    with pytest.raises(ModelUnavailable) as absent:
        await load_model(f"openai:gpt-9?base_url={server.url}&retries=0").ainvoke("hello")
    assert "'gpt-9'" in absent.value.hint
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await load_model("openai:x?base_url=http://127.0.0.1:9/v1&retries=0").ainvoke("hello")


async def test_a_key_is_in_no_error_record_or_fingerprint(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "sk-wrongkeywrongkey987654"
    monkeypatch.setenv("TEAM_KEY", wrong)
    model = openai(server, "&key_env=TEAM_KEY&retries=0")

    async def node(value: int) -> str:
        return (await ask(model, GREETING, {"name": "you"}, role="solver", sampling=Sampling())).reply.text

    with pytest.raises(ModelUnavailable, match=r"HTTP 401.*\*\*\*") as told:
        await jobs.run(graph_of(node), values(2), {"solver": load_solver(model)}, tmp_path / "run")
    assert told.value.hint == "is the key in TEAM_KEY right?"
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    everything = f"{told.value} {model.fingerprint()} {model!r} {model.model_dump_json()}".encode() + written
    assert wrong.encode() not in everything
    assert b"org/echo" in written


@pytest.mark.parametrize(
    "option",
    ["api_key=sk-1", "openai_api_key=sk-1", "base_url=http://h/v1%3Fapi-key=sk-1", "base_url=http://me:sk-1@h/v1"],
)
def test_a_key_in_a_spec_is_refused_and_not_shown(option: str) -> None:
    with pytest.raises(UsageError, match=r"seems to hold a key|name or password") as told:
        load_model(f"openai:gpt-x?{option}")
    assert "sk-1" not in str(told.value)


def test_what_is_missing_is_told_before_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UsageError, match=r"openai: no API key: OPENAI_API_KEY is not set"):
        load_model("openai:gpt-x").ready()
    with pytest.raises(UsageError, match="NOWHERE, named by key_env, is not set"):
        load_model("openai:gpt-x?key_env=NOWHERE").ready()
    monkeypatch.setattr(providers, "find_spec", never)
    for scheme in ("openai", "anthropic", "ollama", "bedrock", "google"):
        with pytest.raises(MissingExtraError) as told:
            load_model(f"{scheme}:m").ready()
        assert told.value.hint == f"pip install 'dikast[{scheme}]'"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("openai:m?tempratur=1", "no option 'tempratur'"),
        ("openai:m?n=many", "cannot be opened: .*n"),
        ("langchain:nobody/m", "cannot be opened: .*nobody"),
        ("langchain:fireworks/m", "not installed .*pip install langchain-fireworks"),
    ],
)
def test_what_langchain_cannot_open_is_told_in_a_line(spec: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as told:
        load_model(spec).ready()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("spec", ["langchain:gpt-x", "langchain:/m", "langchain:openai/"])
def test_a_provider_and_a_model_have_to_be_named(spec: str) -> None:
    with pytest.raises(UsageError, match="write langchain:PROVIDER/MODEL"):
        load_model(spec)


async def test_a_job_looks_for_keys_before_it_makes_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")

    async def node(value: int) -> str:
        raise AssertionError("a row began")

    async def silent(value: int) -> str:
        return "asks nobody"

    context = {"panel": (load_solver("openai:gpt-x"),)}
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        await jobs.run(graph_of(node), values(1), context, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    await jobs.run(graph_of(silent), values(1), context, tmp_path / "run")
    monkeypatch.delenv("OPENAI_API_KEY")
    standing = await jobs.run(graph_of(silent), values(1), context, tmp_path / "run")
    assert standing.owed == 0  # a finished run is told of without a key


def test_models_are_found_wherever_actors_hold_them() -> None:
    one, other = load_model("openai:a"), load_model("openai:b")
    held = {"x": [load_solver(one), FakeListChatModel(responses=[])], "y": (other,), "z": "openai:c"}
    assert list(models_in(held)) == [one, other]
    check_ready(held)


def test_the_fingerprint_says_the_model_and_not_where_it_is(server: Loopback) -> None:
    short, long = openai(server, "&reasoning_effort=low"), load_model(f"langchain:openai/{ECHO}?reasoning_effort=low")
    assert short.fingerprint() == long.fingerprint()
    assert short.fingerprint()["options"] == {"reasoning_effort": "low"}
    assert short.fingerprint() != openai(server).fingerprint()
    assert "127.0.0.1" not in json.dumps(short.fingerprint())


def test_options_reach_langchains_class(server: Loopback) -> None:
    model = openai(server, '&timeout=7&retries=1&extra_body={"a": 1}&temperature=0.3')
    made: Any = asyncio.run(model._opened())
    assert (made.request_timeout, made.max_retries, made.extra_body) == (7.0, 1, {"a": 1})
    assert model.sampling.temperature == 0.3


# Other vendors' own packages, where they are installed


async def test_anthropics_package_over_a_stub(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("langchain_anthropic", reason="langchain-anthropic is not installed")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-anotherkey12345")
    with stub(ANTHROPIC) as (url, seen):
        model = load_model(f"anthropic:claude-x?base_url={url}&retries=0")
        [reply] = await model.complete(request(max_tokens=9, stop=("zz",)))
        assert (reply.text, reply.reasoning, reply.finish_reason) == ("well said", "hm", "length")
        assert (reply.input_tokens, reply.output_tokens) == (11, 4)
        assert (seen[0]["model"], seen[0]["max_tokens"], seen[0]["stop_sequences"]) == ("claude-x", 9, ["zz"])
        await invoke(model, Request(PROMPT, genqr.PAPER_SAMPLING, Structured(json_schema={"type": "object"})))
        assert seen[1]["top_k"] == 200
        assert seen[1]["output_config"]["format"]["type"] == "json_schema"
        with pytest.raises(UsageError, match="gives no log-probabilities"):
            await model.complete(Request(PROMPT, Sampling(), logprobs=0))
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        with pytest.raises(UsageError, match="ANTHROPIC_API_KEY is not set"):
            load_model("anthropic:claude-x").ready()


async def test_ollamas_package_over_a_stub() -> None:
    pytest.importorskip("langchain_ollama", reason="langchain-ollama is not installed")
    with stub(OLLAMA) as (url, seen):
        model = load_model(f"ollama:llama3.2:1b?base_url={url}&num_ctx=512&retries=1")
        [reply] = await model.complete(Request(PROMPT, Sampling(max_tokens=9, top_k=5, seed=3), logprobs=1))
        assert (reply.text, reply.finish_reason) == ("well said", "length")
        assert (reply.input_tokens, reply.output_tokens) == (11, 4)
        assert reply.logprobs is not None
        assert reply.logprobs[0].logprob == -0.25
        assert seen[0]["model"] == "llama3.2:1b"
        assert {name: seen[0]["options"][name] for name in ("num_predict", "num_ctx", "top_k", "seed")} == {
            "num_predict": 9,
            "num_ctx": 512,
            "top_k": 5,
            "seed": 3,
        }
        # its client has neither retries nor a time limit: those are ours
        stalled = load_model(f"ollama:silent?base_url={url}&timeout=0.1&retries=1")
        with pytest.raises(ModelTimeout):
            await stalled.complete(request())
        assert len(seen) == 3


async def test_bedrocks_package_over_a_stub(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("langchain_aws", reason="langchain-aws is not installed")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with stub(BEDROCK) as (url, seen):
        spec = f"bedrock:amazon.nova-x-v1:0?base_url={url}&retries=0&timeout=5.5"
        with pytest.raises(UsageError, match="You must specify a region"):
            load_model(spec).ready()
        with pytest.raises(ModelUnavailable, match="no credentials") as told:
            await load_model(f"{spec}&region_name=eu-west-1").complete(request())
        assert "AWS_PROFILE" in told.value.hint
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFAKEFAKEFAKE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secretsecretsecret")
        [reply] = await load_model(f"{spec}&region_name=eu-west-1").complete(request(max_tokens=9, stop=("zz",)))
        assert (reply.text, reply.finish_reason, reply.input_tokens) == ("well said", "length", 11)
        assert seen[0]["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.0, "stopSequences": ["zz"]}


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")
async def test_googles_package_over_a_stub(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("langchain_google_genai", reason="langchain-google-genai is not installed")
    monkeypatch.setenv("GOOGLE_API_KEY", "AIzaFAKEFAKEFAKEFAKE")
    with stub(GOOGLE) as (url, seen):
        model = load_model(f"google:gemini-x?base_url={url}&retries=0&timeout=5")
        [reply] = await model.complete(request(max_tokens=9, top_k=5, seed=3, stop=("zz",)))
        assert (reply.text, reply.finish_reason, reply.input_tokens) == ("well said", "length", 11)
        sent = seen[0]["generationConfig"]
        assert (sent["maxOutputTokens"], sent["topK"], sent["seed"], sent["stopSequences"]) == (9, 5, 3, ["zz"])


async def test_a_call_that_is_stopped_for_its_vendor_frees_the_callers_task(server: Loopback) -> None:
    server.faults.append(silence)
    task = asyncio.create_task(openai(server).complete(request()))
    while not server.in_flight:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while server.in_flight:
        await asyncio.sleep(0)
    assert server.aborted == 1


async def test_an_outcome_of_a_row_is_a_record(server: Loopback, tmp_path: Path) -> None:
    model = openai(server, "&retries=0")
    server.faults.append(says(b'{"choices": [{"finish_reason": "content_filter", "message": {"role": "assistant"}}]}'))
    with recording() as ledger:
        answer = await ask(model, GREETING, {"name": "you"}, role="solver", sampling=Sampling())
    assert answer.outcome is Outcome.FILTERED
    server.faults.append(
        says(b'{"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": ""}}]}')
    )
    with recording():
        answer = await ask(model, GREETING, {"name": "you"}, role="solver", sampling=Sampling())
    assert answer.outcome is Outcome.EMPTY
    assert ledger.calls[0].provenance.model == model.spec
