"""TAPIR's rounds as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dikast.graphs.method import Calls, Method, Row, deferred
from dikast.graphs.tapir import method as measuring
from dikast.graphs.tapir.expand import method as expansion
from dikast.graphs.tapir.rounds.context import Context
from dikast.graphs.tapir.rounds.options import Options, make_fields, notes, read_input


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What all rounds ask of each role at most: every instruction hard, no policy measured before, no answer cached."""
    from dikast.graphs.tapir.rounds.pool import read_pool

    del row
    knobs: Any = context  # it has all that the other jobs' contexts have, by the same names
    pool = read_pool(context.instructions, context.columns, context.held)
    found: dict[str, Calls] = {}

    def add(calls: Mapping[str, Calls], times: int) -> None:
        for role, one in calls.items():
            before = found.get(role, Calls(0))
            found[role] = Calls(
                before.count + times * one.count,
                before.input_tokens + times * one.input_tokens,
                before.output_tokens + times * one.output_tokens,
            )

    for one in pool.train:
        add(measuring.count_calls(knobs, one), context.rounds)
        if context.count:
            add(expansion.count_calls(knobs, {**one, "task": "known"}), context.rounds)
    for one in pool.held:
        # The first round measures the policy before it and after it; every other one the new policy alone.
        add(measuring.count_calls(knobs, one), context.rounds + 1)
    return found


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """Where everything is."""
    del rows
    return f"each round's runs, rows and training: {out / 'loop'}"


method = Method(
    graph="dikast.graphs.tapir.rounds.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.tapir.rounds.report:report"),
    story=deferred("dikast.graphs.tapir.rounds.story:story"),
    after=what_next,
    loop=True,
)
