"""RAC's two passes as a `Method`: what the commands, the docs and other packages know of them."""

from __future__ import annotations

from collections.abc import Mapping

from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of
from dikast.graphs.self_tokens.correcting.context import Context
from dikast.graphs.self_tokens.correcting.options import Options, notes, read_rows


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """Two calls a question, and one of the critic's."""
    size, most, words = tokens_of(len(row["prompt"])) + 1, context.speaking.max_tokens, context.criticising.max_tokens
    critique = words if context.critic is not None else 0
    found = {"solver": Calls(2, 2 * size + most + critique + tokens_of(len(context.cue)), 2 * most)}
    return found | ({"critic": Calls(1, size + most, words)} if critique else {})


method = Method(
    graph="dikast.graphs.self_tokens.correcting.graph:graph",
    context=Context,
    options=Options,
    rows=read_rows,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.self_tokens.correcting.report:report"),
    story=deferred("dikast.graphs.self_tokens.correcting.story:story"),
)
