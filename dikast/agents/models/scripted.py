"""A chat model that is a Python function: for tests, and for trying out a graph without any model.

    @scripted
    def solver(request: Request) -> str:
        return "synonyms of " + request.messages[-1]["content"]

Then `load_model("scripted:my_package.my_module:solver")`, or `ScriptedModel(solver)` in Python, with any function. It
may take a second argument, the index of the reply among the request's `n`; be async; return a `Reply` for reasoning,
log-probabilities or a finish reason of its own; and raise a `ModelError`.

A spec names only objects that were marked with `@scripted`, so that a spec from elsewhere cannot call just any
function (it does import the module it names).

Not here: tokens. Words between white space stand for them, in `max_tokens` and in the usage. A structured form is not
enforced: the function sees it in `request.structured` and has to obey it. Where a request has a `prefix` or a
`completion`, or asks for `tokens`, only a function that returns a `Reply` can know what they stand for.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from dikast.agents.models.engine import NEEDS, EngineModel, check_value
from dikast.agents.models.model_options import Options
from dikast.agents.models.request import Message, Reply, Request, Sampling
from dikast.errors import UsageError
from dikast.importing import import_scripted
from dikast.wire import UNNAMED

Script = Callable[..., str | Reply | Awaitable[str | Reply]]
"""(request) or (request, sample index) -> the reply."""


class Scripted:
    """A function that a spec may name.

    Args:
        function: Sync or async, of a `Request` and, if it takes a second argument, the reply's index among `n`.
    """

    def __init__(self, function: Script) -> None:
        self.function = function
        self.spec = f"scripted:{function.__module__}:{function.__name__}"

    def __call__(self, *arguments: Any) -> str | Reply | Awaitable[str | Reply]:
        """Call the function itself."""
        return self.function(*arguments)


def scripted(function: Script) -> Scripted:
    """Mark a function as one that a model spec may name."""
    return Scripted(function)


class ScriptedModel(EngineModel):
    """A chat model over a function. As deterministic as the function is.

    Args:
        function: See the module's description.
        sampling: What a call that names no sampling of its own gets.
    """

    function: Script

    def __init__(self, function: Script, sampling: Sampling | None = None, *, spec: str = "") -> None:
        fields: dict[str, Any] = {"spec": spec or name_of(function), "function": function}
        super().__init__(**fields, sampling=sampling or Sampling())

    async def complete(self, request: Request) -> list[Reply]:
        """Call the function `request.n` times, one after the other.

        Raises:
            ModelError: The function raised it, or gave a value that is no finite number.
            UsageError: Log-probabilities, tokens, a score or a value are asked for, and the function gave none.
        """
        return [await self._draw(request, sample) for sample in range(request.n)]

    async def _draw(self, request: Request, sample: int) -> Reply:
        inner = self.function.function if isinstance(self.function, Scripted) else self.function
        told = inner(request, sample) if takes_sample(inner) else inner(request)
        said = await told if inspect.isawaitable(told) else told
        if isinstance(said, str) or (request.value and said.value is None):
            self.refuse(request, *NEEDS)
        reply = make_reply(said, request) if isinstance(said, str) else said
        if reply.value is not None:
            check_value(request, reply.value, self.spec)
        scores = request.completion is not None and not request.value
        if (request.logprobs is not None or scores) and reply.logprobs is None:
            raise UsageError(f"{self.spec} gives no log-probabilities", hint="return a Reply that has them")
        if request.tokens and reply.tokens is None:
            raise UsageError(f"{self.spec} gives no token ids", hint="return a Reply that has them")
        return reply


def name_of(function: Script) -> str:
    """The spec of a marked function; for any other, a name that no loader accepts."""
    if isinstance(function, Scripted):
        return function.spec
    return f"{UNNAMED}{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def takes_sample(function: Script) -> bool:
    """Whether the function wants the reply's index as its second argument."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in kinds for parameter in inspect.signature(function).parameters.values()) > 1


def make_reply(text: str, request: Request) -> Reply:
    """The reply of an engine that would have said `text`, had nothing stopped it."""
    text, finish_reason = bound_text(text, request.sampling)
    return Reply(text, finish_reason, count_words(request.messages), len(text.split()))


def bound_text(text: str, sampling: Sampling) -> tuple[str, str]:
    """The text up to the first stop string or `max_tokens` words, with the finish reason."""
    ends = [text.index(stop) for stop in sampling.stop if stop in text]
    text = text[: min(ends, default=len(text))]
    words = text.split()
    if len(words) <= sampling.max_tokens:
        return text, "stop"
    beyond = text.split(maxsplit=sampling.max_tokens)[-1]
    return text[: -len(beyond)].rstrip(), "length"


def count_words(messages: tuple[Message, ...]) -> int:
    """Words in all messages."""
    return sum(len(message["content"].split()) for message in messages)


def open_model(rest: str, options: dict[str, str], spec: str) -> ScriptedModel:
    """Make the model of `scripted:package.module:name`.

    Raises:
        UsageError: There is no such module or name, or the name is not marked with `@scripted`.
    """
    known = Options("scripted", options)
    sampling = known.sampling()
    known.done()
    return ScriptedModel(import_scripted(rest, spec, Scripted, __name__), sampling, spec=spec)
