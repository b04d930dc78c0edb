"""Flags of `dikast self-tokens correct` that are no field of its context: the file of questions."""

from __future__ import annotations

from collections.abc import Iterable

from dikast.graphs.method import Row
from dikast.graphs.self_tokens.correcting.context import Context
from dikast.graphs.self_tokens.options import QuestionOptions, read_questions


class Options(QuestionOptions):
    """Have a model answer, then correct its answer; a critic may speak between."""


def read_rows(options: Options, context: Context) -> list[Row]:
    """A row a question; references may be absent.

    Raises:
        DikastError: As `read_questions`.
    """
    del context
    return read_questions(options, reference=False)


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What cannot be told without references."""
    del options, context
    count, there = 0, 0
    for row in rows:
        count += 1
        there += "reference" in row
    if not there:
        yield "no row has a reference: what is mended and what is broken cannot be told"
    elif there < count:
        yield f"{there} of {count} rows have a reference; the others are in no share"
