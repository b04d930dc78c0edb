"""CWEval as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.cweval.context import Context
from dikast.graphs.cweval.options import Options, facts, make_fields, notes, read_rows
from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of, training_exports

FRAME = 250
"""About how many tokens the prompts have without what is put into them."""


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one sample asks of each role at most; failures are counted at a few hundred tokens each round."""
    asked = tokens_of(len(context.executor.task(row["task_id"]).prompt)) + FRAME
    more, made = context.rounds - 1, context.sampling.max_tokens
    said = context.criticising.max_tokens if context.critic is not None else 0
    found = {
        "solver": Calls(context.rounds, context.rounds * asked + more * (made + FRAME + said), context.rounds * made)
    }
    if context.critic is not None:
        found["critic"] = Calls(more, more * (asked + made + FRAME), more * said)
    return found


def samples_of_task(context: Context) -> int:
    """How many rows a task is."""
    return context.samples


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """The page about it."""
    del rows
    return f"one page: dikast cweval report {out}"


method = Method(
    graph="dikast.graphs.cweval.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_rows,
    notes=notes,
    calls=count_calls,
    uncounted="failures of tests",
    rows_of_one=samples_of_task,
    facts=facts,
    report=deferred("dikast.graphs.cweval.report:report"),
    story=deferred("dikast.graphs.cweval.story:story"),
    exports=training_exports("dikast.graphs.cweval.training", "sft", "preference", "unpaired", "value", "rac"),
    after=what_next,
    verbs={"score": "scoring"},
    measures=deferred("dikast.graphs.cweval.report:measures"),
    score="func_secure",
)
