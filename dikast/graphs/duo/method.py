"""Duo-LLM as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Mapping

from dikast.graphs.duo.context import Context
from dikast.graphs.duo.options import Options, read_input
from dikast.graphs.method import Calls, Method, Row, deferred


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """The model runs in this process: no call is made."""
    del context, row
    return {}


method = Method(
    graph="dikast.graphs.duo.graph:graph",
    context=Context,
    options=Options,
    rows=read_input,
    calls=count_calls,
    report=deferred("dikast.graphs.duo.report:report"),
    story=deferred("dikast.graphs.duo.story:story"),
    verbs={"tiers": "tiers"},
)
