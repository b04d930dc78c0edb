"""Flags of `dikast duo tiers` that are no field of its context: the file of questions, and the names in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.evaluation.answers import Form, normal
from dikast.flags import Flag
from dikast.graphs.duo.tiers.context import Context
from dikast.graphs.method import OPTIONS, Row

OURS = ("id", "question", "answer", "cached")
MARK = "####"
"""GSM8K's file has solution and answer in one field, the answer behind this."""
FEWEST = 40
"""Questions below which a router learns little: its folds hold a handful of each kind."""


class Options(BaseModel):
    """Which of two models should answer? Ask both, find the best plans, learn a router, tell what it saves."""

    model_config = OPTIONS

    questions: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Questions with known answers: CSV, TSV, JSON, JSON lines, Parquet; GSM8K's file as it is."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: question=problem,answer=gold; also id, and cached, an answer that costs nothing."""


def read_input(options: Options, context: Context) -> list[Row]:
    """A row a question.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
        DataError: A row is broken, or two have one id.
    """
    from dikast.rows import parse_columns

    if options.questions is None:
        raise UsageError("no questions", hint="give --questions FILE")
    return read_questions(options.questions, parse_columns(options.columns), context.check)


def read_questions(path: Path, columns: Mapping[str, str], form: Form) -> list[Row]:
    """Rows of a file, in the shape of the graph's input.

    Of an answer that holds GSM8K's mark the part behind it is taken; the solution before it is not read.

    Raises:
        UsageError: A column of ours is not known.
        DataError: A row is broken, its answer is none of the form, two have one id, or there is none.
    """
    from dikast.rows import read_rows

    unknown = sorted(set(columns) - set(OURS))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(OURS)}")
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for row in read_rows(path, columns):
        for name in ("question", "answer"):
            if row.values.get(name) in (None, ""):
                raise row.error(name, "missing", "give the columns by --columns question=problem,answer=gold")
        name, question = row.text("id", default=str(row.place)), row.text("question")
        gold = row.text("answer").rpartition(MARK)[2].strip()
        if name in seen:
            raise row.error("id", f"{name!r} already stands on {seen[name]}")
        seen[name] = row.where
        if not question.strip():
            raise row.error("question", "empty", "give every row one")
        if normal(gold, form) is None:
            raise row.error("answer", f"{gold[:40]!r} is no {form} answer", "another form: --check exact, or choice")
        cached = row.text("cached", "")
        rows.append(
            {"id": name, "question": question, "answer": gold, **({"cached": cached} if cached.strip() else {})}
        )
    if not rows:
        raise DataError("no question", path=path, hint="give a file with rows")
    return rows


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What a person should know before anything runs."""
    del options
    count = sum(1 for _ in rows)
    if count < FEWEST:
        yield f"{count} questions: a router learns little from so few, and its interval will be wide"
    if context.small.spec == context.big.spec:
        yield "both tiers are the same model: what the oracle gains over it is luck"
    if context.samples == 1:
        yield "one sample: the oracle cannot be cross-fitted, and is an upper bound that nobody reaches"
