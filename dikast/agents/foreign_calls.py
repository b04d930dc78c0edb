"""Calls that a graph makes itself, with LangChain models and without `ask`: counted, and held to the limits.

    with counting_foreign_calls() as foreign, recording(limits=Limits(calls=100)) as ledger:
        await somebodys_graph.ainvoke(...)
    print(ledger.usage_by_role)         # {"gpt-4o": Usage(calls=7, ...)}
    print(foreign.notes)                # what the limits could not count

A handler hears of every call by LangChain's callbacks, wherever in the block it is made, and books it in the ambient
ledger, under the model's name. A call beyond a limit is not made: `LimitReached` is raised where the model was called.
Where the ledger has a pace, a call waits for its turn first.
The record has the counts of such a call and not its words, which are the graph's own affair. What `ask` calls is booked
by `ask` alone. Retries inside a foreign client are not seen, and neither are calls past LangChain.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID
from weakref import WeakKeyDictionary

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook

from dikast.agents.failures import outcome_of
from dikast.agents.ledger import Call, Ledger, current, is_booked
from dikast.agents.models.chat_reply import mapping
from dikast.agents.models.invoke import from_message
from dikast.errors import LimitReached
from dikast.records import Outcome, Provenance, Usage

NAMES = ("ls_model_name", "model", "model_name")
"""Where LangChain's classes say which model a call is for."""


@dataclass(frozen=True, slots=True)
class _Begun:
    model: str
    started: float


class ForeignCalls(BaseCallbackHandler):
    """Books foreign calls. Any number of threads may make them."""

    ignores_what_is_asked = True  # `invoke.DEAF`
    raise_error = True
    run_inline = True  # in the caller's own context: the ledger is there

    def __init__(self) -> None:
        # By ledger and weak: LangChain says nothing of the end of a call that is cancelled.
        self._begun: WeakKeyDictionary[Ledger, dict[UUID, _Begun]] = WeakKeyDictionary()
        self._unmeasured: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def ignore_chain(self) -> bool:
        """Nodes are not heard, which are many."""
        return True

    @property
    def notes(self) -> list[str]:
        """What a person should know: models whose replies do not say how many tokens they took."""
        return [
            f"{count} calls of {model} say nothing of tokens: limits on tokens and cost do not count them"
            for model, count in sorted(self._unmeasured.items())
        ]

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, metadata: Any = None, **named: Any
    ) -> None:
        """Let a call pass and count it.

        Raises:
            LimitReached: A limit is used up; the call is not made.
        """
        ledger = current()
        if ledger is None or is_booked():
            return
        model = name_of(mapping(serialized), mapping(metadata), mapping(named.get("invocation_params")))
        try:
            ledger.begin()
        except LimitReached as reached:
            ledger.add(_call(model, Usage(), Outcome.LIMIT, str(reached)))
            raise
        with self._lock:
            self._begun.setdefault(ledger, {})[run_id] = _Begun(model, time.perf_counter())

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **named: Any) -> None:
        """As `on_chat_model_start`, for a model of plain texts."""
        self.on_chat_model_start(serialized, prompts, run_id=run_id, **named)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **named: Any) -> None:
        """Book a call that ended well."""
        ledger, begun = self._ended(run_id)
        if ledger is None or begun is None:
            return
        message = message_of(response)
        # LangChain's own cache sets this to zero, and nothing else does.
        cached = mapping(message and message.usage_metadata).get("total_cost") == 0
        reply = from_message(message or AIMessage(""))
        tokens = reply.input_tokens + reply.output_tokens
        if cached:
            usage = Usage(cached_calls=1, cached_tokens=tokens)
        else:
            seconds = time.perf_counter() - begun.started
            usage = Usage(1, reply.input_tokens, reply.output_tokens, reply.reasoning_tokens, seconds=seconds)
            self._look_for_tokens(begun, tokens)
        ledger.add(_call(begun.model, usage, finish_reason=reply.finish_reason, cached=cached))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **named: Any) -> None:
        """Book a call that failed, or a stream that was not read to its end."""
        ledger, begun = self._ended(run_id)
        if ledger is None or begun is None:
            return
        usage = Usage(1, seconds=time.perf_counter() - begun.started)
        if isinstance(error, GeneratorExit):
            self._look_for_tokens(begun, 0)
            ledger.add(_call(begun.model, usage))
        else:
            ledger.add(_call(begun.model, usage, outcome_of(error), f"{type(error).__name__}: {error}"))

    def _ended(self, run_id: UUID) -> tuple[Ledger | None, _Begun | None]:
        ledger = current()
        with self._lock:
            begun = self._begun.get(ledger) if ledger else None
            return ledger, begun.pop(run_id, None) if begun else None

    def _look_for_tokens(self, begun: _Begun, tokens: int) -> None:
        if not tokens:
            with self._lock:
                self._unmeasured[begun.model] += 1


class ForeignPace(AsyncCallbackHandler):
    """Has foreign calls wait until a run's rates allow them; a call from a thread waits in that thread."""

    ignores_what_is_asked = True  # `invoke.DEAF`
    run_inline = True  # before the call, and before it is counted

    @property
    def ignore_chain(self) -> bool:
        """Nodes are not heard, which are many."""
        return True

    async def on_chat_model_start(self, serialized: Any, messages: Any, **named: Any) -> None:
        """Wait for the call's turn; `ask` has waited for its own calls."""
        ledger = current()
        pace = ledger.outermost.pace if ledger is not None and not is_booked() else None
        if pace is not None:
            await pace.turn()

    async def on_llm_start(self, serialized: Any, prompts: Any, **named: Any) -> None:
        """As `on_chat_model_start`, for a model of plain texts."""
        await self.on_chat_model_start(serialized, prompts)


def name_of(serialized: Mapping[str, Any], metadata: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """The model's name, or else its class's."""
    told = {**parameters, **metadata}
    of_class = (serialized.get("id") or ("model",))[-1]
    return next((str(told[name]) for name in NAMES if told.get(name)), str(of_class))


def message_of(response: LLMResult) -> AIMessage | None:
    """The reply; `None` for a model of plain texts."""
    first = response.generations[0][0] if response.generations and response.generations[0] else None
    message = cast(object, first.message) if isinstance(first, ChatGeneration) else None
    return message if isinstance(message, AIMessage) else None


def _call(
    model: str,
    usage: Usage,
    outcome: Outcome = Outcome.OK,
    reason: str = "",
    finish_reason: str = "",
    cached: bool = False,
) -> Call:
    came_from = Provenance(model, "", None, 0, finish_reason, cached)
    return Call(model, (), "", "", outcome, reason, usage, came_from)


_counting: ContextVar[ForeignCalls | None] = ContextVar("dikast_foreign_calls", default=None)
_pacing: ContextVar[ForeignPace | None] = ContextVar("dikast_foreign_pace", default=None)
# By a hook and not by `config`: a node that hands callbacks of its own to a model would else not be heard.
register_configure_hook(_pacing, inheritable=False)
register_configure_hook(_counting, inheritable=False)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a warning of LangChain's is one: it logs each exception of a handler, also those that it raises."""
    return not (isinstance(record.args, tuple) and record.args[:1] == (ForeignCalls.__name__,))


logging.getLogger("langchain_core.callbacks.manager").addFilter(_is_news)


@contextmanager
def counting_foreign_calls() -> Generator[ForeignCalls]:
    """Book and pace foreign calls that are made inside the block, in this task and in those that it starts."""
    foreign = ForeignCalls()
    token, pacing = _counting.set(foreign), _pacing.set(ForeignPace())
    try:
        yield foreign
    finally:
        _counting.reset(token)
        _pacing.reset(pacing)
