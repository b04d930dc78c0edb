"""BASH and RAC as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from dikast.graphs.method import Calls, Export, Method, Row, deferred, tokens_of
from dikast.graphs.self_tokens.context import Context
from dikast.graphs.self_tokens.options import Options, notes, read_rows


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What a row asks at most: every token might be drawn."""
    prompt, reference = (tokens_of(len(row[name])) + 1 for name in ("prompt", "reference"))
    reading = int(context.bash or context.gap > 0)
    drawing = reference if context.bash and context.p else 0
    answering = int(context.rac or context.gap > 0)
    measuring = min(context.gap, reference)
    calls = reading + drawing + answering + measuring
    sent = calls * prompt + (reading + drawing + measuring) * reference
    return {"solver": Calls(calls, sent, drawing + answering * context.speaking.max_tokens)}


def epochs_of(context: Context) -> int:
    """A row an epoch."""
    return context.epochs


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """Training."""
    del rows
    return f"training rows: dikast runs export {out} --as bash, or --as rac"


def exports() -> dict[str, Export]:
    """What a run can become."""
    about, rows = (deferred(f"dikast.graphs.self_tokens.training:{name}") for name in ("about", "rows"))
    return {made: Export(partial(about, made), partial(rows, made)) for made in ("bash", "rac")}


method = Method(
    graph="dikast.graphs.self_tokens.graph:graph",
    context=Context,
    options=Options,
    rows=read_rows,
    notes=notes,
    calls=count_calls,
    rows_of_one=epochs_of,
    report=deferred("dikast.graphs.self_tokens.report:report"),
    story=deferred("dikast.graphs.self_tokens.story:story"),
    exports=exports(),
    after=what_next,
    verbs={"correct": "correcting"},
)
