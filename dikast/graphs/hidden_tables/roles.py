"""The roles of HiddenTables beside its Solver: who holds the tables, and who reads programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dikast.records import Outcome


@dataclass(frozen=True, slots=True)
class Review:
    """What a critic says of a program.

    Args:
        approved: False objects; `None` where the outcome is not `ok`.
        remark: The fault, for the solver.
        outcome: How the reply ended.
        reason: Why, where the outcome is not `ok`.
    """

    approved: bool | None
    remark: str
    outcome: Outcome
    reason: str = ""


@runtime_checkable
class CodeCritic(Protocol):
    """Reads programs without any data."""

    @property
    def spec(self) -> str:
        """The string that stands for this critic in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its reviews."""
        ...

    async def review(self, question: str, schema: str, program: str) -> Review:
        """Whether the program can answer the question, from what its writer saw and nothing else.

        Raises:
            ModelUnavailable: The model behind the critic cannot be reached; other failures are outcomes.
        """
        ...


class Sealed(Protocol):
    """An answer that prints as nothing: only who answers the user opens it."""

    def reveal(self) -> Sequence[str]:
        """The answer's items."""
        ...


class Ran(Protocol):
    """What a table oracle lets out about one program. All of it is decided outside the box that ran the program."""

    @property
    def status(self) -> str:
        """How it ended, for the owner's records, from a closed set."""
        ...

    @property
    def code(self) -> str:
        """How it ended, for the solver, from the closed set that was asked for."""
        ...

    @property
    def group(self) -> int | None:
        """Programs of one call with the same answer share this number; `None` without an answer."""
        ...

    @property
    def correct(self) -> bool | None:
        """Whether it is the gold answer; `None` where none is known."""
        ...

    @property
    def answer(self) -> Sealed | None:
        """The answer, sealed; `None` without one."""
        ...


@dataclass(frozen=True, slots=True)
class Late:
    """A program that had not ended when its reply was due, as what ran; see `Ran`."""

    code: str
    correct: bool | None
    status: str = "timeout"
    group: int | None = None
    answer: Sealed | None = None


@runtime_checkable
class KeepsLedger(Protocol):
    """An oracle that keeps count of what its tables let out, across games."""

    async def charge(self, table: str, user: str, bits: float, *, budget: float | None, ledger: str | None) -> bool:
        """Write down what a table is about to let out, before it does.

        Args:
            table: Name of the table.
            user: Who asks.
            bits: The most that is told.
            budget: What the table may let out in all, whoever asks; `None` for no end.
            ledger: The file that the count is kept in; `None` is the oracle's memory.

        Returns:
            Whether it is within the budget; if not, nothing is written and nothing may be told.

        Raises:
            DataError: There is no such table, or no such file can be written.
        """
        ...


class Pasted(Protocol):
    """How long a table is as a text: numbers, and no cell."""

    @property
    def rows(self) -> int:
        """That the table has."""
        ...

    @property
    def counted(self) -> int:
        """Of them, whose tokens were counted; the rest is taken in proportion."""
        ...

    @property
    def tokens(self) -> int:
        """Of the table as CSV."""
        ...


@runtime_checkable
class CountsPasted(Protocol):
    """An oracle that says how many tokens a table would have in a prompt."""

    async def count_pasted(self, table: str, count: Callable[[str], Awaitable[int]], by: str) -> Pasted:
        """Count a table's tokens as a text; counts are kept.

        Args:
            table: Name of the table.
            count: Counts a text's tokens, in this process: it is given the table's cells.
            by: Whose tokens they are; counts by another are others.

        Raises:
            DataError: There is no such table.
        """
        ...


@runtime_checkable
class SpeaksSql(Protocol):
    """An oracle whose `describe` and `run`, a critic whose `review` takes a further keyword, `language`, one of these.

    For SQL the schema names each table as a query does, a program is one query, and an earlier answer is the table
    `prev`.
    """

    @property
    def languages(self) -> Sequence[str]:
        """What programs may be written in."""
        ...


@runtime_checkable
class TableOracle(Protocol):
    """Holds tables and gold answers, runs programs over them, and answers the user, not the solver."""

    @property
    def spec(self) -> str:
        """The string that stands for this oracle in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its answers: tables and gold answers by their hashes, limits of programs."""
        ...

    def codes(self, detail: str) -> Sequence[str]:
        """The closed set of codes that `run` may give at this detail."""
        ...

    async def ready(self) -> str:
        """Make sure that programs can be run; the name of the isolation they run in.

        Raises:
            SandboxError: They cannot.
        """
        ...

    async def describe(
        self, table: str, question: str, *, level: str, secret: Sequence[str] | None, columns: int | None
    ) -> str:
        """A table's schema as text for a prompt; no cell is in it.

        Args:
            table: Name of the table.
            question: What is asked of it, to choose columns by.
            level: How much is told.
            secret: Columns whose names are not told; `None` for all.
            columns: How many columns are listed at most.

        Raises:
            DataError: There is no such table.
        """
        ...

    async def run(
        self,
        table: str,
        programs: Sequence[str],
        *,
        question_id: str,
        earlier: Sequence[str],
        secret: Sequence[str] | None,
        detail: str,
    ) -> Sequence[Ran]:
        """Run programs that try to answer one question, each by itself.

        Args:
            table: Name of the table.
            programs: Their source text.
            question_id: For the gold answer.
            earlier: Programs that answered the questions before this one, in order; empty text for none.
            secret: As for `describe`.
            detail: How finely the codes tell apart.

        Raises:
            SandboxError: Programs cannot be run safely.
        """
        ...

    def unanswered(self, question_id: str) -> bool | None:
        """How no answer counts: as wrong (false) where a gold answer is known, as unknown (`None`) elsewhere."""
        ...

    def tell(self, question_id: str, answer: Sealed) -> None:
        """Give the user the answer, if there is a user."""
        ...
