"""The chat completions format: what is sent, and what is read from an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.agents.models.chat_wire import Dialect, from_body, split_evenly, to_body
from dikast.agents.models.request import Message, Request, Sampling, Structured
from dikast.errors import ModelError, UsageError
from dikast.http.pauses import LONGEST_PAUSE_SECONDS, pause_before, seconds_of

MESSAGES = (Message(role="system", content="Be brief."), Message(role="user", content="Hello \u00e9\ud800"))
WHERE = "http://host/v1"


def body_of(request: Request, dialect: Dialect = "any") -> dict[str, Any]:
    return json.loads(to_body(request, "M", dialect))


def test_only_what_was_asked_for_is_sent_since_servers_refuse_the_rest() -> None:
    # TGI #2222 refuses top_p 1.0; LiteLLM refuses Claude's temperature beside a top_p.
    assert body_of(Request(MESSAGES, Sampling())) == {
        "model": "M",
        "messages": list(MESSAGES),
        "max_tokens": 512,
        "temperature": 0.0,
    }


def test_vllm_dialect_sends_every_decoding_parameter_since_vllm_fills_in_the_models_own() -> None:
    assert body_of(Request(MESSAGES, Sampling()), "vllm") == {
        "model": "M",
        "messages": list(MESSAGES),
        "max_tokens": 512,
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": -1,
        "repetition_penalty": 1.0,
    }


def test_what_is_asked_for_is_sent() -> None:
    sampling = Sampling(temperature=0.7, top_k=5, repetition_penalty=1.1, seed=3, stop=("a", "b"))
    body = body_of(Request(MESSAGES, sampling, Structured(choice=("x", "y")), n=2, logprobs=0))
    assert body["stop"] == ["a", "b"]
    assert (body["top_k"], body["repetition_penalty"], body["seed"], body["n"]) == (5, 1.1, 3, 2)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 0)
    assert body["structured_outputs"] == {"choice": ["x", "y"]}


@pytest.mark.parametrize("omitted", ["temperature", "top_k", "seed", "max_tokens"])
def test_what_is_omitted_is_not_sent(omitted: str) -> None:
    request = Request(MESSAGES, Sampling(top_k=3, seed=1))
    whole = body_of(request)
    assert omitted in whole
    del whole[omitted]
    assert json.loads(to_body(request, "M", omitted=(omitted,))) == whole


def test_openai_dialect_takes_what_it_cannot_say_where_that_is_omitted() -> None:
    body = json.loads(to_body(Request(MESSAGES, Sampling(top_k=3)), "M", "openai", omitted=("top_k",)))
    assert "top_k" not in body


@pytest.mark.parametrize("dialect", ["any", "vllm", "openai"])
def test_json_schema_goes_where_every_server_looks_for_it(dialect: Dialect) -> None:
    schema = {"type": "object"}
    body = body_of(Request(MESSAGES, Sampling(), Structured(json_schema=schema)), dialect)
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert "structured_outputs" not in body


def test_openai_dialect_sends_nothing_of_vllms() -> None:
    assert not {"top_k", "repetition_penalty"} & body_of(Request(MESSAGES, Sampling()), "openai").keys()


@pytest.mark.parametrize(
    ("sampling", "structured"),
    [(Sampling(top_k=3), None), (Sampling(repetition_penalty=1.2), None), (Sampling(), Structured(regex="a+"))],
)
def test_openai_dialect_refuses_what_it_cannot_say(sampling: Sampling, structured: Structured | None) -> None:
    with pytest.raises(UsageError, match="OpenAI's own API"):
        to_body(Request(MESSAGES, sampling, structured), "M", "openai")


def answer(*choices: dict[str, Any], **usage: Any) -> bytes:
    return json.dumps({"choices": choices, "usage": usage or None}).encode()


def said(text: str | None, index: int = 0, **more: str) -> dict[str, Any]:
    return {"index": index, "message": {"content": text, **more}, "finish_reason": "stop"}


def test_replies_come_in_order_with_their_share_of_the_usage() -> None:
    request = Request(MESSAGES, Sampling(), n=3)
    content = answer(said("c", 2), said("a", 0), said("b", 1), prompt_tokens=5, completion_tokens=8)
    replies = from_body(content, request, WHERE)
    assert [reply.text for reply in replies] == ["a", "b", "c"]
    assert [reply.output_tokens for reply in replies] == [3, 3, 2]
    assert {reply.input_tokens for reply in replies} == {5}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_under_both_its_names(name: str) -> None:
    [reply] = from_body(answer(said(None, 0, **{name: "because"})), Request(MESSAGES, Sampling()), WHERE)
    assert (reply.text, reply.reasoning) == ("", "because")


def test_refusal_and_token_details_are_kept() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2}}
    content = answer(said(None, refusal="I will not"), prompt_tokens=9, completion_tokens=3, **details)
    [reply] = from_body(content, Request(MESSAGES, Sampling()), WHERE)
    assert (reply.refusal, reply.prefix_cached_tokens, reply.reasoning_tokens) == ("I will not", 4, 2)


def test_logprobs_that_were_asked_for_and_are_missing_are_an_error() -> None:
    with pytest.raises(ModelError, match="log-probabilities"):
        from_body(answer(said("x")), Request(MESSAGES, Sampling(), logprobs=0), WHERE)


def test_a_logprob_that_is_no_number_is_an_error() -> None:
    choice = {**said("x"), "logprobs": {"content": [{"token": "x", "logprob": float("nan")}]}}
    with pytest.raises(ModelError, match="finite"):
        from_body(answer(choice), Request(MESSAGES, Sampling(), logprobs=0), WHERE)


def test_alternatives_of_no_probability_do_not_cost_the_reply() -> None:
    # SGLang and llama.cpp write -Infinity, or null, for a token that a grammar or top_k rules out.
    top = [{"token": "y", "logprob": float("-inf")}, {"token": "z", "logprob": None}, {"token": "w", "logprob": -2}]
    token = {"token": "x", "logprob": -0.5, "top_logprobs": top}
    choice = {**said("x"), "logprobs": {"content": [token]}}
    [reply] = from_body(answer(choice), Request(MESSAGES, Sampling(), logprobs=3), WHERE)
    assert reply.logprobs is not None
    assert reply.logprobs[0].top == (("y", -9999.0), ("w", -2.0))


def test_logprobs_that_nobody_asked_for_are_not_read() -> None:
    [reply] = from_body(answer({**said("x"), "logprobs": {"content": 5}}), Request(MESSAGES, Sampling()), WHERE)
    assert reply.logprobs is None


@pytest.mark.parametrize(
    ("counted", "tokens"),
    [(None, 0), (7.5, 8), (3.0, 3), ("many", 0), (-4, 0), (True, 0), (float("inf"), 0), (float("nan"), 0), ([1], 0)],
)
def test_odd_counts_do_not_cost_the_reply(counted: object, tokens: int) -> None:
    content = answer(said("x"), prompt_tokens=counted, completion_tokens=counted)
    [reply] = from_body(content, Request(MESSAGES, Sampling()), WHERE)
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("x", tokens, tokens)


@pytest.mark.parametrize("usage", [None, 5, [], "none", {"prompt_tokens_details": [], "completion_tokens_details": 3}])
def test_odd_usage_does_not_cost_the_reply(usage: object) -> None:
    content = json.dumps({"choices": [said("x")], "usage": usage}).encode()
    [reply] = from_body(content, Request(MESSAGES, Sampling()), WHERE)
    assert (reply.text, reply.input_tokens, reply.reasoning_tokens) == ("x", 0, 0)


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}


PARTS: list[tuple[Any, str, str]] = [
    ([THOUGHT, {"type": "text", "text": "alpha"}], "alpha", "hm"),
    ([{"type": "thinking", "thinking": "hm", "signature": "s"}, "al", {"text": "pha"}], "alpha", "hm"),
    ([{"type": "output_text", "text": "alpha"}, {"type": "image_url", "image_url": {}}], "alpha", ""),
    ({"type": "text", "text": "alpha"}, "alpha", ""),
    ([], "", ""),
    ([None, 5, {"type": "text", "text": None}], "", ""),
]


@pytest.mark.parametrize(("content", "text", "reasoning"), PARTS)
def test_content_in_parts_is_put_together(content: object, text: str, reasoning: str) -> None:
    # Mistral's and Anthropic's thinking models behind a gateway.
    choice = {"index": 0, "message": {"content": content}, "finish_reason": "stop"}
    [reply] = from_body(answer(choice), Request(MESSAGES, Sampling()), WHERE)
    assert (reply.text, reply.reasoning) == (text, reasoning)


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r'"a\ud83d b"', "a\ufffd b"),
        (r'"\ude00"', "\ufffd"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'["\ud83d", "\ude00"]', "\U0001f600"),
    ],
)
def test_half_surrogates_do_not_cost_the_reply(escaped: str, text: str) -> None:
    content = answer(said("X")).replace(b'"X"', escaped.encode())
    [reply] = from_body(content, Request(MESSAGES, Sampling()), WHERE)
    assert reply.text == text
    reply.text.encode()


def test_byte_order_mark_and_wrong_bytes_do_not_cost_the_reply() -> None:
    content = b"\xef\xbb\xbf" + answer(said("X")).replace(b'"X"', b'"a\xffb"')
    [reply] = from_body(content, Request(MESSAGES, Sampling()), WHERE)
    assert reply.text == "a\ufffdb"


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("eos_token", "stop"),
        ("end_turn", "stop"),
        ("MAX_TOKENS", "length"),
        (None, "unknown"),
        ("odd", "odd"),
    ],
)
def test_finish_reasons_have_one_vocabulary(word: str | None, ours: str) -> None:
    [reply] = from_body(answer({**said("x"), "finish_reason": word}), Request(MESSAGES, Sampling()), WHERE)
    assert reply.finish_reason == ours


def test_a_server_that_ignores_the_choice_is_caught() -> None:
    request = Request(MESSAGES, Sampling(), Structured(choice=("yes", "no")))
    with pytest.raises(ModelError, match="none of the choices"):
        from_body(answer(said("Well, it depends")), request, WHERE)


def test_a_server_that_ignores_n_is_caught() -> None:
    with pytest.raises(ModelError, match="asked for 2 replies, got 1"):
        from_body(answer(said("x")), Request(MESSAGES, Sampling(), n=2), WHERE)


@given(st.integers(0, 10**6), st.integers(1, 100))
def test_shares_add_up(total: int, n: int) -> None:
    shares = [split_evenly(total, n, place) for place in range(n)]
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage", "logprobs", "index"]), inner)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_answer_breaks_the_reader(content: bytes) -> None:
    try:
        replies = from_body(content, Request(MESSAGES, Sampling()), WHERE)
    except ModelError:
        return
    assert len(replies) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(header: str, seconds: float | None) -> None:
    assert seconds_of(header) == seconds


def test_retry_after_date_in_the_future_is_waited_for_up_to_the_cap() -> None:
    assert pause_before(1, "Wed, 21 Oct 2999 07:28:00 GMT") == LONGEST_PAUSE_SECONDS


@given(
    st.text() | st.from_regex(r"\A[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,9} \d\d:\d\d:\d\d GMT\Z"),
    st.integers(1, 50),
)
def test_no_retry_after_breaks_or_stops_the_client(header: str, attempt: int) -> None:
    assert 0 <= pause_before(attempt, header) <= LONGEST_PAUSE_SECONDS
