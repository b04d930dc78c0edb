"""TAPIR's expansion as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of, training_exports
from dikast.graphs.tapir.expand.context import Context
from dikast.graphs.tapir.expand.options import Options, make_fields, notes, read_input

FRAME = 250
"""About how many tokens a prompt has without what is put into it."""


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one instruction asks of each role at most; what is dropped is not answered."""
    asked, made = FRAME + tokens_of(len(row["instruction"])), context.expanding.max_tokens
    named = context.count + (0 if row.get("task") else 1)
    return {
        "teacher": Calls(1 + context.count, (1 + context.count) * asked, (1 + context.count) * made),
        "classifier": Calls(named, named * asked, named * context.classifying.max_tokens),
    }


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """The training rows."""
    del rows
    return f"training rows: dikast runs export {out} --as sft"


method = Method(
    graph="dikast.graphs.tapir.expand.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.tapir.expand.report:report"),
    story=deferred("dikast.graphs.tapir.expand.story:story"),
    exports=training_exports("dikast.graphs.tapir.expand.training", "sft"),
    after=what_next,
)
