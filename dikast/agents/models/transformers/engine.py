"""A Hugging Face model as an engine that any event loop can submit to: one thread runs it, in batches.

    engine = ENGINES.open(Key(folder, digest), id(self))
    ticket = engine.submit(asked)
    made = await ticket.future

Between two steps the thread lets new requests in (their prompts run first, then they join those that run), drops
cancelled ones, and hands finished ones back to the loops they came from.

Not here: messages and replies (`model.py`); numbers (`groups.py`, `draws.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dikast.agents.models.request import SCORED_REASON, Sampling, TokenLogprob
from dikast.agents.models.tickets import Engines, ThreadEngine, Ticket
from dikast.agents.models.transformers.adapters import load_adapter
from dikast.agents.models.transformers.draws import Draw
from dikast.agents.models.transformers.forms import Forms
from dikast.agents.models.transformers.groups import Group, Row, Runner, batches, score
from dikast.agents.models.transformers.heads import values
from dikast.agents.models.transformers.loading import Loaded, import_libraries, load
from dikast.decoding.kv.policies import Policy
from dikast.errors import DikastError, ModelError

MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True, slots=True)
class Key:
    """What makes an engine: models with equal keys share one.

    Args:
        folder: The model's.
        digest: Of its content, so that weights written anew are read anew.
        device: See `loading.load`.
        dtype: See `loading.load`.
        batch: Rows that run at once, at most.
    """

    folder: Path
    digest: str
    device: str
    dtype: str
    batch: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One reply, or one score, that is wanted.

    Args:
        tokens: Prompt and prefix.
        sampling: Decoding parameters.
        seed: For the draw.
        alternatives: As `Request.logprobs`.
        grammar: Of the form, as `forms.grammar_of` writes it; empty for none.
        scored: Tokens to score instead of drawing; empty for a draw.
        adapter: Folder and digest of a LoRA adapter.
        kv: Which keys and values are kept; `None` for all, in transformers' own cache.
    """

    tokens: Sequence[int]
    sampling: Sampling
    seed: int
    alternatives: int | None = None
    grammar: str = ""
    scored: Sequence[int] = ()
    adapter: tuple[str, str] | None = None
    kv: Policy | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it.

    Args:
        tokens: The end-of-turn token among them.
        logprobs: One a token, where asked for.
        finish: How it ended.
        value: A value head's number, in place of all that.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...]
    finish: str
    value: float | None = None


@dataclass(eq=False, slots=True, kw_only=True)
class Waiting(Ticket[Made]):
    """A request on its way through the engine."""

    asked: Asked


class Engine(ThreadEngine[Waiting]):
    """One model, loaded.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        UsageError: There is no such device.
        ModelUnavailable: The model cannot be opened.
    """

    def __init__(self, key: Key) -> None:
        super().__init__(f"transformers {key.folder.name}", f"transformers engine of {key.folder.name}")
        self.key = key
        self.torch, _ = import_libraries()
        self.loaded: Loaded = load(key.folder, key.device, key.dtype)
        self._runner = Runner(self.loaded, self.torch)
        self._forms = Forms(self.loaded.tokenizer, self.loaded.vocabulary, self.torch)
        self._entering: list[Waiting] = []
        self._groups: list[Group] = []
        self._start()

    @property
    def held(self) -> int:
        """Requests that wait or run."""
        with self._wake:
            running = [row.owner for group in self._groups for row in group.rows]
            return sum(not ticket.future.done() for ticket in {*self._inbox, *self._entering, *running})

    def submit(self, asked: Asked) -> Waiting:
        """Put in one request, from a running event loop; prompt and reply fit into the context.

        Returns:
            A ticket, whose `future` brings the outcome, or raises `UsageError` (an adapter or form does not fit the
            model), `ModelError` (out of memory) or `ModelUnavailable` (the engine has stopped).
        """
        loop = asyncio.get_running_loop()
        return self._put(Waiting(loop=loop, future=loop.create_future(), asked=asked))

    def _serve(self) -> None:
        with self.torch.inference_mode():
            while self._wait():
                self._admit()
                for group in list(self._groups):
                    self._guarded(group.rows, partial(self._advance, group))

    def _wait(self) -> bool:
        """Wait for work; false when the engine closes."""
        with self._wake:
            self._wake.wait_for(lambda: self._inbox or self._groups or self._closing)
            return not self._closing

    def _admit(self) -> None:
        """Let in as many of those who wait as there is room for."""
        room = self.key.batch - sum(len(group.rows) for group in self._groups)
        with self._wake:
            self._entering = [self._inbox.popleft() for _ in range(min(room, len(self._inbox)))]
        rows = [row for ticket in self._entering if not ticket.cancelled and (row := self._row(ticket)) is not None]
        for batch in batches(rows, self.key.batch):
            self._guarded(batch, partial(self._entrance(batch), batch))
        self._entering = []

    def _entrance(self, batch: list[Row]) -> Callable[[list[Row]], None]:
        """What is done with rows of one kind that have come in."""
        if self.loaded.headed:
            return self._value
        return self._score if batch[0].scored else self._begin

    def _row(self, ticket: Waiting) -> Row | None:
        """The row of a request; `None` for one that cannot run, which is told."""
        asked = ticket.asked
        try:
            adapter = load_adapter(self._runner, asked.adapter) if asked.adapter else ""
            matcher = self._forms.matcher(asked.grammar) if asked.grammar else None
            if asked.kv is not None:
                self._runner.watch()
        except DikastError as error:
            ticket.settle(error)
            return None
        generator = self.torch.Generator().manual_seed(asked.seed)
        draw = Draw(asked.sampling, generator, asked.alternatives, matcher, asked.tokens)
        return Row([*asked.tokens, *asked.scored], draw, adapter, len(asked.scored), ticket, asked.kv)

    def _begin(self, rows: list[Row]) -> None:
        group = Group.begin(self._runner, rows)
        self._hand_back(group)
        if not group.rows:
            return
        other = next((one for one in self._groups if one.takes(group, self.key.batch)), None)
        if other is None:
            self._groups.append(group)
        else:
            other.merge(group)

    def _score(self, rows: list[Row]) -> None:
        for row, logprobs in zip(rows, score(self._runner, rows), strict=True):
            row.owner.settle(Made(tuple(row.tokens[-row.scored :]), tuple(logprobs), SCORED_REASON))

    def _value(self, rows: list[Row]) -> None:
        for row, value in zip(rows, values(self._runner, rows), strict=True):
            row.owner.settle(Made((), (), SCORED_REASON, value))

    def _advance(self, group: Group) -> None:
        group.keep(lambda row: not row.owner.cancelled)
        if group.rows:
            group.step()
            self._hand_back(group)
        self._groups = [one for one in self._groups if one.rows]

    def _hand_back(self, group: Group) -> None:
        for row in group.keep(lambda row: not self._finish(row)):
            finish = self._finish(row)
            row.owner.settle(Made(tuple(row.draw.made), tuple(row.draw.logprobs), finish))

    def _finish(self, row: Row) -> str:
        """How a row has ended; empty while it has not."""
        made, sampling = row.draw.made, row.draw.sampling
        if made[-1] in self.loaded.ends or (row.draw.matcher is not None and row.draw.matcher.ended):
            return "stop"
        if sampling.stop and self._has_stop(made, sampling.stop):
            return "stop"
        return "length" if len(made) >= sampling.max_tokens else ""

    def _has_stop(self, made: Sequence[int], stops: Sequence[str]) -> bool:
        """Whether the last token ended a stop string: a text has at most one token a byte, four more may be split."""
        tail = made[-max(len(stop.encode()) for stop in stops) - 4 :]
        text = self.loaded.tokenizer.decode(tail, skip_special_tokens=True)
        return any(stop in text for stop in stops)

    def _guarded(self, rows: Sequence[Row], do: Callable[[], None]) -> None:
        """Do something for rows; out of memory is their failure, and not the engine's."""
        rows = list(rows)
        try:
            do()
        except (RuntimeError, MemoryError) as error:
            if not isinstance(error, MemoryError) and not any(word in str(error).lower() for word in MEMORY_WORDS):
                raise
            hint = f"fewer rows at once: ?batch={max(1, self.key.batch // 2)}, or shorter prompts"
            failure = ModelError(f"transformers: {self.key.folder.name}: out of memory", hint=hint)
            self._groups = [group for group in self._groups if not any(row in rows for row in group.rows)]
            for row in rows:
                row.owner.settle(failure)

    def _under_way(self) -> Sequence[Waiting]:
        return [*(row.owner for group in self._groups for row in group.rows), *self._entering]

    def _free(self, failed: bool) -> None:
        del failed
        self._groups, self._entering = [], []
        # The model's memory goes with the last one who holds it.
        del self._runner


ENGINES = Engines(Engine)
