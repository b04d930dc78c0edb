"""ASTRAL as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from dikast.graphs.astral.context import Context
from dikast.graphs.astral.options import Options, facts, make_fields, notes, read_cases
from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of, training_exports


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one case asks of each role at most; a test is written once for all targets."""
    first = row.get("target") in (None, context.targets[0].spec)
    written = context.attempts if context.generator is not None and not row.get("prompt") and first else 0
    test, reply = context.generating.max_tokens, context.answering.max_tokens
    oracles = 0 if row.get("benign") else len(context.oracles)
    found = {
        "solver": Calls(written, written * frame("astral/generate"), written * test),
        "target": Calls(1, frame("astral/target") + test, reply),
        "oracle": Calls(
            oracles, oracles * (frame("astral/oracle_output") + reply), oracles * context.judging.max_tokens
        ),
    }
    return {role: calls for role, calls in found.items() if calls.count}


def count_targets(context: Context) -> int:
    """A case is a row for each target."""
    return len(context.targets)


@cache
def frame(prompt: str) -> int:
    """About how many tokens a prompt has before its fields are filled in."""
    from dikast.agents.prompt import load_prompt

    return tokens_of(sum(len(template) for _, template in load_prompt(prompt).sections))


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """Say which command writes the run's page."""
    del rows
    return f"the report: dikast astral report {out}"


method = Method(
    graph="dikast.graphs.astral.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_cases,
    notes=notes,
    calls=count_calls,
    rows_of_one=count_targets,
    facts=facts,
    report=deferred("dikast.graphs.astral.report:report"),
    story=deferred("dikast.graphs.astral.story:story"),
    exports=training_exports("dikast.graphs.astral.training", "unpaired"),
    after=what_next,
    private=True,
    reveal=deferred("dikast.graphs.astral.story:reveal"),
)
