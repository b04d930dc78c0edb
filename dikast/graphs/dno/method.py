"""DNO as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.dno.context import Collecting, Context
from dikast.graphs.dno.options import Options, notes, read_input
from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of, training_exports

FRAME = 450
"""About how many tokens the rubric has without prompt and answers."""


def count_calls(context: Collecting, row: Row) -> Mapping[str, Calls]:
    """What one prompt asks of each role at most; an answer that the judge reads is counted at its full length."""
    prompt = row["prompt"]
    size = tokens_of(len(prompt) if isinstance(prompt, str) else sum(len(str(one["content"])) for one in prompt))
    gold = str(row.get("gold") or "")
    taught = not gold.strip() and context.teacher is not None
    answers = context.samples * context.sampling.max_tokens
    beside = context.teaching.max_tokens if taught else tokens_of(len(gold))
    found = {
        "solver": Calls(context.samples, context.samples * size, answers),
        "teacher": Calls(int(taught), size if taught else 0, context.teaching.max_tokens if taught else 0),
        "judge": Calls(1, FRAME + size + answers + beside, context.judging.max_tokens),
    }
    return {role: calls for role, calls in found.items() if calls.count}


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """The rows that a trainer takes."""
    del rows
    return f"rows to train on: dikast runs export {out} --as preference"


method = Method(
    graph="dikast.graphs.dno.graph:graph",
    context=Context,
    options=Options,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.dno.report:report"),
    story=deferred("dikast.graphs.dno.story:story"),
    exports=training_exports("dikast.graphs.dno.training", "preference", "sft", "value"),
    after=what_next,
    verbs={"rounds": "rounds"},
)
