"""ReST-MCTS*'s rounds as a `Method`: what the commands, the docs and other packages know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dikast.graphs.method import Calls, Method, Row, deferred
from dikast.graphs.rest_mcts.rounds.context import Context
from dikast.graphs.rest_mcts.rounds.options import Options, make_fields, notes, read_input


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What all rounds ask of each role at most, as if the first critic valued in all of them; training is no call."""
    from dikast.graphs.rest_mcts.context import Context as SearchContext
    from dikast.graphs.rest_mcts.context import Searching
    from dikast.graphs.rest_mcts.method import count_calls as of_search
    from dikast.graphs.rest_mcts.rounds.self_rewarding import plan_for
    from dikast.training.parts import VALIDATION, part_name, part_of

    del row
    plan = plan_for(context)
    knobs: dict[str, Any] = {name: getattr(context, name) for name in Searching.model_fields}
    knobs["critic"] = plan.counted_critic
    greedily: dict[str, Any] = {**knobs, "searches": ("greedy",)}
    searching, alone = SearchContext.model_construct(**knobs), SearchContext.model_construct(**greedily)
    sums: dict[str, list[int]] = {}

    def add(made: SearchContext, rows: Iterable[Row], times: int = 1) -> None:
        for one in rows:
            for role, calls in of_search(made, one).items():
                mine = sums.setdefault(role, [0, 0, 0])
                told = (calls.count, calls.input_tokens, calls.output_tokens)
                sums[role] = [one + times * other for one, other in zip(mine, told, strict=True)]

    for round_ in range(1, context.rounds + 1):
        add(searching, plan.asked(plan.parts[part_name(part_of(round_, context.parts))]))
    # Each policy is measured once: the start, and what each round makes.
    add(alone, plan.parts[VALIDATION], context.rounds + 1)
    return {role: Calls(*mine) for role, mine in sums.items()}


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """What to look at."""
    del rows
    return f"what each round did: dikast runs show {out} 1"


method = Method(
    graph="dikast.graphs.rest_mcts.rounds.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.rest_mcts.rounds.report:report"),
    story=deferred("dikast.graphs.rest_mcts.rounds.story:story"),
    after=what_next,
    loop=True,
)
