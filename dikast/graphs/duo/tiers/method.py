"""The study over model tiers as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.duo.tiers.context import Context
from dikast.graphs.duo.tiers.options import Options, notes, read_input
from dikast.graphs.method import Calls, Export, Method, Row, deferred, tokens_of

FRAME = 30
"""About how many tokens a prompt has without the question."""
REVISING = 60
"""The same of one that shows a draft."""


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one question asks of each tier at most; a draft is counted at its full length."""
    question = tokens_of(len(row["question"])) + FRAME
    depths = range(context.steps if context.revise else 1)
    count = context.samples * sum(2**depth for depth in depths)
    drafts = context.samples * sum(2**depth for depth in depths if depth)
    longest = max(context.small_sampling.max_tokens, context.big_sampling.max_tokens)
    sent = count * question + drafts * (REVISING + longest)
    return {
        "small": Calls(count, sent, count * context.small_sampling.max_tokens),
        "big": Calls(count, sent, count * context.big_sampling.max_tokens),
    }


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """Rows for a router of one's own."""
    del rows
    return f"rows to learn routing on: dikast runs export {out} --as routes"


method = Method(
    graph="dikast.graphs.duo.tiers.graph:graph",
    context=Context,
    options=Options,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.duo.tiers.report:report"),
    story=deferred("dikast.graphs.duo.tiers.story:story"),
    exports={
        "routes": Export(
            deferred("dikast.graphs.duo.tiers.training:about"), deferred("dikast.graphs.duo.tiers.training:routes")
        )
    },
    after=what_next,
)
