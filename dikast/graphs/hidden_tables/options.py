"""Flags of `dikast tables run` that are no field of its context: question files, tables, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.hidden_tables.context import Context
from dikast.graphs.method import OPTIONS, Given, Row

if TYPE_CHECKING:
    from dikast.tables.judging import Judging
    from dikast.tables.oracle import TableOracle
    from dikast.tables.questions import Question


class Reading(BaseModel):
    """How tables are read, and where programs run beside them."""

    model_config = OPTIONS

    missing: Annotated[str, Flag(metavar="TEXT,...")] = ""
    """CSV: spellings of a missing cell."""
    delimiter: str | None = None
    """CSV: what separates cells."""
    encoding: str | None = None
    """CSV: the text's encoding."""
    decimal: Annotated[str | None, Flag(metavar="MARK")] = None
    """Decimal mark of written numbers, a point or a comma. Default: what the file shows."""
    thousands: Annotated[str | None, Flag(metavar="MARK")] = None
    """Mark between groups of three digits; '' for none. Default: what follows from the decimal mark."""
    dayfirst: bool | None = None
    """Whether 1/2/2004 is in February. Default: such cells stay text."""
    types: Annotated[str | None, Flag(metavar="NAME=TYPE,...")] = None
    """Columns that are text, integer, number, boolean, date or datetime, whatever they look like."""
    header: Annotated[int, Flag(metavar="ROW")] = Field(default=1, ge=0)
    """CSV, Excel: the row that names the columns, from 1; 0 if there is none."""
    skip_rows: Annotated[int, Flag(metavar="N")] = Field(default=0, ge=0)
    """CSV, Excel: rows at the top to leave out."""
    box: Annotated[Literal["auto", "frame", "arrow"], Flag(panel="Method")] = "auto"
    """Pandas alone, or DuckDB SQL too; auto goes by the file's format."""
    tier: Annotated[Literal["bwrap+landlock+seccomp", "landlock+seccomp", "none"] | None, Flag(panel="Method")] = None
    """The sandbox's tier. Default: the best that passes its self-test. 'none' runs a model's code unprotected."""
    program_seconds: Annotated[float, Flag(panel="Method")] = Field(default=10.0, ge=0.1)
    """Wall time of one program."""
    max_values: Annotated[int, Flag(metavar="N", panel="Method")] = Field(default=1_000, ge=1, le=1_000_000)
    """Values that an answer may have, lists and rows counted too; a longer one is refused."""

    def open_oracle(self, place: Path, **more: Any) -> TableOracle:
        """Open the oracle over tables that are read in this way.

        Raises:
            DataError: There is nothing at `place`.
        """
        from dikast.sandbox import Tier
        from dikast.tables.oracle import TableOracle, policy_of
        from dikast.tables.reading import OPTIONS as READING

        if not place.exists():
            raise DataError("no such file or folder", path=place)
        given = self.model_dump()
        tier = None if self.tier is None else Tier(self.tier)
        return TableOracle(
            place,
            reading={name: given[name] for name in READING if given.get(name) is not None},
            box=self.box,
            policy=policy_of(self.max_values, wall_s=self.program_seconds, tier=tier),
            **more,
        )


class Options(Reading):
    """Play a file of questions, judge the answers, and count by kind of question."""

    questions: Annotated[Path | None, Flag(metavar="FILE")] = None
    """CSV, TSV, JSON, JSON lines, Parquet."""
    shape: Literal["own", "wtq", "wikisql", "sqa", "tabfact", "spider", "bird"] = "own"
    """Layout of the question file; own: id, question, table, answer."""
    tables: Annotated[Path | None, Flag(metavar="PLACE")] = None
    """Folder of tables, one file, or a database. Default: beside the questions."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: question=q,table=t,answer=a."""
    rel_tol: Annotated[float | None, Flag(metavar="SHARE")] = Field(default=None, ge=0, lt=1)
    """Own answers, Spider, BIRD: numbers no further apart are the same, as a share of the larger one."""
    abs_tol: Annotated[float | None, Flag(metavar="NUMBER")] = Field(default=None, ge=0)
    """The same as a difference; of both, what allows more."""
    order: Literal["any", "same", "question"] | None = None
    """Own answers, Spider, BIRD: whether order counts, and repeats; question: where its field 'ordered' is true, or its
    gold query has ORDER BY. Default: the shape's rule, for own answers any."""

    @property
    def judging(self) -> Judging:
        """How answers are judged."""
        from dikast.tables.judging import Judging

        return Judging(self.rel_tol, self.abs_tol, self.order)


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The oracle, out of the files.

    Raises:
        UsageError: No questions are named.
        DataError: A file is missing.
    """
    from dikast.rows import parse_columns

    del given
    if options.questions is None:
        raise UsageError("no questions", hint="give --questions FILE")
    place = options.tables or find_tables_folder(options.questions)
    return {
        "oracle": options.open_oracle(
            place,
            questions=options.questions,
            shape=options.shape,
            columns=parse_columns(options.columns),
            judging=options.judging,
        )
    }


FOLDERS = ("tables", "database", "databases", "dev_databases", "train_databases", "test_databases")
"""What a folder of tables is called beside a question file: here, by Spider, by BIRD."""


def find_tables_folder(questions: Path) -> Path:
    """The folder `tables` beside a question file, or Spider's or BIRD's of databases, else its own folder."""
    beside = (questions.parent / name for name in FOLDERS)
    return next((folder for folder in beside if folder.is_dir()), questions.parent)


def read_games(options: Options, context: Context) -> list[Row]:
    """The rows of the job."""
    del options
    return games_of(oracle_of(context))


def oracle_of(context: Context) -> TableOracle:
    """The context's oracle, which reads files.

    Raises:
        UsageError: It is another one.
    """
    from dikast.tables.oracle import TableOracle

    if not isinstance(context.oracle, TableOracle):
        raise UsageError("the oracle holds no files", hint="only runs over --tables can be listed and counted")
    return context.oracle


def games_of(oracle: TableOracle) -> list[Row]:
    """A row a question, or a sequence of them; never a gold answer.

    Raises:
        DataError: A table is not there, which is told before anything runs.
    """
    sequences: dict[str, list[Question]] = {}
    for question in oracle.gold.values():
        try:
            oracle.library.path(question.table)
        except DataError as error:
            raise DataError(f"question {question.id!r}: {error.message}", hint=error.hint) from error
        sequences.setdefault(question.sequence or f"\0{question.id}", []).append(question)
    return [game_of(sequence) for sequence in sequences.values()]


def game_of(sequence: Sequence[Question]) -> Row:
    """Make the row of one game."""
    first, *others = sorted(sequence, key=lambda one: one.position)
    row: dict[str, Any] = {"id": first.id, "table": first.table, "question": first.text}
    if others:
        row["follow_ups"] = [{"id": one.id, "question": one.text} for one in others]
    return row


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """Warn where no question has a gold answer, so that nothing can be judged."""
    from dikast.tables.report import has_gold

    del options, rows
    if not any(has_gold(question) for question in oracle_of(context).gold.values()):
        yield "note: no question has an answer to judge by; name its column: --columns answer=..."


async def facts(options: Options, context: Context) -> Mapping[str, Any]:
    """The sandbox that programs run in."""
    del options
    return {"sandbox": await oracle_of(context).manifest()}
