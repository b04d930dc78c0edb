"""RLGF as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from dikast.graphs.method import Calls, Export, Method, Row, deferred, tokens_of, training_exports
from dikast.graphs.rlgf.context import Context
from dikast.graphs.rlgf.options import Options, notes, read_input

FRAME = 300
"""About how many tokens a judge's prompt has without the text."""
TURNS = 2
"""Of one speaker at most: AggreVaTeD with a guide before and behind the policy, or a policy behind a cut."""
TRAINING = "dikast.graphs.rlgf.training"


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one prompt asks of each role at most."""
    size = tokens_of(len(row["prompt"])) + context.horizon
    alone = context.collector == "ppo"
    by_text = context.guide.spec.startswith(("text+", "chat+")) and not alone
    scored = 1 + (2 * TURNS if by_text else 0)
    own = 1 if alone else TURNS
    judged = context.reward.spec.startswith("judge:")
    found = {
        "solver": Calls(own + scored, (own + scored) * size, context.horizon),
        "guide": Calls(0 if alone else TURNS, TURNS * size, context.horizon),
        "reference": Calls(int(context.reference is not None), size, 0),
        "judge": Calls(int(judged), FRAME + size, context.judging.max_tokens),
    }
    return {role: calls for role, calls in found.items() if calls.count}


def rows_of_prompt(context: Context) -> int:
    """A row for each text to a prompt."""
    return context.texts


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """The rows that training reads."""
    del rows
    return f"texts with owners and rewards, by token: dikast runs export {out} --as rollouts"


method = Method(
    graph="dikast.graphs.rlgf.graph:graph",
    context=Context,
    options=Options,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    rows_of_one=rows_of_prompt,
    report=deferred("dikast.graphs.rlgf.report:report"),
    story=deferred("dikast.graphs.rlgf.story:story"),
    exports={
        **training_exports(TRAINING, "sft", "value"),
        "rollouts": Export(deferred(f"{TRAINING}:about_rollouts"), partial(deferred(f"{TRAINING}:rollouts"))),
    },
    after=what_next,
    verbs={"rounds": "rounds"},
    measures=deferred("dikast.graphs.rlgf.report:measures"),
    score="reward",
)
