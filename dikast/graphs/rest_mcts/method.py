"""ReST-MCTS* as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from dikast.graphs.method import Calls, Export, Method, Row, deferred, tokens_of, training_exports
from dikast.graphs.rest_mcts.context import VALUELESS, WHOLE, Context
from dikast.graphs.rest_mcts.options import Options, notes, read_input

FRAME = 60
"""About how many tokens the policy's prompt has beside the question."""
VALUE_FRAME = 200
"""The same of a language model's as critic."""
TRAINING = "dikast.graphs.rest_mcts.training"


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one search asks at most, by its budgets; a prompt holds half a solution on the average."""
    search = row.get("search") or context.searches[0]
    whole, valued = search in WHOLE, search not in VALUELESS
    expanded = context.branch + (context.roll_steps * context.roll_branch if search == "mcts" else 0)
    most = 1 if search == "greedy" else min(context.iterations * expanded, context.nodes, context.calls or 10**9)
    prompt = FRAME + tokens_of(len(row["question"])) + (0 if whole else context.solution_tokens // 2)
    longest = context.solution_tokens if whole else context.sampling.max_tokens
    found = {"solver": Calls(most, most * prompt, min(most * longest, context.tokens))}
    if valued and context.critic.most_tokens:
        asked = most * context.critic.most_calls
        written = min(most * context.critic.most_tokens, context.tokens)
        found["critic"] = Calls(asked, asked * (VALUE_FRAME + prompt), written)
    return found


def rows_of_question(context: Context) -> int:
    """A row for each search."""
    return len(context.searches)


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """The rows that a trainer takes."""
    del rows
    return f"rows to train on: dikast runs export {out} --as sft, value, stepwise or preference"


def exports() -> dict[str, Export]:
    """What a run can become."""
    made = training_exports(TRAINING, "sft", "value", "stepwise", "preference")
    for form in ("math_shepherd", "prm800k"):
        about, rows = (deferred(f"{TRAINING}:{name}") for name in ("about_others", "others"))
        made[form] = Export(partial(about, form), partial(rows, form))
    return made


method = Method(
    graph="dikast.graphs.rest_mcts.graph:graph",
    context=Context,
    options=Options,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    rows_of_one=rows_of_question,
    report=deferred("dikast.graphs.rest_mcts.report:report"),
    story=deferred("dikast.graphs.rest_mcts.story:story"),
    exports=exports(),
    after=what_next,
    verbs={"rounds": "rounds"},
)
