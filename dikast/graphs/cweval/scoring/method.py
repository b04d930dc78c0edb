"""Scoring as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.cweval.scoring.context import Context
from dikast.graphs.cweval.scoring.options import Options, facts, make_fields, notes, read_rows
from dikast.graphs.method import Calls, Method, Row, deferred


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """Nobody is asked."""
    del context, row
    return {}


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """The page about it."""
    del rows
    return f"one page: dikast cweval report {out}"


method = Method(
    graph="dikast.graphs.cweval.scoring.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_rows,
    notes=notes,
    calls=count_calls,
    facts=facts,
    report=deferred("dikast.graphs.cweval.scoring.report:report"),
    story=deferred("dikast.graphs.cweval.scoring.story:story"),
    after=what_next,
)
