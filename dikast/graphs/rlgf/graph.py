"""RLGF, one text: policy and guide write it in turns, it gets a reward, and every token keeps its owner.

A switch is drawn on the places of the text. PPO++ lets the guide write what is before it, and the policy the rest;
AggreVaTeD lets the policy begin and the guide finish. The policy thus acts where a better writer has brought it, or
learns what a better writer makes of its actions. Only its own tokens are trained on.

Paper: Chang et al.: Learning to Generate Better Than Your LLM, arXiv 2306.11816.

    context = rlgf.Context(solver="transformers:MODEL?lora=...", guide="transformers:MODEL", reward="metric:rougeL")
    result = await rlgf.graph.ainvoke({"prompt": "...", "reference": "..."}, context=context)
    [(token["id"], token["owner"]) for token in result["tokens"]], result["reward"]

```mermaid
graph TD
    __start__ --> begin
    begin --> roll_in
    roll_in --> switch
    switch -.-> roll_out
    switch -.-> weigh
    switch -.-> record
    roll_out -.-> weigh
    roll_out -.-> record
    weigh --> reward
    reward --> record
    record --> __end__
```

Not here: training on the texts (`dikast.graphs.rlgf.rollout`, `torch_ppo`); more than one text a row: `--texts` makes
rows that differ in `sample`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, cast

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from dikast.agents.failures import node_failure_of
from dikast.agents.ledger import current
from dikast.errors import DataError
from dikast.graphs.measures import measure
from dikast.graphs.rewarding import Asked
from dikast.graphs.rlgf.advantages import penalised
from dikast.graphs.rlgf.context import Context, Input, Output, State, Update
from dikast.graphs.rlgf.records import Token, Turned, record_switch, record_turn
from dikast.graphs.rlgf.schedules import Schedule
from dikast.graphs.rlgf.turns import Uniforms, Written, plan_of
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.wire import check, check_input, on_error

NAME = "rlgf"
BITS = 53
"""Of a number in [0, 1)."""


async def begin(state: State, runtime: Runtime[Context]) -> Update:
    """Draw who rolls in, and where the switch is.

    Raises:
        DataError: There is no prompt.
    """
    context = check(runtime.context, Context)
    check_input(state, Input)
    if not state["prompt"].strip():
        raise DataError(f"row {state.get('id', '')!r} has no prompt", field="prompt", hint="give every row one")
    schedule = Schedule(context.collector, context.share, context.switch_at)
    [whose, *_] = uniforms(context, "an iteration")
    kind = schedule.kind(context.iteration, whose)
    ledger = current()
    sample = state.get("sample", 0) + (ledger.sample if ledger else 0)
    drawn = uniforms(context, state["prompt"], state.get("id", ""), sample)
    plan = plan_of(kind, horizon=context.horizon, beta=context.beta, uniforms=drawn)
    tell_step(runtime, NAME, "begin", f"{plan.roll_in} rolls in, the switch is at {plan.tau}")
    return {
        "written": Written(plan).as_dict(),
        "tau": plan.tau,
        "collector": kind,
        "switch": None,
        "turns": [],
        "outcome": Outcome.OK,
        "reason": "",
        "text": "",
        "said": "",
        "measures": {},
        "reward": None,
        "logprobs": [],
        "held": None,
    }


def uniforms(context: Context, *what: object) -> Uniforms:
    """Three numbers in [0, 1), by seed, iteration and what they are for."""
    return uniforms_of(context.seed, context.iteration, *what)


def uniforms_of(seed: int, iteration: int, *what: object) -> Uniforms:
    """The same, for whoever has no context of this graph."""
    told = json.dumps([seed, iteration, *what]).encode()
    digest = hashlib.sha256(told).digest()
    numbers = [int.from_bytes(digest[8 * at : 8 * at + 8], "big") >> (64 - BITS) for at in range(3)]
    return cast(Uniforms, tuple(number / 2**BITS for number in numbers))


async def roll_in(state: State, runtime: Runtime[Context]) -> Update:
    """The first turn."""
    tell_step(runtime, NAME, "roll_in", "the first turn is written")
    return await speak(state, runtime)


async def roll_out(state: State, runtime: Runtime[Context]) -> Update:
    """All turns behind the first."""
    tell_step(runtime, NAME, "roll_out", "the other turns are written")
    update: Update = {}
    turns: list[Turned] = []
    while Written.from_dict(state["written"]).turn:
        update = await speak(state, runtime)
        turns = [*turns, *update.get("turns", [])]
        if update.get("outcome"):
            break
        state = {**state, "written": update.get("written", state["written"])}
    return {**update, "turns": turns}


async def speak(state: State, runtime: Runtime[Context]) -> Update:
    """One turn, by whose it is."""
    context, before = runtime.context, Written.from_dict(state["written"])
    turn = before.turn
    if turn is None:
        raise RuntimeError("the text is done")
    prompt, tokens, sample = state["prompt"], before.tokens, state.get("sample", 0)
    if turn.owner == "policy":
        said = await context.solver.go_on(
            prompt, tokens, turn.tokens, sampling=context.sampling, role="solver", sample=sample
        )
    else:
        said = await context.guide.guide(
            prompt, tokens, turn.tokens, policy=context.solver, sampling=context.guiding, sample=sample
        )
    if said.outcome is not Outcome.OK:
        refused = record_turn(turn, said, before, before)
        return {"turns": [refused], "outcome": said.outcome, "reason": f"the {turn.owner}: {said.reason}"}
    after = before.add(said.tokens, ended=said.ended or not said.tokens)
    return {"written": after.as_dict(), "turns": [record_turn(turn, said, before, after)]}


async def switch(state: State, runtime: Runtime[Context]) -> Update:
    """Note where the text stands."""
    text = Written.from_dict(state["written"])
    told = record_switch(state["tau"], text)
    moved = ", moved since the guide ended early" if told["moved"] else ""
    tell_step(runtime, NAME, "switch", f"{len(text.tokens)} tokens stand, the switch is at {told['tau']}{moved}")
    return {"switch": told}


def after_switch(state: State) -> Literal["roll_out", "weigh", "record"]:
    """On with the text, if somebody has a turn."""
    if state["outcome"] != Outcome.OK:
        return "record"
    return "roll_out" if Written.from_dict(state["written"]).turn else "weigh"


def after_roll_out(state: State) -> Literal["weigh", "record"]:
    """On to its log-probabilities, if it came."""
    return "weigh" if state["outcome"] == Outcome.OK else "record"


async def weigh(state: State, runtime: Runtime[Context]) -> Update:
    """How likely each token is under the policy, and under what it is held to."""
    context, tokens = runtime.context, Written.from_dict(state["written"]).tokens
    tell_step(runtime, NAME, "weigh", f"{len(tokens)} tokens are scored")
    own = await context.solver.weigh(state["prompt"], tokens, role="solver")
    held = None
    if context.reference is not None:
        held = list((await context.reference.weigh(state["prompt"], tokens, role="reference")).logprobs)
    return {"logprobs": list(own.logprobs), "held": held, "text": own.text}


async def reward(state: State, runtime: Runtime[Context]) -> Update:
    """What the whole text is worth, and what else is told of it."""
    context = runtime.context
    tell_step(runtime, NAME, "reward", f"{len(state['text'])} characters are judged")
    asked = Asked(
        state["prompt"],
        state["text"],
        state.get("reference") or "",
        context.rubric,
        context.scale,
        context.judging,
        tuple(state.get("others") or ()),
        tuple(state.get("concepts") or ()),
    )
    found = await context.reward.reward(asked)
    beside = await asyncio.to_thread(measure, context.measures, asked)
    told: Update = {"reward": found.value, "said": found.said, "outcome": found.outcome, "reason": found.reason}
    return {**told, "measures": beside}


@on_error
async def failed(state: State, error: NodeError) -> Command[Literal["record"]]:
    """A call that failed is a record; what was written before it is kept."""
    del state
    outcome, reason = node_failure_of(error)
    return Command(update=Update(outcome=outcome, reason=reason), goto="record")


async def record(state: State, runtime: Runtime[Context]) -> Update:
    """Every token with its owner and what is stored of it."""
    text = Written.from_dict(state["written"])
    tell_step(runtime, NAME, "record", f"{sum(text.mask)} of {len(text.tokens)} tokens are the policy's")
    logprobs, held = state["logprobs"], state["held"]
    whole = len(logprobs) == len(text.tokens)
    kl = None
    if whole and held is not None:
        kl = sum((own - one) * mine for own, one, mine in zip(logprobs, held, text.mask, strict=True))
    return {
        "tokens": tokens_of(text, state, runtime.context.kl) if whole else [],
        "kl": kl,
        "own": bool(text.mask) and all(text.mask),
    }


def tokens_of(text: Written, state: Mapping[str, Any], kl: float) -> list[Token]:
    """The audit: a record a token."""
    logprobs, held = state["logprobs"], state["held"]
    paid: list[float | None] = [None] * len(logprobs)
    if state["reward"] is not None:
        paid = [*penalised(state["reward"], logprobs, held or logprobs, text.mask, kl=kl)]
    return [
        Token(
            id=id_,
            owner=text.owners[at],
            trained=bool(text.mask[at]),
            logprob=logprobs[at],
            reference=None if held is None else held[at],
            reward=paid[at],
        )
        for at, id_ in enumerate(text.tokens)
    ]


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("begin", begin)
    builder.add_node("roll_in", roll_in, error_handler=failed)
    builder.add_node("switch", switch)
    builder.add_node("roll_out", roll_out, error_handler=failed)
    builder.add_node("weigh", weigh, error_handler=failed)
    builder.add_node("reward", reward, error_handler=failed)
    builder.add_node("record", record)
    builder.add_edge(START, "begin")
    builder.add_edge("begin", "roll_in")
    builder.add_edge("roll_in", "switch")
    builder.add_conditional_edges("switch", after_switch, ["roll_out", "weigh", "record"])
    builder.add_conditional_edges("roll_out", after_roll_out, ["weigh", "record"])
    builder.add_edge("weigh", "reward")
    builder.add_edge("reward", "record")
    builder.add_edge("record", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
