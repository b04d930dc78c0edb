"""SummHay as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of
from dikast.graphs.summhay.context import Context
from dikast.graphs.summhay.options import Options, make_fields, notes, read_rows


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one subtopic asks of each role at most."""
    from dikast.graphs.summhay.haystack import HaystackFile

    haystacks = [source.haystack for source in context.haystacks if isinstance(source, HaystackFile)]
    haystack = next(one for one in haystacks if one.topic_id == row["topic_id"])
    insights = haystack.subtopic(row["subtopic_id"]).insights
    whole = tokens_of(sum(len(document.document_text) for document in haystack.documents))
    shown = whole if context.budget is None else min(context.budget, whole)
    made = context.summarising.max_tokens
    asks = getattr(context.judge, "asks", True)
    judged = (1 if context.judge.batched else len(insights)) if asks else 0
    found = {
        "solver": Calls(context.tries, context.tries * shown + (context.tries - 1) * made, context.tries * made),
        "judge": Calls(judged, judged * made, judged * context.judging.max_tokens),
    }
    return {role: calls for role, calls in found.items() if calls.count}


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """The page about it."""
    del rows
    return f"compare it with other runs: dikast summhay report {out} RUN..."


method = Method(
    graph="dikast.graphs.summhay.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_rows,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.summhay.report:report"),
    story=deferred("dikast.graphs.summhay.story:story"),
    after=what_next,
    verbs={"make": "make", "judge": "judging"},
)
