"""SummHay's synthesizer as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.method import Calls, Method, Row, deferred
from dikast.graphs.summhay.make.context import Context
from dikast.graphs.summhay.make.options import Options, make_fields, notes, read_rows

INSIGHT_TOKENS = 35
"""An insight's, about: those released have 28 words."""
PROMPT_TOKENS = 250
"""What stands around the fields of a prompt, about."""


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one haystack asks of each role at most."""
    documents, each = context.documents, context.insights_a_document[1] * INSIGHT_TOKENS
    content = row.get("content")
    askings = 0 if content else context.attempts
    insights = (
        sum(len(one["insights"]) for one in content["subtopics"]) if content else context.subtopics * context.insights
    )
    solved = askings * (1 + context.subtopics)
    written = 0 if context.writer.spec == "template" else documents * (1 + context.repairs)
    checked = documents * (1 + context.repairs + (context.on_failure == "template")) if context.verifier else 0
    reviewed = askings if context.critic else 0
    found = {
        "solver": Calls(solved, solved * (PROMPT_TOKENS + each), solved * context.planning.max_tokens),
        "critic": Calls(
            reviewed, reviewed * (PROMPT_TOKENS + insights * INSIGHT_TOKENS), reviewed * context.reviewing.max_tokens
        ),
        "writer": Calls(
            written,
            written * (PROMPT_TOKENS + each) + documents * context.repairs * context.document_tokens * bool(written),
            written * context.writing.max_tokens,
        ),
        "verifier": Calls(
            checked, checked * (PROMPT_TOKENS + each + context.document_tokens), checked * context.verifying.max_tokens
        ),
    }
    return {role: calls for role, calls in found.items() if calls.count}


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """Say where the files are."""
    del rows
    return f"the haystacks, their plans and their card: {out / 'export'}"


method = Method(
    graph="dikast.graphs.summhay.make.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_rows,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.summhay.make.report:report"),
    story=deferred("dikast.graphs.summhay.make.story:story"),
    after=what_next,
)
