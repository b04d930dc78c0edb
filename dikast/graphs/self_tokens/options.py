"""Flags of `dikast self-tokens run` that are no field of its context: the file of questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Row
from dikast.graphs.self_tokens.context import Context


class QuestionOptions(BaseModel):
    """Which questions."""

    model_config = OPTIONS

    questions: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Questions and references: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: prompt=question,reference=solution; answer=result, where a reference does not end with it."""
    instruction: Annotated[str, Flag(metavar="TEXT")] = ""
    """Stands before every prompt, a blank line between: what to do with the documents of a file."""


class Options(QuestionOptions):
    """Mix a model's own tokens into references (BASH), and have it correct its own answers (RAC): training rows."""


def read_questions(options: QuestionOptions, *, reference: bool) -> list[Row]:
    """The questions of the user's file, whatever else its rows hold beside.

    Args:
        options: The flags.
        reference: Whether each has to have one.

    Raises:
        UsageError: No file is named.
        DataError: A row is broken, or two have one id.
    """
    from dikast.rows import parse_columns, read_rows

    if options.questions is None:
        raise UsageError("no questions", hint="give --questions FILE")
    found: list[Row] = []
    seen: dict[str, str] = {}
    for row in read_rows(options.questions, parse_columns(options.columns)):
        id_ = row.text("id", default=str(row.place))
        if id_ in seen:
            raise row.error("id", f"{id_!r} already stands on {seen[id_]}")
        seen[id_] = row.where
        texts: dict[str, Any] = {"prompt": row.text("prompt")}
        if reference or row.values.get("reference") not in (None, ""):
            texts["reference"] = row.text("reference")
        if row.values.get("answer") not in (None, ""):
            texts["answer"] = row.text("answer")
        if empty := next((name for name, text in texts.items() if not text.strip()), None):
            raise row.error(empty, "is empty")
        if options.instruction.strip():
            texts["prompt"] = f"{options.instruction.strip()}\n\n{texts['prompt']}"
        found.append({**{name: value for name, value in row.values.items() if name != "reference"}, **texts, "id": id_})
    if not found:
        raise DataError("has no row", path=options.questions, hint="give a question and a reference a row")
    return found


def read_rows(options: Options, context: Context) -> Iterator[Row]:
    """A row a question and epoch, the epochs of a question together.

    Raises:
        DikastError: As `read_questions`.
    """
    for question in read_questions(options, reference=True):
        for epoch in range(context.epochs):
            id_ = question["id"]
            yield {
                **question,
                "id": id_ if context.epochs == 1 else f"{id_}/{epoch + 1}",
                "question": id_,
                "epoch": epoch,
            }


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What costs more than it seems."""
    del options, rows
    if context.bash and context.draws == "parallel":
        yield "BASH asks the model once for each token that is replaced: an engine in this process makes that fast"
