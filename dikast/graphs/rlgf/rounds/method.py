"""RLGF's rounds as a `Method`: what the commands, the docs and other packages know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dikast.graphs.method import Calls, Method, Row, deferred
from dikast.graphs.rlgf.rounds.context import Context
from dikast.graphs.rlgf.rounds.options import Options, make_fields, notes, read_input


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What all rounds ask of each role at most; training is no call."""
    from dikast.graphs.rlgf.context import Collecting
    from dikast.graphs.rlgf.context import Context as RlgfContext
    from dikast.graphs.rlgf.method import count_calls as of_text
    from dikast.graphs.rlgf.rounds.plan import RlgfPlan
    from dikast.training.parts import VALIDATION, part_name, part_of

    del row
    parts = RlgfPlan(context).parts
    knobs: dict[str, Any] = {name: getattr(context, name) for name in Collecting.model_fields}
    collecting = RlgfContext.model_construct(**knobs, reference=context.solver if context.kl else None)
    own: dict[str, Any] = {**knobs, "collector": "ppo"}
    alone = RlgfContext.model_construct(**own, reference=context.solver)
    sums: dict[str, list[int]] = {}

    def add(made: RlgfContext, prompts: Iterable[Row], times: int) -> None:
        for prompt in prompts:
            for role, calls in of_text(made, prompt).items():
                mine = sums.setdefault(role, [0, 0, 0])
                told = (calls.count, calls.input_tokens, calls.output_tokens)
                sums[role] = [one + times * other for one, other in zip(mine, told, strict=True)]

    for round_ in range(1, context.rounds + 1):
        add(collecting, parts[part_name(part_of(round_, context.parts))], context.texts)
    # Each policy is measured once: the start, and what each round makes.
    add(alone, parts[VALIDATION], context.held_texts * (context.rounds + 1))
    return {role: Calls(*mine) for role, mine in sums.items()}


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """What to do with the policy."""
    del rows
    return f"what each round did: dikast runs show {out} 1"


method = Method(
    graph="dikast.graphs.rlgf.rounds.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.rlgf.rounds.report:report"),
    story=deferred("dikast.graphs.rlgf.rounds.story:story"),
    after=what_next,
    loop=True,
)
