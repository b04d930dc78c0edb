"""GenQR as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dikast.graphs.genqr.context import Context
from dikast.graphs.genqr.options import Options, facts, make_fields, notes, read_queries
from dikast.graphs.genqr.presets import METHODS, preset
from dikast.graphs.genqr.records import FORMS
from dikast.graphs.method import Calls, Method, Person, Row, deferred, tokens_of, training_exports


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one query asks of each role at most; feedback documents are counted by their budget."""
    given = {"instruction": "", "form": FORMS[context.reply], "query": str(row["query"]), "context": ""}
    frame = sum(
        len(message["content"]) + len(instruction)
        for instruction in context.instructions
        for message in context.prompt.render({name: given[name] for name in context.prompt.fields})
    )
    asked = context.reformulations
    shown = asked * context.feedback_tokens if context.feedback != "none" else 0
    beside = (context.plan is not None) + (context.refine is not None) + int(context.fluent)
    made = context.sampling.max_tokens
    solver = Calls(
        asked + beside,
        tokens_of(frame * asked // len(context.instructions)) + shown,
        (asked + beside) * made,
    )
    every = {"solver": solver, "critic": critic_calls(context), "judge": judge_calls(context)}
    return {role: calls for role, calls in every.items() if calls.count}


def critic_calls(context: Context) -> Calls:
    """What one query asks of the critic; how long the documents are that it reads is known only then."""
    from dikast.agents.critic import GREEDY, TOKENS_A_DOCUMENT

    if context.feedback != "critic":
        return Calls(0)
    looked_at = max(context.feedback_k, context.feedback_pool)
    if getattr(context.critic, "listwise", False):
        return Calls(1, 0, GREEDY.max_tokens + looked_at * TOKENS_A_DOCUMENT)
    return Calls(looked_at, 0, looked_at * GREEDY.max_tokens)


def judge_calls(context: Context) -> Calls:
    """What one query asks of the judge of reformulations; the same holds of what it reads."""
    from dikast.graphs.genqr.selection import JUDGING

    judged = context.reformulations + context.with_original if context.select == "judge" else 0
    return Calls(judged, 0, judged * JUDGING.max_tokens)


def person_of(context: Context, out: Path, say: Callable[[str], None]) -> Person | None:
    """Whoever answers at the terminal, where feedback is a person's."""
    if context.feedback != "human":
        return None
    from dikast.graphs.genqr.person import Asked, Reader

    return Asked(out, Reader(say))


def read_preset(name: Any) -> Mapping[str, Any]:
    """A published method's settings."""
    return preset(name)


method = Method(
    graph="dikast.graphs.genqr.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_queries,
    notes=notes,
    presets={name: partial(read_preset, name) for name in METHODS},
    calls=count_calls,
    facts=facts,
    report=deferred("dikast.graphs.genqr.report:report"),
    story=deferred("dikast.graphs.genqr.story:story"),
    exports=training_exports("dikast.graphs.genqr.training", "sft", "preference", "unpaired", "value"),
    person=person_of,
    measures=deferred("dikast.graphs.genqr.measured:measures"),
    score="nDCG@10",
)
