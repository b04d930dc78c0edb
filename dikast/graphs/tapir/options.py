"""Flags of `dikast tapir run` that are no field of its context: the instructions, and what is made of difficulties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.graphs.tapir.context import Context, Tasks

if TYPE_CHECKING:
    from dikast.row import Row as FileRow

THRESHOLD = 2.0
"""`dikast.training.difficulty.THRESHOLD`, whose module loads numbers; a test holds them to be the same."""
OURS = ("id", "instruction", "input", "answer", "task", "instances")
SELF_INSTRUCT = "instances"
"""The column of Self-Instruct's files that has a list of inputs with their outputs."""


class Options(BaseModel):
    """Measure how hard instructions are for a student, by a judge of its answers and the teacher's."""

    model_config = OPTIONS

    instructions: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Instructions, with the teacher's answers where there are any: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: instruction=question,answer=output,task=category; `input` is put behind the instruction."""
    threshold: Annotated[float, Flag(panel="Method")] = THRESHOLD
    """Rows at least so hard are the hard ones, on -9 to 9; given again with another one, no call is made again."""
    weights: Annotated[tuple[float, ...] | None, Flag(metavar="W,W,...", panel="Method")] = None
    """The share that each of --tasks should have; EasyDistill's for its own tasks, else all the same."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The classifier, which is the judge's model unless one is named; and it is checked that weights fit the tasks.

    Raises:
        UsageError: They do not.
    """
    mix_of(options.weights, given.fields.get("tasks") or Tasks().tasks)
    if given.fields.get("classifier"):
        return {}
    judge = given.fields.get("judge")
    return {"classifier": judge.removeprefix("free+") if isinstance(judge, str) else judge or given.model()}


def mix_of(weights: tuple[float, ...] | None, tasks: tuple[str, ...]) -> dict[str, float]:
    """Task -> its weight in the mix that is wanted.

    Raises:
        UsageError: There is not a weight for each task, one is negative, or all are 0.
    """
    from dikast.training.mixture import DISTILQWEN2, counts

    if weights is None:
        shipped = set(tasks) <= set(DISTILQWEN2)
        return {task: DISTILQWEN2[task] if shipped else 1.0 for task in tasks}
    if len(weights) != len(tasks):
        raise UsageError(
            f"{len(weights)} weights for {len(tasks)} tasks", hint="give --weights one for each of --tasks"
        )
    mix = dict(zip(tasks, weights, strict=True))
    counts(mix, 1)
    return mix


def read_input(options: Options, context: Context) -> Iterator[Row]:
    """The rows of the job; whatever else the file has comes along under its own name.

    Raises:
        UsageError: No file is named, or a column of ours that there is none of.
        DataError: A row is broken, has no answer and there is no teacher, or has an id that another has.
    """
    if options.instructions is None:
        raise UsageError("nothing to measure", hint="give --instructions FILE")
    for row in read_instructions(options.instructions, options.columns):
        if not row.get("answer") and context.teacher is None:
            hint = "give it one (--columns answer=...), or name a --teacher who writes it"
            raise DataError(f"row {row['id']!r} has no answer", path=options.instructions, field="answer", hint=hint)
        yield row


def read_instructions(path: Path, columns: str | None) -> Iterator[dict[str, Any]]:
    """Instructions out of a file: a row each, or one for each of its `instances`, as in Self-Instruct's files.

    Raises:
        UsageError: A column of ours that there is none of.
        DataError: A row is broken, or has an id that another has.
    """
    from dikast.rows import parse_columns, read_rows

    ours = parse_columns(columns)
    unknown = next((name for name in ours if name not in OURS), None)
    if unknown is not None:
        raise UsageError(f"no column of ours is called {unknown!r}", hint=f"ours: {', '.join(OURS)}")
    seen: dict[str, str] = {}
    for row in read_rows(path, ours):
        for made in instances_of(row):
            if (place := seen.get(made["id"])) is not None:
                raise row.error("id", f"{made['id']!r} already stands on {place}")
            seen[made["id"]] = row.where
            yield made


def instances_of(row: FileRow) -> Iterator[dict[str, Any]]:
    """What one row of the file asks, once or several times."""
    id_, instruction = row.text("id", default=str(row.place)), row.text("instruction")
    others = {name: value for name, value in row.values.items() if name not in OURS}
    task = row.text("task", default="").strip()
    base: dict[str, Any] = {**others, **({"task": task} if task else {})}
    if row.values.get(SELF_INSTRUCT) is None:
        yield {**base, **made_of(row, id_, instruction, row.text("answer", default=""))}
        return
    instances = row.children(SELF_INSTRUCT)
    for number, one in enumerate(instances, start=1):
        name = id_ if len(instances) == 1 else f"{id_}/{number}"
        yield {**base, **made_of(one, name, instruction, one.text("output", default=""))}


def made_of(row: FileRow, id_: str, instruction: str, answer: str) -> dict[str, str]:
    """Id, instruction with its input behind it, and the answer if there is one.

    Raises:
        DataError: The instruction is empty.
    """
    asked = "\n\n".join(filter(None, (instruction.strip(), row.text("input", default="").strip())))
    if not asked:
        raise row.error("instruction", "is empty")
    return {"id": id_, "instruction": asked, **({"answer": answer} if answer.strip() else {})}


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """Tasks that rows have and the list does not, which a mix of the list would leave out."""
    foreign = {str(row["task"]) for row in rows if row.get("task")} - set(context.tasks)
    if foreign:
        named = ", ".join(sorted(foreign)[:5])
        yield f"note: {len(foreign)} tasks of your rows are not among --tasks, and no mix has them: {named}"
