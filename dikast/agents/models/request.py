"""What is asked of a model and what comes back, in one vocabulary for every engine.

Names are those of the OpenAI API and vLLM (`max_tokens`, `top_p`, `seed`, `logprobs`, `structured_outputs`, ...), since
every engine maps from them. All values are frozen and are JSON on the way to a cache or a journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.errors import UsageError

DEFAULT_MAX_TOKENS = 512
"""Always sent: engines' own defaults differ (16 in vLLM's offline API, unlimited elsewhere)."""


class Message(TypedDict):
    """One chat message as it goes over the wire."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Decoding parameters. The default is greedy.

    The fields' docstrings are the help of a role's flags: `--solver-temperature` and so on.
    """

    max_tokens: int = Field(default=DEFAULT_MAX_TOKENS, ge=1)
    """Tokens of one reply at most."""
    temperature: float = Field(default=0.0, ge=0.0, le=5.0)
    """0 is greedy decoding: `top_p`, `top_k` and `seed` then change nothing."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Nucleus sampling: the share of probability that is drawn from."""
    top_k: int = Field(default=0, ge=0)
    """0 keeps the whole vocabulary."""
    repetition_penalty: float = Field(default=1.0, gt=0.0)
    """1 is none; some vendors' servers take no other."""
    seed: int | None = None
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Strings that end the reply; none of them is part of it."""


class MethodSampling(Sampling, frozen=True, extra="forbid"):
    """A method's own default, sent where a model takes it: what nobody asked for in person may be left out and told."""


class Structured(BaseModel, frozen=True, extra="forbid"):
    """A form that the engine forces the reply into, token by token. Exactly one field is set.

    Engines that lack a form raise `UsageError` before the request is made.
    """

    json_schema: Mapping[str, Any] | None = None
    choice: tuple[str, ...] | None = Field(default=None, min_length=1)
    regex: str | None = None
    grammar: str | None = None
    """EBNF."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Structured:
        if sum(value is not None for value in (self.json_schema, self.choice, self.regex, self.grammar)) != 1:
            raise ValueError("set exactly one of json_schema, choice, regex, grammar")
        return self

    @property
    def form(self) -> str:
        """The name of the field that is set."""
        return next(name for name in ("json_schema", "choice", "regex", "grammar") if getattr(self, name) is not None)


SCORED_REASON = "scored"
"""The finish reason of a completion that was scored."""
Tokens = tuple[int, ...] | str
"""Token ids of the model that is asked, or a text that it tokenises."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an engine.

    Args:
        messages: The chat so far; a leading system message is optional.
        sampling: Decoding parameters.
        structured: A form to force the reply into, or `None`.
        n: How many replies to draw for the one prompt.
        logprobs: `None` for none; else how many alternatives a token is given beside the sampled one (0 = only the
            sampled token's own log-probability).
        prefix: What the reply begins with already: the model goes on from there, and the reply holds what it adds.
            Token ids are put behind the prompt as they are; a text is tokenised on its own first, and control tokens in
            it stay characters (but for servers, whose own tokenizer takes them for what they are).
        tokens: Whether the reply says its token ids, so that they, or the first of them, can be another request's
            prefix or completion without being tokenised anew.
        completion: What to score instead of drawing a reply: the answer's `logprobs` hold one entry for each of its
            tokens, given the prompt and the prefix. `n` is 1 and there is no form; decoding parameters change nothing.
            No end of turn is added: who wants it scored puts its token behind the others.
        value: Whether the completion, a text, is to be given one number by a value head or a reward model, instead of
            its tokens' log-probabilities: of the chat in which it is the reply, with its end of turn. There is no
            prefix.

    Raises:
        UsageError: There is nothing to score, it is to be scored n times or under a form, or a value is wanted of
            something that is no whole text.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    structured: Structured | None = None
    n: int = 1
    logprobs: int | None = None
    prefix: Tokens = ()
    tokens: bool = False
    completion: Tokens | None = None
    value: bool = False

    def __post_init__(self) -> None:
        if self.value and (self.prefix or not isinstance(self.completion, str)):
            raise UsageError("a value is given to a text as a whole: pass it as the completion, without a prefix")
        if self.completion is None:
            return
        if not self.completion:
            raise UsageError("nothing to score: the completion is empty")
        if self.n != 1 or self.structured is not None:
            raise UsageError("a completion is scored once and as it is: leave out n and the structured form")

    @property
    def needs(self) -> tuple[str, ...]:
        """What an engine must be able to do beyond sampling: `value`, or `continue`, `score`, `tokens`."""
        if self.value:
            return ("value",)
        wanted = {"continue": bool(self.prefix), "score": self.completion is not None, "tokens": self.tokens}
        return tuple(name for name, needed in wanted.items() if needed)


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of a reply: its text, natural-log probability, and the likeliest alternatives at its place.

    `ids` are those of the alternatives, in their order, where token ids were asked for and the engine knows them; else
    empty. Two tokens can have one text.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, or a completion that was scored.

    Args:
        text: What the model said, without reasoning; the completion, where one was scored.
        finish_reason: `stop` (end of turn, or a stop string), `length`, `content_filter`, `scored` (nothing was drawn),
            or the engine's own word.
        input_tokens: Prompt tokens as the engine counts them, chat template, prefix and scored completion included.
        output_tokens: Generated tokens, reasoning included; 0 of a scored completion.
        reasoning: The reasoning text, where the engine gives it apart.
        refusal: The API's refusal text, where it gives one apart.
        logprobs: One entry a generated token, if they were asked for and the engine has them.
        prefix_cached_tokens: Prompt tokens that the engine found in its own prefix cache.
        tokens: Ids of the generated tokens, or of the scored ones, where they were asked for; an end-of-turn token that
            was generated is the last of them.
        value: The number that was asked for, finite.
    """

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    reasoning: str = ""
    refusal: str = ""
    logprobs: tuple[TokenLogprob, ...] | None = None
    reasoning_tokens: int = 0
    prefix_cached_tokens: int = 0
    tokens: tuple[int, ...] | None = None
    value: float | None = None
