"""The tuning of knobs as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dikast.graphs.method import Calls, Method, Person, Row, deferred
from dikast.graphs.zo_ranksgd.context import Context
from dikast.graphs.zo_ranksgd.options import Options, notes, read_input

FRAME = 300
"""About how many tokens a judge's prompt has without the outputs."""
CHARACTERS_PER_TOKEN = 4


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What all trials ask of each role at most: as if no request came again, which most do."""
    from dikast.graphs.zo_ranksgd.finding import find_method

    calls_of, sums = find_method(context.method).calls, dict[str, list[int]]()
    tuned, held, budget = row["rows"], row.get("held", []), row["budget"]
    for rows, times in ((tuned, budget), (held, 2)):
        for one in rows if calls_of is not None else ():
            for role, calls in calls_of(context.base, one).items() if calls_of is not None else ():
                mine = sums.setdefault(role, [0, 0, 0])
                asked = (calls.count, calls.input_tokens, calls.output_tokens)
                sums[role] = [old + times * new for old, new in zip(mine, asked, strict=True)]
    if context.judge is not None:
        size = FRAME + 2 * context.show_characters // CHARACTERS_PER_TOKEN
        asked = judgements(context, budget) * len(tuned) + 2 * len(held)
        mine = sums.setdefault("judge", [0, 0, 0])
        more = (asked, asked * size, asked * context.judging.max_tokens)
        sums["judge"] = [old + new for old, new in zip(mine, more, strict=True)]
    return {role: Calls(*mine) for role, mine in sums.items() if mine[0]}


def judgements(context: Context, budget: int) -> int:
    """What a judge is asked about a row at most: each trial once, or each pair of a question in both orders."""
    if context.compare == "scores":
        return budget
    most = max(context.candidates, context.steps + 2) if context.algorithm == "zo" else 9
    rounds = 2 * (budget // (context.candidates + context.steps) + 1) if context.algorithm == "zo" else budget
    return min(rounds, budget) * most * (most - 1)


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """Where each trial can be looked at."""
    del rows
    return f"what was tried: dikast runs show {out} 1; each trial is a run: dikast runs list {out}/tuning/trials"


def person_of(context: Context, out: Path, say: Callable[[str], None]) -> Person | None:
    """Whoever answers at the terminal, where a person ranks."""
    if not context.human:
        return None
    from dikast.graphs.zo_ranksgd import asked

    return asked.person_of(context, out, say)


method = Method(
    graph="dikast.graphs.zo_ranksgd.graph:graph",
    context=Context,
    options=Options,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    report=deferred("dikast.graphs.zo_ranksgd.report:report"),
    story=deferred("dikast.graphs.zo_ranksgd.story:story"),
    after=what_next,
    person=person_of,
    loop=True,
)
