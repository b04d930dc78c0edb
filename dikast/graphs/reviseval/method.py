"""RevisEval as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of, training_exports
from dikast.graphs.reviseval.context import Context
from dikast.graphs.reviseval.options import Options, make_fields, notes, read_input


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one pair or response asks of each role at most."""
    pair = "response" not in row
    references = 2 if pair and context.mode == "reviseval" and context.primary == "both" else 1
    judgements = len(context.judges) * references * (2 if pair else 1)
    judgements *= 2 if pair and context.on_conflict == "synthesise" else 1
    judgements += len(context.judges) if context.mode == "commit-first" else 0
    solutions = references if context.mode in ("reviseval", "direct") else 0
    size = tokens_of(sum(len(str(value)) for value in row.values()))
    made = context.revising.max_tokens
    found = {
        "solver": Calls(solutions, solutions * size, solutions * made),
        "judge": Calls(judgements, judgements * (size + made), judgements * context.judging.max_tokens),
    }
    return {role: calls for role, calls in found.items() if calls.count}


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """How the judge is measured, where people have judged too."""
    judged = any(row.get("gold") not in (None, "") for row in rows)
    return f"how good the judge is: dikast judge report {out}" if judged else ""


method = Method(
    graph="dikast.graphs.reviseval.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.reviseval.report:report"),
    story=deferred("dikast.graphs.reviseval.story:story"),
    exports=training_exports("dikast.graphs.reviseval.training", "sft", "preference", "unpaired", "value"),
    after=what_next,
    measures=deferred("dikast.graphs.reviseval.report:measures"),
    score="agreement",
)
