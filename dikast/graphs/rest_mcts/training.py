"""Trees as training rows: right solutions for the policy, partial ones with values for the critic, steps with labels.

Also pairs, by the critic alone: see `dikast.graphs.rest_mcts.preferring`.

    for split, row in rows("value", run, context): ...

`sft`: every right solution, once, perhaps only those of a value; `value`: every partial solution of which a value was
inferred; `stepwise`: every verified solution, a label a step, true if a right answer was reached from there. The prompt
is that by which the policy is asked. In no row: gold answers, but for what right solutions say themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dikast.agents.prompt import load_prompt
from dikast.graphs.rest_mcts.context import Context
from dikast.graphs.rest_mcts.inference import distances
from dikast.graphs.rest_mcts.preferring import best_and_worst
from dikast.graphs.rest_mcts.splitting import join, split
from dikast.graphs.rest_mcts.tree import Node, is_whole, path, steps
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.records import Outcome
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind, as_conversation, said_by_assistant
from dikast.training.splits import digest_of
from dikast.training.steps import Form, Stepped, told_in

SOLVE = "rest_mcts/solve"
FAILED = LeftOut("the row failed")
UNVERIFIED = LeftOut("no gold answer, or the check could not be made")
NONE_RIGHT = LeftOut("no solution of its tree is right")
LOW = LeftOut("right, but of a lower value than is kept")
UNKNOWN = LeftOut("nothing is known of its steps: no verified solution goes through them, or it was drawn whole")

Record = Mapping[str, Any]
WHAT = (
    "Steps of solutions that a search found, guided by a value (ReST-MCTS*, Zhang et al. 2024). Which solutions are"
    " right is known by their final answers; what each step is worth is inferred from that. `sft`: right solutions;"
    " `value`: partial solutions with their inferred value, 0 to 1; `stepwise`: verified solutions with a label a step,"
    " true where a right answer was reached from there; `preference`: a question's solution of the highest value"
    " against that of the lowest, whether they are right or not. A right answer may have been reached by wrong steps."
)
OWN: Mapping[str, Mapping[str, str]] = {
    "sft": {"appraised": "the critic's value of it", "search": "which search found it"},
    "value": {
        "distance": "fewest further steps to a right answer that were found",
        "appraised": "the critic's value of it",
        "search": "which search found it",
    },
    "stepwise": {"right": "whether the final answer is", "search": "which search found it"},
    "preference": {
        "score_chosen": "the critic's value of the better solution",
        "score_rejected": "of the worse one",
        "tied": "whether another one was as good, or as bad",
        "search": "which search found them",
    },
}


def about(kind: Kind) -> About:
    """What the card says."""
    return about_rows(kind, WHAT, OWN[kind])


def about_others(form: Form) -> About:
    """What the card of rows in somebody else's shape says."""
    columns = {"math_shepherd": "input, label and task, a mark behind each step", "prm800k": "question and rated steps"}
    text = (WHAT, f"In the shape of {form}: {columns[form]}.")
    return About(f"Steps in the shape of {form}", text, {})


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run gives; rows of one question are in one split."""
    return sift(candidates(kind, run.rows, context), kind)


def others(form: Form, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """The rows of `stepwise` in somebody else's shape."""
    for one in rows("stepwise", run, context):
        if isinstance(one, LeftOut):
            yield one
        else:
            split, row = one
            yield split, told_in(form, Stepped(row["prompt"], tuple(row["completions"]), tuple(row["labels"])))


def candidates(kind: Kind, records: Callable[[], Iterable[Record]], context: Context) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more."""
    for record in records():
        output = record["output"]
        if output is None or Outcome(record["outcome"]).failed:
            yield FAILED
            continue
        nodes: list[Node] = output["nodes"]
        if kind == "preference":
            yield pair_of_tree(record, nodes, context)
            continue
        verified = [one for one in nodes if is_whole(one) and one["right"] is not None]
        if not verified:
            yield UNVERIFIED
        elif not any(one["right"] for one in verified):
            yield NONE_RIGHT
        else:
            yield from of_tree(kind, record, nodes, context)


def of_tree(kind: Kind, record: Record, nodes: list[Node], context: Context) -> Iterator[Candidate | LeftOut]:
    """The rows of a tree in which something is right."""
    if kind == "sft":
        for one in nodes:
            if one["right"]:
                low = one["appraised"] is not None and one["appraised"] < context.least_value
                yield LOW if low else candidate(kind, record, nodes, one, context, {"appraised": one["appraised"]})
    elif kind == "value":
        for one in nodes[1:]:
            known = one["inferred"] is not None
            columns = {"value": one["inferred"], "distance": one["distance"], "appraised": one["appraised"]}
            yield candidate(kind, record, nodes, one, context, columns) if known else UNKNOWN
    else:
        rescued = distances(nodes)
        for one in nodes:
            if is_whole(one) and one["right"] is not None:
                found = labelled(nodes, one, rescued, context)
                yield UNKNOWN if found is None else candidate(kind, record, nodes, one, context, found)


def labelled(
    nodes: list[Node], end: Node, rescued: Mapping[int, int], context: Context
) -> dict[str, list[Any] | bool | None] | None:
    """A solution's steps with labels; `None` where it was drawn whole and is wrong, nobody knows from which step on."""
    way = path(nodes, end["id"])[1:]
    if end["who"] != "whole":
        labels = [step["id"] in rescued for step in way]
        return {"completions": [step["text"] for step in way], "labels": labels, "right": end["right"]}
    if not end["right"]:
        return None
    parts = split(end["text"], context.unit)
    return {"completions": parts, "labels": [True] * len(parts), "right": True}


def pair_of_tree(record: Record, nodes: list[Node], context: Context) -> Candidate | LeftOut:
    """The row that sets the best solution against the worst, by the critic's values; no verdict is looked at."""
    found = best_and_worst(nodes, context.unit)
    if isinstance(found, LeftOut):
        return found
    chosen, rejected = (
        said_by_assistant(join(steps(nodes, one), context.unit)) for one in (found.chosen, found.rejected)
    )
    scores = {"score_chosen": found.best, "score_rejected": found.worst, "tied": found.tied}
    columns = {"prompt": prompt_of(record, context), "chosen": chosen, "rejected": rejected, **scores}
    return made_of(record, context, columns)


def candidate(
    kind: Kind, record: Record, nodes: list[Node], node: Node, context: Context, columns: Mapping[str, Any]
) -> Candidate:
    """A row that ends with a node."""
    first: dict[str, Any] = {"prompt": record["input"]["question"]}
    if kind != "stepwise":
        solution = join(steps(nodes, node["id"]), context.unit)
        first = {"prompt": prompt_of(record, context), "completion": said_by_assistant(solution)}
    return made_of(record, context, {**first, **columns})


def prompt_of(record: Record, context: Context) -> list[dict[str, str]]:
    """What the policy was asked, as a conversation."""
    fields = {"question": record["input"]["question"], "ending": context.check.ending}
    return as_conversation(load_prompt(SOLVE).render(fields))


def made_of(record: Record, context: Context, columns: Mapping[str, Any]) -> Candidate:
    """A row of a tree, with its origin."""
    given, prompt = record["input"], load_prompt(SOLVE)
    origin = Origin(str(given.get("id", "")), record["key"], context.solver.spec, context.sampling.seed, prompt.id)
    searched = record["output"]["searched"]
    return Candidate({**columns, "search": searched}, digest_of(given["question"]), origin)
