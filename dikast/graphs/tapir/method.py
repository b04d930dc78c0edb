"""TAPIR as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of, training_exports
from dikast.graphs.tapir.context import Context
from dikast.graphs.tapir.options import Options, make_fields, notes, read_input

FRAME = 250
"""About how many tokens a prompt has without what is put into it."""
ORDERS = 2


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one instruction asks of each role at most; equal answers cost no call of the judge."""
    asked, given = tokens_of(len(row["instruction"])), bool(row.get("answer"))
    taught = tokens_of(len(row["answer"])) if given else context.teaching.max_tokens
    shown = FRAME + asked + taught + context.answering.max_tokens
    found = {
        "solver": Calls(1, asked, context.answering.max_tokens),
        "judge": Calls(ORDERS, ORDERS * shown, ORDERS * context.judging.max_tokens),
        "classifier": Calls(0 if row.get("task") else 1, FRAME + asked, context.classifying.max_tokens),
        "teacher": Calls(0 if given else 1, FRAME + asked, context.teaching.max_tokens),
    }
    return {
        role: calls for role, calls in found.items() if calls.count and (role != "classifier" or context.classifier)
    }


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """Where the hard ones are, and what makes more of them."""
    del rows
    return f"more like the hard ones: dikast tapir expand --instructions {out / 'export' / 'hard.jsonl'}"


method = Method(
    graph="dikast.graphs.tapir.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.tapir.report:report"),
    story=deferred("dikast.graphs.tapir.story:story"),
    exports=training_exports("dikast.graphs.tapir.training", "hard", "sft", "preference", "value"),
    after=what_next,
    verbs={"expand": "expand", "rounds": "rounds"},
)
