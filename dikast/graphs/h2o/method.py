"""H2O as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Mapping

from dikast.graphs.h2o.context import Context
from dikast.graphs.h2o.options import Options, caches, notes, read_rows
from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What a row asks at most: reply and text under its cache; the full cache's are shared by a prompt's rows."""
    most = context.speaking.max_tokens
    prompt = tokens_of(len(row["prompt"])) + 1
    return {"solver": Calls(2, 2 * prompt + most, most)}


def rows_of_one(context: Context) -> int:
    """A row a cache; needles are prompts of their own."""
    return sum(1 for _ in caches(context))


method = Method(
    graph="dikast.graphs.h2o.graph:graph",
    context=Context,
    options=Options,
    rows=read_rows,
    notes=notes,
    calls=count_calls,
    rows_of_one=rows_of_one,
    report=deferred("dikast.graphs.h2o.report:report"),
    story=deferred("dikast.graphs.h2o.story:story"),
)
