"""HiddenTables as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dikast.graphs.hidden_tables.context import Context
from dikast.graphs.hidden_tables.options import Options, facts, make_fields, notes, oracle_of, read_games
from dikast.graphs.method import Calls, Export, Method, Row, deferred, tokens_of, training_exports

if TYPE_CHECKING:
    from dikast.jobs.card import About
    from dikast.jobs.reading import Run


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one game asks of each role at most; input tokens are without schemas, which depend on the table."""
    questions = 1 + len(row.get("follow_ups", []))
    asked = questions * context.samples * context.rounds
    frame = sum(len(template) for _, template in context.prompt.sections)
    found = {"solver": Calls(asked, tokens_of(asked * frame), asked * context.sampling.max_tokens)}
    if context.critic is not None:
        found["critic"] = Calls(questions * context.samples * context.reviews)
    return found


def about_pyqtax() -> About:
    """What the card of a PyQTax export says."""
    from dikast.graphs.hidden_tables import pyqtax
    from dikast.jobs.card import About

    return About("PyQTax-like: questions, schemas and programs", pyqtax.ABOUT, pyqtax.MEANINGS)


def pyqtax_rows(run: Run, context: Context) -> Iterator[tuple[str, dict[str, Any]]]:
    """A row a question, split by table."""
    from dikast.graphs.hidden_tables import pyqtax

    return pyqtax.rows(run.rows(), oracle_of(context))


method = Method(
    graph="dikast.graphs.hidden_tables.graph:graph",
    context=Context,
    options=Options,
    fields=make_fields,
    rows=read_games,
    notes=notes,
    calls=count_calls,
    uncounted="schemas",
    facts=facts,
    report=deferred("dikast.graphs.hidden_tables.report:report"),
    story=deferred("dikast.graphs.hidden_tables.story:story"),
    exports={
        "pyqtax": Export(about_pyqtax, pyqtax_rows),
        **training_exports("dikast.graphs.hidden_tables.training", "sft", "preference", "unpaired", "value", "rac"),
    },
    measures=deferred("dikast.graphs.hidden_tables.report:measures"),
    score="accuracy",
    guard=deferred("dikast.graphs.hidden_tables.story:guard"),
)
