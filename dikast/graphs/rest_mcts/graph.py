"""ReST-MCTS*, one question: a tree of steps that a value guides; then which were right, and what each step is worth.

A policy proposes steps, a critic values the partial solutions, UCT leads to where the next steps are asked for, a short
rollout looks ahead. When the search has ended, and not before, an oracle that knows the gold answer says which whole
solutions are right, and from that the value of every step is inferred: rows to train the policy (right solutions) and
the critic (steps with values) on. Greedy decoding, best-of-N, self-consistency, beam search and tree of thoughts run in
the same graph under the same budget of tokens.

Paper: Zhang et al.: ReST-MCTS*: LLM Self-Training via Process Reward Guided Tree Search, arXiv 2406.03816.

    context = rest_mcts.Context(solver="vllm:MODEL", critic="head+vllm:runs/value/model")
    row = await rest_mcts.graph.ainvoke({"question": "...", "answer": "18"}, context=context)
    row["found"], row["correct"], row["nodes"]

```mermaid
graph TD
    __start__ --> begin
    begin --> select
    select -.-> expand
    select -.-> back_up
    select -.-> answer
    expand --> evaluate
    evaluate -.-> rollout
    evaluate -.-> gate
    rollout --> back_up
    back_up --> gate
    gate -.-> select
    gate -.-> answer
    answer --> verify
    verify --> infer
    infer --> __end__
```

Not here: training on what was found (`dikast train sft | value`), and the paper's self-critic, which asks the policy
itself whether a branch is to be given up: here the check says whether a solution is at its end.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from dikast.errors import DataError, UsageError
from dikast.graphs.rest_mcts.budgets import room, short_of
from dikast.graphs.rest_mcts.context import VALUELESS, WHOLE, Context, Input, Output, State, Update
from dikast.graphs.rest_mcts.expanding import appraise, propose
from dikast.graphs.rest_mcts.inference import infer as infer_values
from dikast.graphs.rest_mcts.picking import passed_gate, pick, take, value_of
from dikast.graphs.rest_mcts.records import nothing
from dikast.graphs.rest_mcts.splitting import join
from dikast.graphs.rest_mcts.tree import Node, blend, copied, is_whole, root, steps
from dikast.graphs.rest_mcts.tree import back_up as back_up_values
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome, gravest_failure
from dikast.wire import check, check_input

NAME = "rest_mcts"


async def begin(state: State, runtime: Runtime[Context]) -> Update:
    """An empty tree.

    Raises:
        DataError: There is no question.
        UsageError: The row asks for a search that the context does not name.
    """
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "begin", "a tree begins with the question")
    if not state["question"].strip():
        raise DataError(f"row {state.get('id', '')!r} has no question", field="question", hint="give every row one")
    search = state.get("search") or context.searches[0]
    if search not in context.searches:
        raise UsageError(f"search {search!r} is none of this run's", hint=f"they are {', '.join(context.searches)}")
    return Update(
        searched=search,
        found=None,
        nodes=[root()],
        spent=nothing(),
        chosen=[],
        fresh=[],
        target=0,
        stopped="",
        solution="",
        correct=None,
        taken=None,
        outcome=Outcome.OK,
        reason="",
    )


async def select(state: State, runtime: Runtime[Context]) -> Update:
    """Choose which nodes the next steps are asked for."""
    context, nodes = runtime.context, state["nodes"]
    tell_step(runtime, NAME, "select", f"one of {len(nodes)} nodes is chosen")
    short = short_of(context, state["searched"], state["spent"], len(nodes))
    chosen = [] if short else pick(context, state["searched"], nodes, state["fresh"])
    return Update(
        chosen=chosen, fresh=[], target=chosen[0] if chosen else 0, stopped=short or ("" if chosen else "exhausted")
    )


async def after_select(state: State) -> Literal["expand", "back_up", "answer"]:
    """To its expansion; a whole solution that UCT visits for the first time has none."""
    if not state["chosen"]:
        return "answer"
    whole = state["searched"] == "mcts" and is_whole(state["nodes"][state["target"]])
    return "back_up" if whole else "expand"


async def expand(state: State, runtime: Runtime[Context]) -> Update:
    """Ask the policy for steps, several side by side."""
    context, search = runtime.context, state["searched"]
    nodes, spent, began = copied(state["nodes"]), state["spent"].copy(), time.perf_counter()
    tell_step(runtime, NAME, "expand", f"{context.branch} proposals are asked for, or what the budget holds")
    if search in WHOLE:
        first = spent["drawn"]
        asked = [(0, sample) for sample in range(first, first + (1 if search == "greedy" else context.branch))]
    else:
        asked = [(at, sample) for sample in range(context.branch) for at in state["chosen"]]
    may = room(context, search, spent, len(nodes), len(asked))
    who: Literal["whole", "step"] = "whole" if search in WHOLE else "step"
    fresh = await propose(context, search, state["question"], nodes, asked[: may.count], may, spent, who)
    spent["seconds"] += time.perf_counter() - began
    return Update(nodes=mark_silent(nodes), spent=spent, fresh=fresh)


def mark_silent(nodes: list[Node]) -> list[Node]:
    """A policy that ends its turn before it has said anything has no tree."""
    if len(nodes) == 1:
        nodes[0]["end"], nodes[0]["outcome"], nodes[0]["reason"] = "failed", Outcome.EMPTY, "nothing was said"
    return nodes


async def evaluate(state: State, runtime: Runtime[Context]) -> Update:
    """Have the critic value the new partial solutions."""
    context = runtime.context
    nodes, spent, began = copied(state["nodes"]), state["spent"].copy(), time.perf_counter()
    tell_step(runtime, NAME, "evaluate", f"{len(state['fresh'])} new nodes are valued")
    if state["searched"] not in VALUELESS:
        await appraise(context, state["question"], nodes, state["fresh"], spent)
    spent["seconds"] += time.perf_counter() - began
    return Update(nodes=nodes, spent=spent)


async def after_evaluate(state: State) -> Literal["rollout", "gate"]:
    """Only mcts looks ahead, and backs up."""
    return "rollout" if state["searched"] == "mcts" else "gate"


async def rollout(state: State, runtime: Runtime[Context]) -> Update:
    """From the best new node a few steps on; its value takes up the best that was reached."""
    context, search = runtime.context, state["searched"]
    nodes, spent, began = copied(state["nodes"]), state["spent"].copy(), time.perf_counter()
    tell_step(runtime, NAME, "rollout", f"up to {context.roll_steps} steps ahead of the best new node")
    valued = [nodes[id_] for id_ in state["fresh"] if nodes[id_]["value"] is not None]
    if not valued:
        return Update(target=state["chosen"][0])
    best = max(valued, key=value_of)
    at, reached = best, list[float]()
    for _ in range(context.roll_steps):
        may = room(context, search, spent, len(nodes), context.roll_branch)
        if at["end"] or not may.count:
            break
        # Numbered behind those of an expansion, so that an expansion of this node draws others.
        asked = [(at["id"], context.branch + sample) for sample in range(may.count)]
        fresh = await propose(context, search, state["question"], nodes, asked, may, spent, "rollout")
        known = await appraise(context, state["question"], nodes, fresh, spent)
        if not known:
            break
        at = max((nodes[id_] for id_ in known), key=value_of)
        reached.append(value_of(at))
    if reached:
        best["value"] = blend(value_of(best), max(reached), context.alpha)
    spent["seconds"] += time.perf_counter() - began
    return Update(nodes=nodes, spent=spent, target=best["id"])


async def back_up(state: State, runtime: Runtime[Context]) -> Update:
    """Count the visit, and take up the values of what was visited, on the way to the root."""
    nodes = copied(state["nodes"])
    tell_step(runtime, NAME, "back_up", f"visits and values from depth {nodes[state['target']]['depth']} up")
    back_up_values(nodes, state["target"])
    return Update(nodes=nodes)


async def gate(state: State, runtime: Runtime[Context]) -> Update:
    """Say whether the search goes on."""
    context, search = runtime.context, state["searched"]
    spent = state["spent"].copy()
    spent["iterations"] += 1
    tell_step(runtime, NAME, "gate", f"round {spent['iterations']} is over")
    if passed_gate(context, search, state["nodes"]):
        return Update(spent=spent, stopped="gate")
    if search == "greedy":
        return Update(spent=spent, stopped="done")
    return Update(spent=spent, stopped=short_of(context, search, spent, len(state["nodes"])))


async def after_gate(state: State) -> Literal["select", "answer"]:
    """On, unless something has stopped the search."""
    return "answer" if state["stopped"] else "select"


async def answer(state: State, runtime: Runtime[Context]) -> Update:
    """Read the answers of all whole solutions, and take one; nothing is known of the gold answer here."""
    context = runtime.context
    nodes = copied(state["nodes"])
    ends = [one for one in nodes if is_whole(one)]
    tell_step(runtime, NAME, "answer", f"{len(ends)} whole solutions are read")
    solutions = [join(steps(nodes, one["id"]), context.unit) for one in ends]
    found = await asyncio.gather(*(context.check.read(solution) for solution in solutions))
    for node, one in zip(ends, found, strict=True):
        node["answer"] = one.answer
        if one.answer is None:
            node["outcome"], node["reason"] = one.outcome, one.reason
    taken = take(context, state["searched"], nodes)
    if taken is None:
        outcome, reason = why_nothing(nodes, state["stopped"], bool(ends))
        return Update(nodes=nodes, outcome=outcome, reason=reason)
    solution = join(steps(nodes, taken), context.unit)
    return Update(nodes=nodes, taken=taken, found=nodes[taken]["answer"], solution=solution)


def why_nothing(nodes: list[Node], stopped: str, ended: bool) -> tuple[str, str]:
    """Outcome and reason of a search that found no answer."""
    failure = gravest_failure(nodes)
    if failure is not None:
        return failure["outcome"], failure["reason"]
    if len(nodes) == 1 or all(one["outcome"] == Outcome.EMPTY for one in nodes[1:]):
        return Outcome.EMPTY, "the policy said nothing"
    if ended:
        return Outcome.UNPARSED, "no whole solution says an answer"
    return Outcome.UNPARSED, f"no solution came to its end; the search ended by: {stopped}"


async def verify(state: State, runtime: Runtime[Context]) -> Update:
    """Have the oracle say which whole solutions are right: the only step that knows the gold answer."""
    context = runtime.context
    gold = state.get("answer") or ""
    nodes = copied(state["nodes"])
    ends = [one for one in nodes if is_whole(one)] if gold.strip() else []
    tell_step(runtime, NAME, "verify", f"{len(ends)} whole solutions are checked")
    solutions = [join(steps(nodes, one["id"]), context.unit) for one in ends]
    verdicts = await asyncio.gather(*(context.check.verify(state["question"], one, gold) for one in solutions))
    for node, verdict in zip(ends, verdicts, strict=True):
        node["right"] = verdict.right
        if verdict.right is None:
            node["outcome"], node["reason"] = verdict.outcome, verdict.reason
    taken = state["taken"]
    if not gold.strip():
        return Update(nodes=nodes)
    if taken is None:
        return Update(nodes=nodes, correct=None if Outcome(state["outcome"]).failed else False)
    return Update(nodes=nodes, correct=nodes[taken]["right"])


async def infer(state: State, runtime: Runtime[Context]) -> Update:
    """Infer the value of every step from which solutions turned out right."""
    nodes = copied(state["nodes"])
    tell_step(runtime, NAME, "infer", f"values of {len(nodes) - 1} steps are inferred")
    infer_values(nodes)
    return Update(nodes=nodes)


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    for name, node in (
        ("begin", begin),
        ("select", select),
        ("expand", expand),
        ("evaluate", evaluate),
        ("rollout", rollout),
        ("back_up", back_up),
        ("gate", gate),
        ("answer", answer),
        ("verify", verify),
        ("infer", infer),
    ):
        builder.add_node(name, node)
    builder.add_edge(START, "begin")
    builder.add_edge("begin", "select")
    builder.add_conditional_edges("select", after_select, ["expand", "back_up", "answer"])
    builder.add_edge("expand", "evaluate")
    builder.add_conditional_edges("evaluate", after_evaluate, ["rollout", "gate"])
    builder.add_edge("rollout", "back_up")
    builder.add_edge("back_up", "gate")
    builder.add_conditional_edges("gate", after_gate, ["select", "answer"])
    builder.add_edge("answer", "verify")
    builder.add_edge("verify", "infer")
    builder.add_edge("infer", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
