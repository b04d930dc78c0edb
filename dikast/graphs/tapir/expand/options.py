"""Flags of `dikast tapir expand` that are no field of its context: the hard instructions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel

from dikast.errors import UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.graphs.tapir.expand.context import Context
from dikast.graphs.tapir.options import read_instructions


class Options(BaseModel):
    """Have a teacher write more instructions like those that a student finds hard, and answer them."""

    model_config = OPTIONS

    instructions: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Hard instructions: a run's `export/hard.jsonl`, or a file of your own."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: instruction=question,task=category."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The classifier, which is the teacher's model unless one is named."""
    del options
    if given.fields.get("classifier"):
        return {}
    return {"classifier": given.fields.get("teacher") or given.model()}


def read_input(options: Options, context: Context) -> Iterator[Row]:
    """The rows of the job; whatever else the file has comes along, but the old answer: it is shown to nobody.

    Raises:
        UsageError: No file is named.
        DataError: A row is broken.
    """
    del context
    if options.instructions is None:
        raise UsageError("nothing to expand", hint="give --instructions runs/tapir/export/hard.jsonl")
    for row in read_instructions(options.instructions, options.columns):
        row.pop("answer", None)
        yield row


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """Tasks that the classifier cannot name, so that all that is new would be dropped.

    Raises:
        MissingExtraError: What finds near-repeats is not installed.
    """
    from dikast.evaluation.diversity import NearDuplicates

    del options
    NearDuplicates(context.near)
    foreign = {str(row["task"]) for row in rows if row.get("task")} - set(context.tasks)
    if foreign:
        named = ", ".join(sorted(foreign)[:5])
        yield f"note: {len(foreign)} tasks of your rows are not among --tasks; what is new of them is dropped: {named}"
