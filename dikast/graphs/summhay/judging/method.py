"""Judging as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Mapping

from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of
from dikast.graphs.summhay.judging.context import Context
from dikast.graphs.summhay.judging.options import Options, facts, notes, read_rows

FRAME = 500
"""About how many tokens the prompt has without bullets and insights."""
ENTRY = 40
"""Room that a judge of several insights takes for each, beside `judging.max_tokens`."""


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What a row asks of the judge at most; a ladder asks for a part of the rows alone."""
    if not getattr(context.judge, "asks", True) or not row["bullets"]:
        return {}
    insights = len(row["insights"])
    together = context.judge.batched
    count = 1 if together else insights
    said = sum(map(len, row["bullets"])) * count + sum(len(one["insight"]) for one in row["insights"])
    room = context.judging.max_tokens * count + (ENTRY * insights if together else 0)
    return {"judge": Calls(count, count * FRAME + tokens_of(said), room)}


method = Method(
    graph="dikast.graphs.summhay.judging.graph:graph",
    context=Context,
    options=Options,
    rows=read_rows,
    notes=notes,
    calls=count_calls,
    facts=facts,
    report=deferred("dikast.graphs.summhay.judging.report:report"),
    story=deferred("dikast.graphs.summhay.judging.story:story"),
)
