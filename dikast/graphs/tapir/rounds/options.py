"""Flags of `dikast tapir rounds` that are no field of its context, and what they make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel

from dikast.errors import UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.graphs.tapir.context import Tasks
from dikast.graphs.tapir.options import mix_of
from dikast.graphs.tapir.rounds.context import Context

LOOP = "loop"
"""The folder of the rounds within the run's."""


class Options(BaseModel):
    """Train a student in rounds on what it finds hard."""

    model_config = OPTIONS

    instructions: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Instructions, with the teacher's answers where there are any: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: instruction=question,answer=output,task=category."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """Folder, file, and the classifier, which is the judge's model unless one is named.

    Raises:
        UsageError: No file or student is named, or weights do not fit the tasks.
    """
    if options.instructions is None:
        raise UsageError("nothing to train on", hint="give --instructions FILE")
    if not given.fields.get("solver"):
        raise UsageError("nobody to train", hint="give --solver transformers:FOLDER")
    mix_of(given.fields.get("weights"), given.fields.get("tasks") or Tasks().tasks)
    judge = given.fields.get("judge")
    named = given.fields.get("classifier")
    model = judge.removeprefix("free+") if isinstance(judge, str) else judge
    return {
        "folder": given.out,
        "instructions": options.instructions.resolve(),
        "columns": options.columns,
        "classifier": named or model or given.model(),
    }


def read_input(options: Options, context: Context) -> list[Row]:
    """One row: the loop.

    Raises:
        DataError: The instructions cannot be read, or are too few for both sides.
    """
    from dikast.graphs.tapir.rounds.pool import read_pool

    del options
    read_pool(context.instructions, context.columns, context.held)
    return [{"id": LOOP}]


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """How many instructions are trained on and held out; that hard rows alone are no good diet.

    Raises:
        DataError: A row has no answer, and there is no teacher.
        MissingExtraError: What finds near-repeats is not installed.
    """
    from dikast.errors import DataError
    from dikast.graphs.tapir.rounds.pool import read_pool

    del options, rows
    pool = read_pool(context.instructions, context.columns, context.held)
    bare = next((row for row in (*pool.train, *pool.held) if not row.get("answer")), None)
    if bare is not None and context.teacher is None:
        hint = "give it one (--columns answer=...), or name a --teacher who writes it"
        raise DataError(f"row {bare['id']!r} has no answer", path=context.instructions, field="answer", hint=hint)
    if context.count:
        from dikast.evaluation.diversity import NearDuplicates

        NearDuplicates(context.near)
    yield f"note: {len(pool.train)} instructions may be trained on, {len(pool.held)} are held out"
    if not context.count:
        yield "note: hard rows without new ones (--count) were seen to be no better than random rows: see docs/methods"
    if context.hard_share + (context.rounds - 1) * context.hard_step >= 1:
        yield "note: a round of hard rows alone was seen to make students worse: see docs/methods/tapir.md"
