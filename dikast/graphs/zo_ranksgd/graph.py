"""ZO-RankSGD: a method's knobs are moved to where its runs are ranked higher, by rankings alone.

Settings near the present ones are run over a sample of rows; a measure, a judge or a person ranks the runs; the
ranking gives a direction, a few steps along it are run and ranked, and the best of them is where the next round begins.
Random search, a grid and CMA-ES ask and are told in the same terms, with the same number of trials.

Paper: Tang et al.: Zeroth-Order Optimization Meets Human Feedback, arXiv 2303.03751.

    context = zo_ranksgd.Context(method="genqr", base=genqr.Context(...), knobs="mixing,damping", measure="nDCG@10",
                                 facts={"qrels": "qrels.txt"}, folder="runs/tune")
    result = await zo_ranksgd.graph.ainvoke({"id": "tune", "rows": rows, "budget": 24}, context=context)
    result["settings"]              # {"mixing": 0.62, "damping": "log"}

```mermaid
graph TD
    __start__ --> begin
    begin --> propose
    propose -.-> run
    propose -.-> finish
    run --> rank
    rank --> propose
    finish --> __end__
```

What was tried and how it was ranked is in `FOLDER/ID/tuning.jsonl` before the next thing is done (`journal`); run
again, the graph finds it there, so that it needs no checkpointer.

Not here: knobs without an order, or that no `Context` has; and no word on how sure the outcome is beyond the rows that
are held out: with few trials and few rows the best of them is best partly by luck.
"""

from __future__ import annotations

from typing import Literal

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.graphs.zo_ranksgd.choosing import compare_held, conclude
from dikast.graphs.zo_ranksgd.context import Context, Input, Output, State, Update
from dikast.graphs.zo_ranksgd.journal import Journal
from dikast.graphs.zo_ranksgd.rankers import ranker_of
from dikast.graphs.zo_ranksgd.records import Round
from dikast.graphs.zo_ranksgd.roles import Comparison, Ranked
from dikast.graphs.zo_ranksgd.searching import (
    STALLED,
    algorithm_of,
    ask_next,
    ground_of,
    is_stalled,
    ranking_of,
    room_left,
)
from dikast.graphs.zo_ranksgd.tuned import Tuned
from dikast.tuning.knobs import settings_in
from dikast.wire import check, check_input

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph"]

NAME = "zo_ranksgd"


def tuned_of(state: State, runtime: Runtime[Context]) -> Tuned:
    """The method that is tuned."""
    return Tuned.of(runtime.context, runtime.context.folder / state["id"])


async def begin(state: State, runtime: Runtime[Context]) -> Update:
    """Find what was done before, or run the settings that it begins with."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "begin", "the tuning begins, or goes on")
    tuned, ranker = tuned_of(state, runtime), ranker_of(context)
    journal = Journal(tuned.folder)
    journal.begin(ground_of(context, ranker, state))
    trials, start = journal.trials(), settings_in(tuned.knobs, context.base)
    algorithm_of(tuned, start, state["budget"])  # what it cannot begin with, or lacks, is told now
    if not trials:
        trials = [(await tuned.run(1, start, state["rows"], ranker))[0]]
        journal.add_trial(trials[0])
    return {"start": start, "trials": trials, "rounds": journal.rounds(), "question": None, "asked": [], "reason": ""}


async def propose(state: State, runtime: Runtime[Context]) -> Update:
    """Have the algorithm ask, brought to where it stood by what it was told."""
    tell_step(runtime, NAME, "propose", f"round {len(state['rounds']) + 1}, settings are chosen")
    room = room_left(state)
    if is_stalled(state["rounds"]):
        return {"question": None, "reason": STALLED}
    return {"question": ask_next(tuned_of(state, runtime), state, room) if room > 0 else None}


def after_proposal(state: State) -> Literal["run", "finish"]:
    """Whether anything is asked."""
    return "finish" if state["question"] is None else "run"


async def run(state: State, runtime: Runtime[Context]) -> Update:
    """Run what is asked about and was not run before: a trial for each setting."""
    question = state["question"]
    assert question is not None
    tell_step(runtime, NAME, "run", f"{len(question['points'])} settings are run, known ones are not")
    tuned, ranker = tuned_of(state, runtime), ranker_of(runtime.context)
    journal, trials, asked = Journal(tuned.folder), list(state["trials"]), list[int]()
    for point in question["points"]:
        settings = tuned.settings_at(point)
        known = next((one["trial"] for one in trials if one["settings"] == settings), None)
        if known is None:
            trial, _ = await tuned.run(len(trials) + 1, settings, state["rows"], ranker)
            journal.add_trial(trial)
            trials.append(trial)
            known = trial["trial"]
        asked.append(known)
    return {"trials": trials, "asked": asked}


async def rank(state: State, runtime: Runtime[Context]) -> Update:
    """Have the runs ranked, and write the answer down."""
    question, number = state["question"], len(state["rounds"]) + 1
    assert question is not None
    tell_step(runtime, NAME, "rank", f"round {number}, the runs are ranked")
    tuned, ranker = tuned_of(state, runtime), ranker_of(runtime.context)
    journal = Journal(tuned.folder)
    sound = [one for one in state["trials"] if one["trial"] in state["asked"] and one["outcome"] == "ok"]
    ranked = Ranked([[one["trial"]] for one in sound])
    if len(sound) > 1:
        ran = [tuned.ran(one) for one in sound]
        ranked = await ranker.rank(Comparison(number, ran, question["best"], journal))
    done = Round(
        round=number,
        about=question["about"],
        room=question["room"],
        points=question["points"],
        trials=state["asked"],
        ranking=ranking_of(ranked.groups, state["asked"]),
        said=dict(ranked.said),
    )
    journal.add_round(done)
    return {"rounds": [*state["rounds"], done], "question": None, "asked": []}


async def finish(state: State, runtime: Runtime[Context]) -> Update:
    """Choose, and compare with the start on rows that were never tuned on."""
    tell_step(runtime, NAME, "finish", f"{len(state['trials'])} settings were tried, one is chosen")
    tuned, ranker = tuned_of(state, runtime), ranker_of(runtime.context)
    over = conclude(tuned, state)
    held = await compare_held(tuned, ranker, state, over.get("chosen", 1)) if state.get("held") else None
    return {**over, "comparison": held}


def build() -> AsyncStateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    graph = AsyncStateGraph[State, Context, Input, Output](State, Context, input_schema=Input, output_schema=Output)
    graph.add_node("begin", begin)
    graph.add_node("propose", propose)
    graph.add_node("run", run)
    graph.add_node("rank", rank)
    graph.add_node("finish", finish)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "propose")
    graph.add_conditional_edges("propose", after_proposal)
    graph.add_edge("run", "rank")
    graph.add_edge("rank", "propose")
    graph.add_edge("finish", END)
    return graph


graph = build().compile(checkpointer=False, name=NAME)
