"""The method as dikast knows it: what `[project.entry-points."dikast.methods"]` names.

Importing it costs nothing: the graph is named, and is imported when rows run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from dikast.graphs.method import OPTIONS, Calls, Export, Method, Report, Row, tokens_of
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.pages import Page, Table, Text
from dikast.records import Outcome
from dikast.rows import parse_columns, read_rows
from dikast_brevity.context import Context


class Options(BaseModel):
    """Ask a model, then have it say the same in fewer words until it fits."""

    model_config = OPTIONS

    questions: Path
    """Questions: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: str | None = None
    """Names in your file, as ours=theirs."""


def read_input(options: Options, context: Context) -> Iterable[Row]:
    """The questions of the user's file."""
    del context
    for row in read_rows(options.questions, parse_columns(options.columns)):
        yield {"question": row.text("question")}


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one question asks at most."""
    calls, most = 1 + context.rounds, context.sampling.max_tokens
    return {"solver": Calls(calls, tokens_of(len(row["question"])) + context.rounds * most, calls * most)}


def report(run: Run, context: Context) -> Report:
    """How many answers fit, and how long they are."""
    rows = list(run.rows((Outcome.OK,)))
    first, last = ([len(row["output"]["answers"][at].split()) for row in rows] for at in (0, -1))
    told = {
        "rows": len(rows),
        "fit": sum(row["output"]["fits"] for row in rows),
        "words_first": sum(first) / len(rows) if rows else None,
        "words_last": sum(last) / len(rows) if rows else None,
    }
    table = Table(("what", "value"), tuple(told.items()))
    return Report(Page("Brevity", (Text(f"Answers of at most {context.words} words."), table)), told)


def about() -> About:
    """What the card of the exported data set says."""
    return About(
        title="Questions and short answers",
        text=("Of a run of `dikast brevity run`, the answers that fit; the others are left out and counted.",),
        meanings={"question": "As asked", "answer": "The last answer"},
    )


def short_answers(run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """The answers that fit."""
    del context
    for row in run.rows((Outcome.OK,)):
        if row["output"]["fits"]:
            yield "train", {"question": row["input"]["question"], "answer": row["output"]["answers"][-1]}
        else:
            yield LeftOut("too long")


method = Method(
    graph="dikast_brevity.graph:graph",
    context=Context,
    options=Options,
    rows=read_input,
    calls=count_calls,
    report=report,
    exports={"answers": Export(about, short_answers)},
)
