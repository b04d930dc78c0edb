"""Transfer Q* as a `Method`: what the commands, the docs and other packages know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dikast.graphs.method import Calls, Method, Row, deferred, tokens_of, training_exports
from dikast.graphs.transfer_q.context import Context
from dikast.graphs.transfer_q.options import Options, most_rollout_tokens, most_steps, notes, read_input

FRAME = 300
"""About how many tokens a judge's prompt has without the text."""
TRAINING = "dikast.graphs.transfer_q.training"
PROBES = 1
"""Texts that each of two writers cuts into tokens, to compare vocabularies."""


def count_calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """What one text asks of each role at most."""
    steps, prompt = most_steps(context), tokens_of(len(row["prompt"]))
    size = prompt + context.horizon
    proposals = steps * (1 if context.by_token else context.candidates)
    proposed = steps if context.by_token else context.horizon * context.candidates
    completions = steps * context.candidates * context.completions
    spoken = min(most_rollout_tokens(context), context.token_budget or most_rollout_tokens(context))
    guided = context.decoder == "transfer_q"
    own, others = PROBES, PROBES if guided else 0
    solver = proposals + 1 + own + (0 if guided else completions)
    judges = [one.spec for one in (context.reward, context.baseline_reward) if one is not None]
    looked = steps * context.candidates * max(1, context.completions) if context.valued else 0
    judged = sum(spec.startswith("judge:") for spec in judges) * looked + judges[0].startswith("judge:")
    found = {
        "solver": Calls(solver, solver * size, proposed + (0 if guided else spoken)),
        "baseline": Calls(completions + others if guided else 0, completions * size, spoken if guided else 0),
        "judge": Calls(judged, judged * (FRAME + size), judged * context.judging.max_tokens),
    }
    return {role: calls for role, calls in found.items() if calls.count}


def rows_of_prompt(context: Context) -> int:
    """A row for each text to a prompt."""
    return context.texts


def what_next(out: Path, rows: Iterable[Row]) -> str:
    """The rows that training reads."""
    del rows
    return f"the texts as training rows: dikast runs export {out} --as sft, or --as preference"


method = Method(
    graph="dikast.graphs.transfer_q.graph:graph",
    context=Context,
    options=Options,
    rows=read_input,
    notes=notes,
    calls=count_calls,
    uncounted="a beginning that grows with each choice: prompts are counted with the whole horizon",
    rows_of_one=rows_of_prompt,
    report=deferred("dikast.graphs.transfer_q.report:report"),
    story=deferred("dikast.graphs.transfer_q.story:story"),
    exports=training_exports(TRAINING, "sft", "preference", "value"),
    after=what_next,
)
