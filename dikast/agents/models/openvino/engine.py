"""OpenVINO GenAI's continuous batching as an engine that any event loop can submit to.

    engine = Engine(path, Settings())
    made = await engine.submit(token_ids, config).future
    engine.close()

One thread makes all native calls but tokenising: it takes requests in, steps the pipeline, hands finished ones back to
the loops they came from, and steps cancelled ones until their blocks are free. Native calls from several threads
would race: with prefix caching `add_request` touches the block manager that `step` uses.

What the native pipeline leaves to its caller, and is done here (openvino-genai 2026.4.1):
- A prompt beyond the context is not refused and runs for ever; the tokenizer of a GGUF silently keeps the last
  8,192 tokens. `encode` counts all of them, and `room` says how many fit.
- A form that cannot be compiled makes `step` raise, and every later `step` too; what other requests are sampling at
  that moment, in the engine's own threads, then runs on over freed memory, and the process may die. A form that is new
  is therefore let in alone, once what runs has ended; if `step` raises, its requests are cancelled, which empties the
  pipeline, and refused.

Not here: messages, sampling parameters and structured forms (`dikast.agents.models.openvino.model`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from dikast.agents.models.gguf import Header, read_header
from dikast.agents.models.openvino.native import (
    CACHE_BYTES_A_NUMBER,
    GIGABYTE,
    Settings,
    extract_reason,
    import_genai,
    load_pipeline,
)
from dikast.agents.models.tickets import Engines, ThreadEngine, Ticket
from dikast.errors import ModelError, UsageError
from dikast.http.server_errors import excerpt

TOKENIZER_LIMIT = 8192
"""A GGUF's tokenizer keeps so many tokens, the last ones, and says nothing."""
ARRIVAL_SECONDS = 0.05
"""The longest that an idle engine waits for requests that are being tokenised: half a step of a batch of 48. Without
it the first few start alone, and 48 requests take 5 % longer."""
FORMS_KEPT = 10_000
"""Structured forms that are remembered to compile; beyond them all are tried anew."""


@dataclass(frozen=True, slots=True)
class Generated:
    """One reply in tokens, the end-of-turn token among them; one log-probability a token.

    Args:
        tokens: Those that OpenVINO tells.
        logprobs: Of them.
        finish: How it ended.
        untold: Tokens that were made too, and that OpenVINO does not tell.
    """

    tokens: list[int]
    logprobs: list[float]
    finish: str
    untold: int = 0


@dataclass(eq=False, slots=True, kw_only=True)
class Request(Ticket[Generated]):
    """A request on its way through the engine."""

    tokens: Any
    config: Any
    form: str
    handle: Any = None


@dataclass(eq=False, slots=True)
class Forms:
    """Which structured forms the native compiler takes; the text of each is its key."""

    proven: set[str] = field(default_factory=set[str])
    refused: dict[str, str] = field(default_factory=dict[str, str])

    def known(self, form: str) -> bool:
        """Whether a request with this form cannot break a step."""
        return not form or form in self.proven

    def prove(self, form: str) -> None:
        """Remember that a form has been compiled."""
        if len(self.proven) >= FORMS_KEPT:
            self.proven.clear()
        self.proven.add(form)


class Engine(ThreadEngine[Request]):
    """One model file, loaded; any number of requests from any event loops.

    Raises:
        MissingExtraError: openvino-genai is not installed.
        DataError: The file is no whole GGUF.
        ModelUnavailable: OpenVINO cannot load it.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        super().__init__(f"openvino {path.name}", f"OpenVINO engine of {path.name}")
        self.path = path
        self.header: Header = read_header(path)
        self.genai = import_genai()
        self.settings = settings
        self.pipeline: Any = load_pipeline(self.genai, path, settings)
        self.tokenizer: Any = self.pipeline.get_tokenizer()
        # OpenVINO's first conversions from and to numpy deadlock if two threads make them at once.
        self._tensor(self.encode("once"))
        self._forms = Forms()
        self._running: list[Request] = []
        self._arriving = 0
        self._numbers = 0
        self._start()

    @property
    def room(self) -> int:
        """Tokens of prompt and reply that one request can have: the model's context, or what the cache holds."""
        cache = self.settings.cache_gb * GIGABYTE // (self.header.key_value_numbers * CACHE_BYTES_A_NUMBER)
        return min(self.header.context_length, cache)

    @property
    def held(self) -> int:
        """Requests that wait or run."""
        return len(self._inbox) + len(self._running)

    def encode(self, text: str) -> list[int]:
        """All tokens of a text, control tokens among them; for a text beyond `room`, at least `room` of them."""
        pieces, tokens = [text], list[int]()
        while pieces and len(tokens) < self.header.context_length:
            piece = pieces.pop()
            found: list[int] = self.tokenizer.encode(piece, add_special_tokens=False).input_ids.data[0].tolist()
            if len(found) < TOKENIZER_LIMIT:
                tokens += found
            else:
                pieces += reversed(split_in_half(piece))
        return tokens

    def decode(self, tokens: Sequence[int], *, special: bool = False) -> str:
        """The text of tokens; control tokens only if `special`."""
        return self.tokenizer.decode(list(tokens), skip_special_tokens=not special)

    @contextmanager
    def arriving(self) -> Generator[None]:
        """Announce a request that will be submitted within: an idle engine waits for it, to start all in one batch."""
        with self._wake:
            self._arriving += 1
        try:
            yield
        finally:
            with self._wake:
                self._arriving -= 1
                self._wake.notify()

    def submit(self, tokens: Sequence[int], config: Any, form: str = "") -> Request:
        """Put in one request, from a running event loop.

        Args:
            tokens: The prompt; together with the reply no longer than `room`.
            config: A native `GenerationConfig`.
            form: The text of the structured form in `config`, if the native compiler might refuse it.

        Returns:
            A ticket, whose `future` brings the reply, or raises `UsageError` (the form cannot be compiled),
            `ModelUnavailable` (the engine has stopped), or `ModelError` (the key-value cache is too small).
        """
        loop = asyncio.get_running_loop()
        tensor = self._tensor(tokens)
        return self._put(Request(tokens=tensor, config=config, form=form, loop=loop, future=loop.create_future()))

    def _tensor(self, tokens: Sequence[int]) -> Any:
        numpy, openvino = import_module("numpy"), import_module("openvino")
        return openvino.Tensor(numpy.array([tokens], dtype="int64"))

    def _serve(self) -> None:
        while self._admit_waiting():
            self._step()
            self._hand_back()

    def _admit_waiting(self) -> bool:
        """Wait for work and give it to the pipeline; false when the engine closes."""
        with self._wake:
            if not self._running:
                self._wake.wait_for(lambda: self._inbox or self._closing)
                self._wake.wait_for(lambda: not self._arriving or self._closing, ARRIVAL_SECONDS)
            if self._closing:
                return False
            waiting, self._inbox = self._inbox, deque()
        while waiting and self._admit(waiting[0]):
            waiting.popleft()
        with self._wake:
            self._inbox.extendleft(reversed(waiting))
        return True

    def _admit(self, ticket: Request) -> bool:
        """Add a request to the pipeline; false if it, and all behind it, must wait: a new form runs alone."""
        if ticket.cancelled:
            return True
        if ticket.form in self._forms.refused:
            ticket.settle(UsageError(self._forms.refused[ticket.form]))
            return True
        if any(self._not_beside(ticket, other) for other in self._running):
            return False
        self._numbers += 1
        try:
            ticket.handle = self.pipeline.add_request(self._numbers, ticket.tokens, ticket.config)
        except Exception as error:
            ticket.settle(UsageError(f"OpenVINO refuses the request: {excerpt(error)}"))
        else:
            self._running.append(ticket)
        return True

    def _not_beside(self, ticket: Request, other: Request) -> bool:
        """Whether two requests may not share a step: one of two different forms is new."""
        return ticket.form != other.form and not (self._forms.known(ticket.form) and self._forms.known(other.form))

    def _step(self) -> None:
        for ticket in self._running:
            if ticket.cancelled:
                ticket.handle.cancel()
        if not self._running:
            return
        try:
            self.pipeline.step()
        except Exception as error:
            self._recover(error)

    def _recover(self, error: Exception) -> None:
        """Empty the pipeline after a failed step, and refuse the new form that failed it; nothing else was in it."""
        form = self._running[0].form
        if self._forms.known(form):
            raise error
        self._drop_all()
        self._forms.refused[form] = f"OpenVINO cannot hold a reply to this form: {extract_reason(error)}"
        for ticket in self._running:
            ticket.settle(UsageError(self._forms.refused[form]))
        self._running = []

    def _drop_all(self) -> None:
        for ticket in self._running:
            ticket.handle.cancel()
        self.pipeline.step()

    def _hand_back(self) -> None:
        running = self.genai.GenerationStatus.RUNNING
        ended: list[Request] = []
        for ticket in self._running:
            # A cancelled request can be read too, whether or not its form was compiled.
            if not self._forms.known(ticket.form) and not ticket.cancelled and ticket.handle.can_read():
                self._forms.prove(ticket.form)
            if ticket.handle.get_status() != running:
                ended.append(ticket)
        # Read first: if that fails, all who wait are still among those that run, and hear of it.
        outcomes = [(ticket, self._outcome(ticket.handle)) for ticket in ended if not ticket.cancelled]
        if ended:
            self._running = [ticket for ticket in self._running if ticket not in ended]
        for ticket, outcome in outcomes:
            ticket.settle(outcome)

    def _outcome(self, handle: Any) -> Generated | ModelError:
        if handle.get_status() != self.genai.GenerationStatus.FINISHED:
            gigabytes = self.settings.cache_gb
            return ModelError(
                f"OpenVINO ran out of its {gigabytes} GB of key-value cache", hint=f"?cache_gb={2 * gigabytes}"
            )
        replies = handle.read_all()
        if not replies:
            return Generated([], [], "stop", untold=1)  # the first token ended a stop string: there is no reply to read
        [made] = replies
        return Generated(list(made.generated_ids), list(made.generated_log_probs), made.finish_reason.name.lower())

    def _reason(self, error: Exception) -> str:
        return extract_reason(error)

    def _under_way(self) -> Sequence[Request]:
        return self._running

    def _free(self, failed: bool) -> None:
        if not failed and self._running:
            # OpenVINO complains on stderr of blocks still held when it closes; nothing else depends on this.
            with suppress(Exception):
                self._drop_all()
        self._running = []
        self.pipeline = None


def split_in_half(text: str) -> tuple[str, str]:
    """A text cut before the space nearest its middle, so that no word's tokens change."""
    middle = len(text) // 2
    space = text.rfind(" ", 1, middle)
    cut = space if space > 0 else middle
    return text[:cut], text[cut:]


ENGINES = Engines[tuple[Path, Settings], Engine](lambda key: Engine(*key))
