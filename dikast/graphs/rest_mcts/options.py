"""Flags of `dikast rest-mcts run` that are no field of its context: the file of questions, and the names in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Row
from dikast.graphs.rest_mcts.context import VALUELESS, Context

OURS = ("id", "question", "answer")
MARK = "####"
"""GSM8K's file has solution and answer in one field, the answer behind this."""


class Options(BaseModel):
    """Search for solutions step by step, guided by a value (ReST-MCTS*), or by one of its rivals."""

    model_config = OPTIONS

    questions: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Questions, with gold answers if there are any: CSV, TSV, JSON, JSON lines, Parquet; GSM8K's file as it is."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: question=problem,answer=gold; also id."""


def read_input(options: Options, context: Context) -> Iterator[Row]:
    """A row for each question and search, those of a question together.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
        DataError: A row is broken, or two have one id.
    """
    from dikast.rows import parse_columns

    if options.questions is None:
        raise UsageError("no questions", hint="give --questions FILE")
    several = len(context.searches) > 1
    for row in read_questions(options.questions, parse_columns(options.columns)):
        yield from ({**row, "search": search} if several else row for search in context.searches)


def read_questions(path: Path, columns: Mapping[str, str]) -> list[Row]:
    """Rows of a file, in the shape of the graph's input.

    Of an answer that holds GSM8K's mark the part behind it is taken; the solution before it is not read.

    Raises:
        UsageError: A column of ours is not known.
        DataError: A row is broken, two have one id, or there is none.
    """
    from dikast.rows import read_rows

    unknown = sorted(set(columns) - set(OURS))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(OURS)}")
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for row in read_rows(path, columns):
        if row.values.get("question") is None:
            raise row.error("question", "missing", "give the columns by --columns question=problem,answer=gold")
        name, question = row.text("id", default=str(row.place)), row.text("question")
        gold = row.text("answer", "").rpartition(MARK)[2].strip()
        if name in seen:
            raise row.error("id", f"{name!r} already stands on {seen[name]}")
        seen[name] = row.where
        if not question.strip():
            raise row.error("question", "empty", "give every row one")
        rows.append({"id": name, "question": question, **({"answer": gold} if gold else {})})
    if not rows:
        raise DataError("no question", path=path, hint="give a file with rows")
    return rows


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What a person should know before anything runs."""
    del options
    form = getattr(context.solver, "form", "")
    if form == "chat" and not context.solver.spec.startswith("chat+"):
        yield "next steps are asked for by chat turns: this engine is not known to go on from the beginning of a reply"
    if all(not row.get("answer") for row in rows):
        yield "no question has a gold answer: nothing is verified, and no step has an inferred value"
    if context.solver.spec.removeprefix("prefix+").removeprefix("chat+") == context.critic.spec and any(
        one not in VALUELESS for one in context.searches
    ):
        yield "the policy values its own steps: a small model's values are noise (--critic SPEC, head+SPEC)"
