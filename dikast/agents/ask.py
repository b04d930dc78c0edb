"""`ask`: the one place where roles talk to models.

`score` has them judge given words by their likelihood, `appraise` by the number of a value head.

It takes any LangChain chat model, dikast's own or the user's, and around the call does what every role needs: look
into the request cache, check the limits, turn the library's exception into a `ModelError`, take the thoughts out of the
reply (`dikast.spoken`), and write the call into the ambient ledger, whatever its end.

Not here: retries, which the model's own client owns, and parsing, which the role owns.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.failures import outcome_of
from dikast.agents.ledger import Call, Ledger, booking, current
from dikast.agents.models.identity import identity
from dikast.agents.models.invoke import invoke
from dikast.agents.models.request import SCORED_REASON, Message, Reply, Request, Sampling, Structured, Tokens
from dikast.agents.models.request_key import request_key
from dikast.agents.prompt import Prompt
from dikast.errors import DikastError, LimitReached, UsageError
from dikast.records import Outcome, Provenance, Usage, known_reason
from dikast.spoken import divide
from dikast.wire import spec_of

SCORED = Sampling(max_tokens=1)
"""Of a request that scores, so that equal ones have equal keys."""
DIGEST_CHARACTERS = 16
"""64 bits of a hash that stands for a withheld text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with how it ended.

    Args:
        reply: What the model said.
        outcome: `ok`, `empty`, `refused` (the API gave a refusal apart) or `filtered`.
        reason: Why, where the outcome is not `ok`.
        usage: What the call cost.
        provenance: Where the reply came from.
    """

    reply: Reply
    outcome: Outcome
    reason: str
    usage: Usage
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class _Asked:
    """One call under way: what every record of it needs."""

    role: str
    messages: tuple[Message, ...]
    model: str
    prompt: str
    seed: int | None
    sample: int
    started: float
    withheld: bool

    def shown(self, text: str) -> str:
        """What a record says of a text that was spoken."""
        return describe_withheld(text) if self.withheld and text else text

    def provenance(self, finish_reason: str, cached: bool) -> Provenance:
        return Provenance(self.model, self.prompt, self.seed, self.sample, finish_reason, cached)


async def ask(
    model: BaseChatModel,
    prompt: Prompt,
    fields: Mapping[str, str],
    *,
    role: str,
    sampling: Sampling,
    structured: Structured | None = None,
    logprobs: int | None = None,
    sample: int = 0,
    withhold: bool = False,
    keep_thoughts: bool = False,
    prefix: Tokens = (),
    tokens: bool = False,
) -> Answer:
    """Render a prompt, ask a model, record the call.

    Args:
        model: Any LangChain chat model.
        prompt: The prompt file.
        fields: Its declared fields.
        role: Who asks, for the ledger: `solver`, `critic`, `judge`, ...
        sampling: Decoding parameters.
        structured: A form to force the reply into.
        logprobs: As in `Request`.
        sample: Index among samples of this request, to which the ledger's own is added; a seed is raised by it.
        withhold: Keep what is said out of the request cache, out of callbacks and traces, and out of every record:
            hashes stand for the texts. For replies that may be harmful; the answer itself and exceptions are whole, and
            the caller's to guard.
        keep_thoughts: Leave thoughts in the text. For a system under test, whose every word counts.
        prefix: What the reply begins with already, as in `Request`; the answer holds what comes after it.
        tokens: Whether the reply says its token ids.

    Raises:
        ModelError: The call gave no reply; its subclass says how.
        LimitReached: A limit of the ledger was used up before the call.
        UsageError: The model lacks something that the request needs.
    """
    request = Request(prompt.render(fields), sampling, structured, 1, logprobs, prefix, tokens)
    return await _send(model, request, prompt, role, sample, withhold=withhold, keep_thoughts=keep_thoughts)


async def score(
    model: BaseChatModel,
    prompt: Prompt,
    fields: Mapping[str, str],
    completion: Tokens,
    *,
    role: str,
    alternatives: int = 0,
    prefix: Tokens = (),
    tokens: bool = False,
    withhold: bool = False,
) -> Answer:
    """Render a prompt and have a model say how likely a given completion is, token by token; record the call.

    Args:
        model: As for `ask`; one that scores.
        prompt: The prompt file.
        fields: Its declared fields.
        completion: Token ids, or a text; as in `Request`.
        role: Who asks, for the ledger.
        alternatives: How many of the likeliest tokens are told at each place.
        prefix: What stands between prompt and completion, and is not scored.
        tokens: Whether the ids of the completion's tokens are told.
        withhold: As for `ask`.

    Returns:
        An answer whose `reply.logprobs` has an entry for each token of the completion, and whose input tokens are those
        of prompt, prefix and completion together.

    Raises:
        ModelError: The call gave no reply; its subclass says how.
        LimitReached: A limit of the ledger was used up before the call.
        UsageError: The model cannot score, or the completion is empty.
    """
    request = Request(prompt.render(fields), SCORED, None, 1, alternatives, prefix, tokens, completion)
    return await _send(model, request, prompt, role, 0, withhold=withhold, keep_thoughts=True)


async def appraise(
    model: BaseChatModel,
    prompt: Prompt,
    fields: Mapping[str, str],
    completion: str,
    *,
    role: str,
    withhold: bool = False,
) -> float:
    """Render a prompt and have a value head or reward model give a completion one number; record the call.

    Args:
        model: `transformers:`, `vllm:` or `server:` over a folder with a value head or reward model; or a script.
        prompt: The prompt file.
        fields: Its declared fields.
        completion: The reply, or its beginning, as it would stand in the chat; its end of turn is added.
        role: Who asks, for the ledger.
        withhold: As for `ask`.

    Returns:
        The number as the head was trained to give it, finite; no activation is put on it.

    Raises:
        ModelError: The call gave no number; its subclass says how.
        LimitReached: A limit of the ledger was used up before the call.
        UsageError: The model gives no values, or the completion is empty.
    """
    request = Request(prompt.render(fields), SCORED, completion=completion, value=True)
    answer = await _send(model, request, prompt, role, 0, withhold=withhold, keep_thoughts=True)
    assert answer.reply.value is not None
    return answer.reply.value


async def _send(
    model: BaseChatModel,
    request: Request,
    prompt: Prompt,
    role: str,
    sample: int,
    *,
    withhold: bool,
    keep_thoughts: bool,
) -> Answer:
    ledger = current()
    sample += ledger.sample if ledger else 0
    if request.completion is not None:
        sample = 0  # nothing is drawn
    seed = request.sampling.seed
    if seed is not None and sample:
        seed += sample
        request = replace(request, sampling=request.sampling.model_copy(update={"seed": seed}))
    asked = _Asked(role, request.messages, spec_of(model), prompt.id, seed, sample, time.perf_counter(), withhold)
    try:
        reply, cached = await _reply(model, request, prompt, sample, ledger, withhold)
    except (DikastError, TimeoutError) as error:
        _record_failure(ledger, asked, error)
        raise
    return _record_reply(ledger, asked, reply if keep_thoughts else without_thoughts(reply), cached)


def without_thoughts(reply: Reply) -> Reply:
    """The reply with what it thinks aloud moved from its text to its reasoning."""
    said, thought = divide(reply.text)
    if not thought:
        return reply
    return replace(reply, text=said, reasoning="\n".join(part for part in (reply.reasoning, thought) if part))


async def _reply(
    model: BaseChatModel, request: Request, prompt: Prompt, sample: int, ledger: Ledger | None, withhold: bool
) -> tuple[Reply, bool]:
    async def call() -> Reply:
        if ledger:
            await ledger.admit()
        with booking():
            return await invoke(model, request, unseen=withhold)

    if ledger is None or ledger.cache is None or withhold:
        return await call(), False
    key = request_key(request, model_fingerprint=identity(model), prompt_hash=prompt.digest, sample=sample)
    return await ledger.cache.get_or_ask(key, call)


def _record_reply(ledger: Ledger | None, asked: _Asked, reply: Reply, cached: bool) -> Answer:
    outcome, reason = judge_reply(reply)
    seconds = time.perf_counter() - asked.started
    usage = (
        Usage(cached_calls=1, cached_tokens=reply.input_tokens + reply.output_tokens)
        if cached
        else Usage(1, reply.input_tokens, reply.output_tokens, reply.reasoning_tokens, seconds=seconds)
    )
    answer = Answer(reply, outcome, reason, usage, asked.provenance(reply.finish_reason, cached))
    if ledger:
        text, thought = asked.shown(reply.text or reply.refusal), asked.shown(reply.reasoning)
        call = Call(asked.role, _shown(asked), text, thought, outcome, reason, usage, answer.provenance)
        ledger.add(call, asked.started)
    return answer


def _record_failure(ledger: Ledger | None, asked: _Asked, error: Exception) -> None:
    if ledger is None:
        return
    outcome = outcome_of(error)
    # A call that a limit stopped was never made.
    usage = (
        Usage()
        if isinstance(error, LimitReached | UsageError)
        else Usage(calls=1, seconds=time.perf_counter() - asked.started)
    )
    reason = asked.shown(str(error))
    call = Call(asked.role, _shown(asked), "", "", outcome, reason, usage, asked.provenance("", False))
    ledger.add(call, asked.started)


def _shown(asked: _Asked) -> tuple[Message, ...]:
    return tuple(Message(role=said["role"], content=asked.shown(said["content"])) for said in asked.messages)


def describe_withheld(text: str) -> str:
    """What stands for a text that is kept out of records."""
    return f"[withheld: {len(text)} characters, sha256 {digest_of(text)}]"


def digest_of(text: str) -> str:
    """Which text it was, in 16 hex digits; half surrogates count as what their escapes say."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:DIGEST_CHARACTERS]


def judge_reply(reply: Reply) -> tuple[Outcome, str]:
    """How a reply ended, by what the API says of it; its text is not read."""
    if reply.finish_reason == "content_filter":
        return Outcome.FILTERED, "the API's content filter stopped the reply"
    if reply.refusal:
        return Outcome.REFUSED, "the API gave a refusal"
    if not reply.text.strip() and reply.finish_reason != SCORED_REASON:
        return Outcome.EMPTY, f"no text (finish reason {known_reason(reply.finish_reason)!r})"
    return Outcome.OK, ""
