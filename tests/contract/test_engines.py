"""What every engine of dikast promises, whatever model is behind it."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable

import pytest
from langchain_core.messages import HumanMessage

from dikast.agents.models.engine import EngineModel
from dikast.agents.models.load import load_model
from dikast.agents.models.request import Reply, Request
from dikast.errors import ModelContextOverflow, ModelError, UsageError
from tests.contract.engines import ALL_FORMS, Engine
from tests.contract.requests import (
    CHOICE,
    COLOURS,
    FOREIGN_PREFIX,
    FORMS,
    GREEDY,
    IMPOSSIBLE,
    LETTERS,
    LOGPROBS,
    LONG,
    LONG_PROMPT_WORDS,
    MANY,
    NAMED,
    PROPERTIES,
    SAMPLES,
    SCORED_TEXT,
    SHORT,
    TEXT_PREFIX,
    TOLD,
    continued,
    emptied,
    of_length,
    ranked,
    scored,
    spelled,
    stopped,
)
from tests.loopback import REGEX

OVERFLOW_SECONDS = 1.0
PATIENCE_SECONDS = 20.0


async def one(engine: Engine, request: Request) -> Reply:
    [reply] = await engine.model.complete(request)
    return reply


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.001)


async def test_reply_says_text_usage_and_how_it_ended(engine: Engine) -> None:
    reply = await one(engine, GREEDY)
    assert reply.text.strip()
    assert reply.finish_reason in ("stop", "length")
    assert reply.input_tokens >= len(COLOURS.split())
    assert 0 < reply.output_tokens - reply.reasoning_tokens <= GREEDY.sampling.max_tokens
    assert reply.logprobs is None


async def test_max_tokens_cuts_and_says_so(engine: Engine) -> None:
    reply = await one(engine, SHORT)
    assert reply.finish_reason == "length"
    assert reply.output_tokens - reply.reasoning_tokens == SHORT.sampling.max_tokens


async def test_greedy_is_reproducible(engine: Engine) -> None:
    assert await one(engine, GREEDY) == await one(engine, GREEDY)


async def test_n_samples_differ_and_each_has_its_usage(engine: Engine) -> None:
    replies = await engine.model.complete(SAMPLES)
    assert len(replies) == SAMPLES.n
    assert len({reply.text for reply in replies}) > 1
    assert len({reply.input_tokens for reply in replies}) == 1
    assert all(0 < reply.output_tokens - reply.reasoning_tokens <= SAMPLES.sampling.max_tokens for reply in replies)


async def test_stop_string_ends_the_reply_and_is_not_part_of_it(engine: Engine) -> None:
    first = await one(engine, GREEDY)
    request = stopped(first)
    reply = await one(engine, request)
    [stop] = request.sampling.stop
    assert reply.finish_reason == "stop"
    assert reply.text.strip() == first.text[: first.text.index(stop)].strip()


async def test_empty_reply_is_a_reply(engine: Engine) -> None:
    reply = await one(engine, emptied(await one(engine, GREEDY)))
    assert reply.text.strip() == ""
    assert reply.finish_reason == "stop"
    assert reply.input_tokens > 0


@pytest.mark.parametrize("form", sorted(ALL_FORMS))
async def test_structured_form_is_kept_or_refused(engine: Engine, form: str) -> None:
    request = FORMS[form]
    if form not in engine.forms:
        with pytest.raises(UsageError):
            await one(engine, request)
        return
    text = (await one(engine, request)).text
    fits = {
        "json_schema": lambda: set(json.loads(text)) == PROPERTIES,
        "choice": lambda: text in CHOICE,
        "regex": lambda: re.fullmatch(REGEX, text) is not None,
        "grammar": lambda: text in ("left", "right"),
    }
    assert fits[form](), text


async def test_impossible_form_is_told_and_the_engine_lives_on(engine: Engine) -> None:
    beside = asyncio.create_task(one(engine, GREEDY))
    with pytest.raises((ModelError, UsageError)):
        await one(engine, IMPOSSIBLE)
    assert (await beside).text.strip()
    assert (await one(engine, GREEDY)).text.strip()
    assert engine.held() == 0


@pytest.mark.parametrize("alternatives", sorted(LOGPROBS))
async def test_logprobs_come_for_each_token_or_are_refused(engine: Engine, alternatives: int) -> None:
    if engine.alternatives is None or alternatives > engine.alternatives:
        with pytest.raises(UsageError):
            await one(engine, LOGPROBS[alternatives])
        return
    reply = await one(engine, LOGPROBS[alternatives])
    assert reply.logprobs
    assert len(reply.logprobs) <= reply.output_tokens
    assert all(token.logprob <= 0 and token.token.strip() in reply.text for token in reply.logprobs[:-1])
    assert all(len(token.top) >= alternatives for token in reply.logprobs)
    assert all(value <= 0 for token in reply.logprobs for _, value in token.top)


async def test_reply_tells_its_tokens_or_refuses(engine: Engine) -> None:
    if not engine.tells_tokens:
        with pytest.raises(UsageError):
            await one(engine, TOLD)
        return
    reply = await one(engine, TOLD)
    assert reply.tokens is not None
    assert reply.output_tokens - reply.reasoning_tokens <= len(reply.tokens) <= reply.output_tokens
    assert (await one(engine, GREEDY)).text == reply.text


async def test_prefix_of_tokens_goes_on_where_the_reply_was_cut_or_is_refused(engine: Engine) -> None:
    if not engine.continues:
        with pytest.raises(UsageError):
            await one(engine, TEXT_PREFIX)
        return
    told = await one(engine, TOLD)
    assert told.tokens is not None
    for request in continued(told):
        rest = await one(engine, request)
        place = len(request.prefix)
        assert rest.tokens == told.tokens[place:]
        assert told.text.endswith(rest.text.strip())
        assert rest.input_tokens == told.input_tokens + place
        assert rest.finish_reason == told.finish_reason


async def test_prefix_of_text_is_put_before_the_reply(engine: Engine) -> None:
    if engine.continues:
        reply, plain = await one(engine, TEXT_PREFIX), await one(engine, SHORT)
        assert reply.input_tokens > plain.input_tokens
        assert reply.text.strip()
        assert not reply.text.startswith("One two")


async def test_prefix_of_tokens_that_the_model_lacks_is_refused(engine: Engine) -> None:
    if engine.continues and engine.context_words is not None and not engine.reasoning:
        with pytest.raises((ModelError, UsageError)):
            await one(engine, FOREIGN_PREFIX)
        assert (await one(engine, GREEDY)).text.strip()


async def test_completion_is_scored_as_it_was_drawn_or_refused(engine: Engine) -> None:
    if not engine.scores:
        with pytest.raises(UsageError):
            await one(engine, SCORED_TEXT)
        return
    told = await one(engine, TOLD)
    assert told.tokens is not None
    assert told.logprobs is not None
    reply = await one(engine, scored(told))
    assert reply.finish_reason == "scored"
    assert reply.tokens == told.tokens
    assert reply.logprobs is not None
    assert [token.logprob for token in reply.logprobs] == pytest.approx(
        [token.logprob for token in told.logprobs], abs=engine.close
    )
    assert all(len(token.top) == 2 for token in reply.logprobs)
    assert (reply.input_tokens, reply.output_tokens) == (told.input_tokens + len(told.tokens), 0)
    # Greedy: no other first token is as likely.
    other = await one(engine, SCORED_TEXT)
    assert other.logprobs is not None
    assert other.logprobs[0].logprob < reply.logprobs[0].logprob
    assert (other.text, len(other.logprobs)) == ("a red stone", len(other.tokens or ()))


async def test_alternatives_have_ids_or_are_refused(engine: Engine) -> None:
    if not engine.scores:
        with pytest.raises(UsageError):
            await one(engine, ranked(await one(engine, GREEDY))[0])
        return
    told = await one(engine, TOLD)
    for request in ranked(told):
        reply = await one(engine, request)
        assert reply.logprobs
        for token in reply.logprobs:
            assert len(set(token.ids)) == len(token.ids) == len(token.top) == 3
            assert not any(text.startswith("token_id:") for text, _ in token.top)
        # Greedy: the likeliest token is the one that was taken.
        assert tuple(token.ids[0] for token in reply.logprobs) == reply.tokens


async def test_tokens_are_not_joined_on_their_way(engine: Engine) -> None:
    if engine.scores:
        letters = [await one(engine, letter) for letter in LETTERS]
        assert [len(letter.tokens or ()) for letter in letters] == [1, 1, 1]
        reply, plain = await one(engine, spelled(letters)), await one(engine, SHORT)
        assert reply.input_tokens == plain.input_tokens + 3


async def test_reasoning_is_kept_apart(engine: Engine) -> None:
    reply = await one(engine, GREEDY)
    assert bool(reply.reasoning) == engine.reasoning
    assert bool(reply.reasoning_tokens) == engine.reasoning
    assert not reply.reasoning or reply.reasoning not in reply.text


async def test_64_requests_in_flight_get_each_their_own_reply(engine: Engine) -> None:
    replies = await asyncio.gather(*(one(engine, request) for request in MANY))
    lengths = [reply.input_tokens for reply in replies]
    assert all(shorter < longer for shorter, longer in itertools.pairwise(lengths))
    assert all(reply.finish_reason in ("stop", "length") for reply in replies)


async def test_replies_in_flight_are_not_mixed_up(engine: Engine) -> None:
    assert "choice" in engine.forms
    replies = await asyncio.gather(*(one(engine, request) for request in NAMED))
    assert [reply.text for reply in replies] == [f"item {i}" for i in range(len(NAMED))]


async def test_cancelling_some_leaves_the_others_and_frees_what_they_held(engine: Engine) -> None:
    doomed = [asyncio.create_task(one(engine, LONG)) for _ in range(8)]
    if engine.takes_time:
        await until(lambda: engine.held() == len(doomed))
    else:
        await asyncio.wait(doomed)
    others = [asyncio.create_task(one(engine, request)) for request in MANY[:8]]
    await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
    assert all(task.cancel() for task in doomed) == engine.takes_time
    await asyncio.wait(doomed)
    assert all(task.cancelled() for task in doomed) == engine.takes_time
    assert all(reply.finish_reason in ("stop", "length") for reply in await asyncio.gather(*others))
    await until(lambda: engine.held() == 0)
    assert (await one(engine, GREEDY)).text.strip()


async def test_a_callers_timeout_ends_the_request(engine: Engine) -> None:
    if engine.takes_time:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await one(engine, LONG)
    else:
        async with asyncio.timeout(0.05):
            await one(engine, LONG)
    await until(lambda: engine.held() == 0)


async def test_prompt_beyond_the_context_is_told_at_once(engine: Engine) -> None:
    await one(engine, SHORT)
    started = time.perf_counter()
    if engine.context_words is None:
        assert (await one(engine, of_length(LONG_PROMPT_WORDS))).input_tokens >= LONG_PROMPT_WORDS
    else:
        with pytest.raises(ModelContextOverflow):
            await one(engine, of_length(engine.context_words))
    assert time.perf_counter() - started < OVERFLOW_SECONDS
    assert engine.held() == 0


def test_one_event_loop_after_another(engine: Engine) -> None:
    assert asyncio.run(one(engine, GREEDY)) == asyncio.run(one(engine, GREEDY))


async def test_closed_model_opens_again(engine: Engine) -> None:
    before = await one(engine, GREEDY)
    await engine.model.aclose()
    await engine.model.aclose()
    assert await one(engine, GREEDY) == before


async def test_langchain_message_says_what_the_reply_says(engine: Engine) -> None:
    reply = await one(engine, GREEDY)
    message = await engine.model.ainvoke([HumanMessage(COLOURS)], max_tokens=GREEDY.sampling.max_tokens)
    assert message.content == reply.text
    assert message.response_metadata["finish_reason"] == reply.finish_reason
    assert message.additional_kwargs.get("reasoning_content", "") == reply.reasoning
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_tokens"] == reply.input_tokens
    assert message.usage_metadata["output_tokens"] == reply.output_tokens


def test_synchronous_call_is_the_same(engine: Engine) -> None:
    text = engine.model.invoke([HumanMessage(COLOURS)], max_tokens=GREEDY.sampling.max_tokens).content
    assert text == asyncio.run(one(engine, GREEDY)).text


def test_fingerprint_is_json_and_names_no_place(engine: Engine) -> None:
    printed = json.dumps(engine.model.fingerprint(), sort_keys=True)
    again = load_model(engine.model.spec)
    assert isinstance(again, EngineModel)
    assert json.dumps(again.fingerprint(), sort_keys=True) == printed
    assert "127.0.0.1" not in printed
    assert "/tmp" not in printed
