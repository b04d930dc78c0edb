"""The oracle of HiddenTables: it holds tables and gold answers, runs programs in the sandbox, and answers the user.

    async with TableOracle("tables/", questions="test.jsonl", shape="wtq") as oracle:
        text = await oracle.describe("204-590", "how many ...?", level="types", secret=(), columns=None)
        [ran] = await oracle.run("204-590", [program], question_id="nu-0", earlier=[], secret=(), detail="errors")
        ran.code, ran.correct, ran.answer          # "ok", True, [secret]

It satisfies `dikast.agents.roles.TableOracle`. What a Solver may see is `describe`'s text and `Ran.code`. An answer
leaves as a `Secret`; who is told of it is `deliver`'s business. Its memory does not grow with games: tables, earlier
answers and sandboxes are bounded.

Not here: how often a Solver may try, which the graph decides and counts in bits.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol, Self, cast, get_args
from urllib.parse import parse_qsl, quote, unquote, urlencode

from dikast.disk import refused
from dikast.errors import DataError, UsageError
from dikast.sandbox import Json, Policy, Result, Sandbox, Tier
from dikast.sandbox.inside.written import Spelling
from dikast.tables import correctness, feedback
from dikast.tables.golds import GoldResults
from dikast.tables.judging import DEFAULT, Judging, ordered
from dikast.tables.judging import NAMES as JUDGING
from dikast.tables.labelled import Answer
from dikast.tables.ledger import Ledger
from dikast.tables.library import Box, Held, Library, Stamp, stamp
from dikast.tables.pasted import Count, Pasted, count_pasted
from dikast.tables.questions import Question, Shape, read_questions
from dikast.tables.reading import OPTIONS
from dikast.tables.secret import Secret
from dikast.tables.several import Schemas, shorten
from dikast.tables.sql import Language, as_program, text_of
from dikast.tables.table import Table

SCHEME = "tables:"
LIMITS = ("wall_s", "cpu_s", "memory_bytes", "answer_items", "answer_bytes")
POLICY = Policy(answer_items=1_000)
"""An answer is for a person to read; a thousand cells of a table are a copy of it."""
VALUE_BYTES = 64
"""Of an answer as JSON, for each value that it may have."""
MOST_VALUES = 1_000_000
MOST_EARLIER = 1_024
"""Answers kept for follow-up questions; one that is gone is computed again from its program."""
MOST_DIGESTS = 4_096
JUDGED: tuple[Shape, ...] = ("own", "spider", "bird")
"""Shapes whose judging a user may tell."""
MOST_PASTED = 4_096
"""Tables whose length as a text is kept."""
PREVIOUS = "prev"


def policy_of(max_values: int, **limits: Any) -> Policy:
    """The limits with this many values an answer, and bytes in proportion."""
    size = max(POLICY.answer_bytes, VALUE_BYTES * max_values)
    return replace(POLICY, answer_items=max_values, answer_bytes=size, **limits)


class Opened(Protocol):
    """An answer that can be opened."""

    def reveal(self) -> Sequence[str]:
        """Its items."""
        ...


@dataclass(frozen=True, slots=True)
class Ran:
    """What is let out about one program; see `dikast.agents.roles.Ran`."""

    status: str
    code: str
    group: int | None
    correct: bool | None
    answer: Secret[list[str]] | None


class TableOracle:
    """Holds tables.

    Args:
        place: A folder of table files and folders of these, one file, or one database or workbook.
        questions: A question file, for its gold answers. Without it nothing is judged.
        shape: How the question file is laid out.
        columns: For a user's own question file: our name (id, question, table, answer) -> theirs.
        reading: Options of `dikast.tables.load.load`, by name, as text or values; see `dikast.tables.reading`.
        box: See `Library`.
        policy: Limits and tier of the sandbox.
        judging: How strictly a user's own answers are judged.
        deliver: Is given each answer, for the user.

    Raises:
        UsageError: A data set's shape is told, which has a rule of its own, and how to judge.
    """

    def __init__(
        self,
        place: str | Path,
        *,
        questions: str | Path | None = None,
        shape: Shape = "own",
        columns: Mapping[str, str] | None = None,
        reading: Mapping[str, Any] | None = None,
        box: Box = "auto",
        policy: Policy = POLICY,
        judging: Judging = DEFAULT,
        deliver: Callable[[str, Secret[list[str]]], None] | None = None,
    ) -> None:
        self.questions = None if questions is None else Path(questions)
        self.library = Library(Path(place), reading, box, self.questions)
        self.shape: Shape = shape
        self.columns = dict(columns or {})
        self.policy = policy
        self.judging = judging
        if judging != DEFAULT and shape not in JUDGED:
            told = ", ".join(judging.as_options())
            raise UsageError(f"{told}: questions of the shape {shape} are judged by its own rule", hint="leave it out")
        self.deliver = deliver
        self.languages = get_args(Language)
        self._boxes: dict[asyncio.AbstractEventLoop, _Box] = {}
        self._gold: tuple[Stamp, Mapping[str, Question]] | None = None
        self._ledgers: dict[str | None, Ledger] = {}
        self._earlier: OrderedDict[bytes, Secret[Json]] = OrderedDict()
        self._golds = GoldResults()
        self._pasted: OrderedDict[tuple[str, Stamp, str], Pasted] = OrderedDict()

    @property
    def spec(self) -> str:
        """`tables:PLACE?questions=FILE&shape=wtq&...`; see `load_table_oracle`."""
        options = {
            **({} if self.questions is None else {"questions": str(self.questions), "shape": self.shape}),
            **{f"column.{ours}": theirs for ours, theirs in self.columns.items()},
            **self.library.reading,
            **{name: str(value) for name, value in self.judging.as_options().items()},
            **({} if self.library.box == "auto" else {"box": self.library.box}),
            **({} if self.policy.tier is None else {"tier": self.policy.tier.value}),
            **{name: str(value) for name, value in self._limits.items() if value != getattr(POLICY, name)},
        }
        return f"{SCHEME}{quote(str(self.library.place))}" + (f"?{urlencode(options)}" if options else "")

    @property
    def _limits(self) -> dict[str, Any]:
        return {name: getattr(self.policy, name) for name in LIMITS}

    def fingerprint(self) -> Mapping[str, object]:
        """Hashes of the question file and of the tables it names (of the one table, without questions); the limits."""
        return {
            "questions": None if self.questions is None else file_digest(self.questions),
            "shape": self.shape,
            "tables": self._tables_digest,
            "reading": self.library.reading,
            "box": self.library.box,
            "limits": self._limits,
            **({} if self.judging == DEFAULT else {"judging": self.judging.as_options()}),
        }

    @property
    def _tables_digest(self) -> str:
        if self.library.place.is_file():
            return _digest(self.library.place)
        whole = hashlib.sha256()
        names = {question.table for question in self.gold.values()}
        for path in sorted({path for name in sorted(names) for path in self.library.files(name)}):
            whole.update(f"{path.name} {_digest(path)}\n".encode())
        return whole.hexdigest()

    @property
    def gold(self) -> Mapping[str, Question]:
        """The questions by id, as the file has them now. Their gold answers stay in this object.

        Raises:
            DataError: The question file is broken or holds no question, or an id is there twice.
        """
        if self.questions is None:
            return {}
        seen = stamp(self.questions)
        if self._gold is None or self._gold[0] != seen:
            self._gold = seen, self._read_gold(self.questions)
        return self._gold[1]

    def _read_gold(self, questions: Path) -> Mapping[str, Question]:
        found: dict[str, Question] = {}
        for question in read_questions(questions, self.shape, columns=self.columns):
            if question.id in found:
                raise DataError(f"id {question.id!r:.80} is there twice", path=questions, field="id")
            if self.judging.order == "question" and ordered(question.extra.get("ordered")) is None:
                hint = f"question {question.id!r:.80}"
                raise DataError("neither yes nor no", path=questions, field="ordered", hint=hint)
            found[question.id] = question
        if not found:
            raise DataError("no question", path=questions)
        return found

    def codes(self, detail: str) -> Sequence[str]:
        """The closed set of codes; see `dikast.tables.feedback`."""
        return feedback.codes(detail)

    async def ready(self) -> str:
        """Read the questions, and open the sandbox, if it is not open on this event loop; its tier.

        Raises:
            DataError: The question file is broken.
            SandboxError: There is none that holds; says what to install.
        """
        await asyncio.to_thread(lambda: self.gold)
        return str((await self._sandbox()).tier)

    async def manifest(self) -> dict[str, Any]:
        """What the sandbox is, for a run's manifest."""
        return (await self._sandbox()).manifest()

    async def describe(
        self,
        table: str,
        question: str,
        *,
        level: str,
        secret: Sequence[str] | None,
        columns: int | None,
        language: Language = "python",
    ) -> str:
        """The schema as text; see `TableOracle.describe` and `SpeaksSql` of the graph's roles."""
        held = await self.library.open(table, secret, language)
        schema = held.schema(level)
        shown = schema if columns is None else shorten(schema, question, columns)
        if language == "sql" and isinstance(shown, Schemas):
            return text_of(shown)
        return f"{shown.text}\n{held.offered}" if held.offered else shown.text

    async def run(
        self,
        table: str,
        programs: Sequence[str],
        *,
        question_id: str,
        earlier: Sequence[str],
        secret: Sequence[str] | None,
        detail: str,
        language: Language = "python",
    ) -> list[Ran]:
        """Run programs and judge their answers; see `TableOracle.run` and `SpeaksSql` of the graph's roles."""
        held = await self.library.open(table, secret, language)
        previous = await self._previous(held, table, earlier)
        results = await asyncio.gather(*(self._execute(held, program, previous) for program in programs))
        for program, result in zip(programs, results, strict=True):
            self._keep(_chain(held, table, [*earlier, program]), _answer_of(result))
        judge = partial(self._judged, results, question_id, detail, held.spelling)
        question = self.gold.get(question_id)
        takes_long = self.policy.answer_items > POLICY.answer_items or (question and question.query)
        return await asyncio.to_thread(judge) if takes_long else judge()

    def unanswered(self, question_id: str) -> bool | None:
        """No answer is wrong where a gold answer is known."""
        question = self.gold.get(question_id)
        if question is not None and question.query is not None:
            return False
        return None if correctness.is_correct(question, []) is None else False

    async def charge(self, table: str, user: str, bits: float, *, budget: float | None, ledger: str | None) -> bool:
        """Write down what a table is about to let out; see `KeepsLedger.charge` of the graph's roles."""
        where = [str(path.resolve()) for path in self.library.files(table)]
        if ledger not in self._ledgers:
            self._ledgers[ledger] = Ledger(None if ledger is None else Path(ledger))
        return await asyncio.to_thread(self._ledgers[ledger].charge, where, user, bits, budget)

    async def count_pasted(self, table: str, count: Count, by: str) -> Pasted:
        """Count a table's tokens as a text; see `CountsPasted.count_pasted` of the graph's roles."""
        key = (table, stamp(self.library.path(table)), by)
        if key not in self._pasted:
            together = await asyncio.to_thread(self.library.load, table)
            self._pasted[key] = await count_pasted(together.tables, count)
            while len(self._pasted) > MOST_PASTED:
                self._pasted.popitem(last=False)
        return self._pasted[key]

    def tell(self, question_id: str, answer: Opened) -> None:
        """Hand an answer to `deliver`."""
        if self.deliver is not None:
            self.deliver(question_id, cast(Secret[list[str]], answer))

    def load(self, name: str) -> Table | None:
        """A table, for its owner: labels of a data set are made from it; `None` for several together."""
        tables = self.library.load(name).tables
        return tables[0] if len(tables) == 1 else None

    def notes(self, name: str) -> list[str]:
        """What the owner should know about a table, or about all of a file; no cell is in it."""
        return self.library.load(name).notes

    def digest(self, name: str) -> str:
        """The hash of a table's file, or of all files of several."""
        files = self.library.files(name)
        if len(files) == 1:
            return file_digest(files[0])
        listed = "".join(f"{path.name} {file_digest(path)}\n" for path in files)
        return hashlib.sha256(listed.encode(errors="surrogateescape")).hexdigest()

    async def __aenter__(self) -> Self:
        await self.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the sandbox's processes; it opens again when it is needed. Those of other threads' loops stay."""
        running = asyncio.get_running_loop()
        await self._close(loop for loop in list(self._boxes) if loop is running or not loop.is_running())

    def _judged(self, results: Sequence[Result], question_id: str, detail: str, spelling: Spelling) -> list[Ran]:
        question, wrong = self.gold.get(question_id), self.unanswered(question_id)
        answers = [Answer.of(result.answer, result.table) if _answered(result) else None for result in results]
        return [
            Ran(
                status=feedback.status_of(result),
                code=feedback.code_of(result, detail),
                group=group,
                correct=wrong if answer is None else self._is_correct(question, result, answer, spelling),
                answer=None if answer is None else Secret(answer),
            )
            for result, answer, group in zip(results, answers, correctness.groups(answers), strict=True)
        ]

    def _is_correct(self, question: Question | None, result: Result, answer: Answer, spelling: Spelling) -> bool | None:
        if question is None or question.query is None:
            return correctness.is_correct(question, answer, spelling, self.judging)
        path = self.library.path(question.table)
        return self._golds.judge(question, question.query, path, result, self.judging)

    async def _execute(self, held: Held, program: str, previous: Json) -> Result:
        box = await self._sandbox()
        program = as_program(program) if held.language == "sql" else program
        return await box.run(program, table=held.sealed, inputs={PREVIOUS: previous}, spelling=held.spelling)

    async def _previous(self, held: Held, table: str, earlier: Sequence[str]) -> Json:
        """The last earlier program's answer, kept or computed again: programs give the same answer each time."""
        if not earlier or not earlier[-1]:
            return None
        key = _chain(held, table, earlier)
        if key not in self._earlier:
            before = await self._previous(held, table, earlier[:-1])
            self._keep(key, _answer_of(await self._execute(held, earlier[-1], before)))
        self._earlier.move_to_end(key)
        return self._earlier[key].reveal()

    def _keep(self, key: bytes, answer: Json) -> None:
        self._earlier[key] = Secret(answer)
        self._earlier.move_to_end(key)
        while len(self._earlier) > MOST_EARLIER:
            self._earlier.popitem(last=False)

    async def _sandbox(self) -> Sandbox:
        """The sandbox of the running event loop; those of loops that have ended are ended first.

        A loop of its own in each of several threads has a sandbox of its own, since its pipes belong to the loop.
        """
        await self._close(loop for loop in list(self._boxes) if loop.is_closed())
        own = self._boxes.setdefault(asyncio.get_running_loop(), _Box())
        async with own.opening:
            if own.sandbox is None:
                own.sandbox = await Sandbox(self.policy).__aenter__()
        return own.sandbox

    async def _close(self, loops: Iterable[asyncio.AbstractEventLoop]) -> None:
        for loop in loops:
            gone = self._boxes.pop(loop, None)  # of two threads, one gets it
            if gone is not None and gone.sandbox is not None:
                await gone.sandbox.__aexit__(None, None, None)


@dataclass
class _Box:
    """An event loop's sandbox, once it is open."""

    sandbox: Sandbox | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


def _answered(result: Result) -> bool:
    return result.status in ("ok", "empty")


def _answer_of(result: Result) -> Json:
    """The answer as `prev` has it: a list, or nothing."""
    if not _answered(result) or result.answer is None:
        return None
    return result.answer if isinstance(result.answer, list) else [result.answer]


def _chain(held: Held, table: str, programs: Sequence[str]) -> bytes:
    text = repr((table, held.stamp, held.secret, held.language, tuple(programs)))
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _digest(path: Path) -> str:
    return _digest_as_of(path, stamp(path))


@lru_cache(maxsize=MOST_DIGESTS)
def _digest_as_of(path: Path, seen: Stamp) -> str:
    del seen  # the key: the same file at another time is another
    return file_digest(path)


def file_digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise refused(error, path) from error


def load_table_oracle(spec: str) -> TableOracle:
    """An oracle from `tables:PLACE?questions=FILE&shape=wtq&column.question=q&missing=N/A&box=arrow&tier=...&wall_s=5`.

    Raises:
        UsageError: The spec is not of that form.
    """
    place, _, query = spec.removeprefix(SCHEME).partition("?")
    if not spec.startswith(SCHEME) or not place:
        raise UsageError(f"oracle {spec!r:.200} is unknown", hint="tables:PLACE?questions=FILE&shape=wtq")
    options = dict(parse_qsl(query, keep_blank_values=True))
    columns = {name.removeprefix("column."): options.pop(name) for name in list(options) if name.startswith("column.")}
    reading = {name: options.pop(name) for name in OPTIONS if name in options}
    limits: dict[str, Any] = {}
    for name in LIMITS:
        if name in options:
            limits[name] = _number(name, options.pop(name))
    questions, shape = options.pop("questions", None), options.pop("shape", "own")
    judging = Judging.of({name: options.pop(name) for name in JUDGING if name in options})
    box, tier = options.pop("box", "auto"), options.pop("tier", None)
    if options or shape not in get_args(Shape) or box not in get_args(Box):
        raise UsageError(f"oracle {spec!r:.200}: unknown {', '.join(options) or 'shape or box'}")
    policy = replace(POLICY, tier=None if tier is None else Tier(tier), **limits)
    return TableOracle(
        unquote(place),
        questions=questions,
        shape=cast(Shape, shape),
        columns=columns,
        reading=reading,
        box=cast(Box, box),
        policy=policy,
        judging=judging,
    )


def _number(name: str, text: str) -> float | int:
    with suppress(ValueError):
        number = float(text) if name == "wall_s" else int(text)
        if 0 < number < math.inf:
            return number
    raise UsageError(f"oracle: {name}={text!r:.40} is not a number above 0")
