"""DNO's rounds as a `Method`: what the commands, the docs and other packages know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.dno.rounds.context import Context
from dikast.graphs.dno.rounds.options import Options, make_fields, notes, read_input
from dikast.graphs.method import Calls, Method, Row, deferred


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What all rounds ask of each role at most; training is no call."""
    from dikast.graphs.dno.context import Collecting
    from dikast.graphs.dno.method import count_calls as of_prompt
    from dikast.graphs.dno.rounds.plan import DnoPlan
    from dikast.graphs.dno.rounds.splitting import VALIDATION, part_name, part_of

    del row
    parts = DnoPlan(context).parts
    sums: dict[str, list[int]] = {}

    def add(role: str, count: int, asked: int, said: int) -> None:
        mine = sums.setdefault(role, [0, 0, 0])
        sums[role] = [mine[0] + count, mine[1] + asked, mine[2] + said]

    knobs = {name: getattr(context, name) for name in Collecting.model_fields}
    plain = Collecting.model_construct(**knobs)
    for round_ in range(1, context.rounds + 1):
        for prompt in parts[part_name(part_of(round_, context.parts))]:
            for role, calls in of_prompt(plain, prompt).items():
                add(role, calls.count, calls.input_tokens, calls.output_tokens)
        for prompt in parts[VALIDATION]:
            single = of_prompt(plain.model_copy(update={"samples": 1}), {**prompt, "gold": "?"})
            for role, calls in single.items():
                add(role, 2 * calls.count, 2 * calls.input_tokens, 2 * calls.output_tokens)
    return {role: Calls(*mine) for role, mine in sums.items()}


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """What to do with the policy."""
    del rows
    return f"what each round did: dikast runs show {out} 1"


method = Method(
    graph="dikast.graphs.dno.rounds.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.dno.rounds.report:report"),
    story=deferred("dikast.graphs.dno.rounds.story:story"),
    after=what_next,
    loop=True,
)
