"""Transfer Q*, one text: pieces are proposed, completed, rewarded; the one that leads to good texts is taken; again.

The solver proposes what could come next. A baseline, which somebody aligned before, completes each candidate to its
end; a reward says what the whole texts are worth; their mean is the candidate's value. One candidate is drawn by its
probability under the solver times exp(value / alpha), and so on until the text ends. No model is trained.

Paper: Chakraborty et al.: Transfer Q Star: Principled Decoding for LLM Alignment, arXiv 2405.20495.

    context = transfer_q.Context(solver="vllm:SFT", baseline="vllm:DPO", reward="function:my_module:my_reward")
    result = await transfer_q.graph.ainvoke({"prompt": "..."}, context=context)
    result["text"], result["reward"], result["steps"][0]["candidates"]

```mermaid
graph TD
    __start__ --> begin
    begin --> compare
    compare --> propose
    propose -.-> roll_out
    propose -.-> finish
    roll_out --> appraise
    appraise --> choose
    choose -.-> propose
    choose -.-> finish
    finish --> record
    record --> __end__
```

Not here: proposals (`proposing.py`), completions (`rolling.py`), values (`appraising.py`, `values.py`), choices
(`choosing.py`); any change of a model's weights.
"""

from __future__ import annotations

import time
from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from dikast.agents.failures import node_failure_of
from dikast.errors import DataError
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.graphs.transfer_q.appraising import appraise as appraise_piece
from dikast.graphs.transfer_q.appraising import extremes, problem_of, reward_all, reward_text
from dikast.graphs.transfer_q.budget import LAST, NOTHING, plus, used_up
from dikast.graphs.transfer_q.context import Context, Input, Output, State, Update
from dikast.graphs.transfer_q.deciding import decide
from dikast.graphs.transfer_q.draws import stream_of
from dikast.graphs.transfer_q.proposing import ends_of, same_vocabulary
from dikast.graphs.transfer_q.proposing import propose as propose_pieces
from dikast.graphs.transfer_q.records import Problem, Spent, Step
from dikast.graphs.transfer_q.rolling import Beginning
from dikast.graphs.transfer_q.rolling import roll_out as roll_out_pieces
from dikast.records import Outcome
from dikast.retrieval.encoders.encoder import encode, normalised
from dikast.wire import check, check_input, on_error

NAME = "transfer_q"


async def begin(state: State, runtime: Runtime[Context]) -> Update:
    """Start with an empty text.

    Raises:
        DataError: There is no prompt.
    """
    check(runtime.context, Context)
    check_input(state, Input)
    if not state["prompt"].strip():
        raise DataError(f"row {state.get('id', '')!r} has no prompt", field="prompt", hint="give every row one")
    tell_step(runtime, NAME, "begin", "an empty text")
    return {
        "text": "",
        "tokens": [],
        "ends": [],
        "seconds": 0.0,
        "steps": [],
        "spent": NOTHING,
        "kl": 0.0,
        "shared": True,
        "seam": False,
        "reward": None,
        "said": "",
        "logprob": None,
        "coherence": None,
        "best": None,
        "worst": None,
        "unrewarded": Problem(count=0, reason=""),
        "ended": "",
        "provenance": None,
        "outcome": Outcome.OK,
        "reason": "",
    }


async def compare(state: State, runtime: Runtime[Context]) -> Update:
    """Find out whether solver and baseline share a vocabulary, and how a turn ends."""
    context, began = runtime.context, time.perf_counter()
    tell_step(runtime, NAME, "compare", "the vocabularies are compared")
    baseline = context.baseline if context.decoder == "transfer_q" else None
    shared, ends = await same_vocabulary(context.solver, baseline), list(await ends_of(context))
    return {"shared": shared, "ends": ends, "seconds": since(began)}


def since(began: float) -> float:
    """Seconds that a node took; the state adds them up, so that another process may go on with a row."""
    return time.perf_counter() - began


async def propose(state: State, runtime: Runtime[Context]) -> Update:
    """The candidates of the next choice, if a budget is left for it."""
    context, tokens, began = runtime.context, tuple(state["tokens"]), time.perf_counter()
    tell_step(runtime, NAME, "propose", f"candidates behind {len(tokens)} tokens")
    if spent := used_up(context, state["spent"], len(state["steps"]), len(tokens), state["seconds"]):
        reason = f"the {spent} leaves no room for choice {len(state['steps']) + 1}"
        return {"outcome": Outcome.LIMIT, "reason": reason, "ended": spent, "pieces": []}
    found = await propose_pieces(context, state, tokens, state["ends"])
    update: Update = {"pieces": found.pieces, "rolling": found.spent, "spent": plus(state["spent"], found.spent)}
    update |= {"provenance": state["provenance"] or found.provenance, "seconds": since(began)}
    return update if found.pieces else {**update, "outcome": found.outcome, "reason": found.reason}


def after_proposals(state: State) -> Literal["roll_out", "finish"]:
    """On to the completions, if there is anything to complete."""
    return "roll_out" if state["pieces"] else "finish"


async def roll_out(state: State, runtime: Runtime[Context]) -> Update:
    """The completions of all candidates."""
    context, pieces, began = runtime.context, state["pieces"], time.perf_counter()
    tell_step(runtime, NAME, "roll_out", f"{len(pieces)} candidates are completed")
    begun = Beginning(state["text"], tuple(state["tokens"]), state["shared"])
    found = await roll_out_pieces(context, state, begun, pieces)
    before = state["unrewarded"]
    problem = Problem(
        count=before["count"] + found.problem["count"], reason=before["reason"] or found.problem["reason"]
    )
    return {
        "rolled": found.rolled,
        "lost": found.lost,
        "rolling": plus(state["rolling"], found.spent),
        "spent": plus(state["spent"], found.spent),
        "unrewarded": problem,
        "seconds": since(began),
    }


async def appraise(state: State, runtime: Runtime[Context]) -> Update:
    """What each candidate is worth."""
    context, rolled, pieces, began = runtime.context, state["rolled"], state["pieces"], time.perf_counter()
    texts = [one["text"] for one in rolled] if context.valued else []
    tell_step(runtime, NAME, "appraise", f"{len(set(texts))} texts are rewarded")
    rewards = await reward_all(context.reward, context, state, texts)
    baseline = None
    if context.indirect and context.baseline_reward is not None:
        baseline = await reward_all(context.baseline_reward, context, state, texts)
    own = {at: [one["text"] for one in rolled if one["candidate"] == at] for at in range(len(pieces))}
    candidates = [
        appraise_piece(context, piece, own[at] if texts else [], state["lost"][at], rewards, baseline)
        for at, piece in enumerate(pieces)
    ]
    best, worst = extremes(state["best"], state["worst"], rolled if context.completions else [], rewards)
    asked = [rewards[text] for text in texts] + ([baseline[text] for text in texts] if baseline is not None else [])
    rolling = state["rolling"]
    step = Step(
        place=len(state["tokens"]),
        candidates=candidates,
        chosen=0,
        guided=False,
        kl=0.0,
        rollouts=rolling["rollouts"],
        rollout_tokens=rolling["rollout_tokens"],
        cached_tokens=rolling["cached_tokens"],
    )
    problem = problem_of(state["unrewarded"], asked)
    return {"pending": step, "best": best, "worst": worst, "unrewarded": problem, "seconds": since(began)}


async def choose(state: State, runtime: Runtime[Context]) -> Update:
    """Take one candidate."""
    context, step = runtime.context, state["pending"]
    tell_step(runtime, NAME, "choose", f"one of {len(step['candidates'])} candidates is taken")
    decided = decide(context, step, stream_of(context.seed, state, step["place"]))
    taken = decided["candidates"][decided["chosen"]]
    tokens = [*state["tokens"], *taken["tokens"]]
    ended = "stop" if taken["ended"] else "horizon" if len(tokens) >= context.horizon else ""
    return {
        "steps": [decided],
        "tokens": tokens,
        "text": state["text"] + taken["text"],
        "kl": state["kl"] + decided["kl"],
        "ended": ended,
    }


def after_choice(state: State) -> Literal["propose", "finish"]:
    """On to the next choice, until the text ends."""
    return "finish" if state["ended"] else "propose"


async def finish(state: State, runtime: Runtime[Context]) -> Update:
    """The whole text: as the solver's tokenizer reads it, how likely it is, what it is worth."""
    context, tokens = runtime.context, tuple(state["tokens"])
    tell_step(runtime, NAME, "finish", f"{len(tokens)} tokens are looked at as a whole")
    if not tokens:
        return {}
    whole = await context.solver.whole(state["prompt"], tokens, role="solver")
    call = Spent(calls=LAST, rollouts=0, rollout_tokens=0, cached_tokens=0, proposal_tokens=0)
    update: Update = {
        "text": whole.text,
        "logprob": whole.logprob,
        "seam": whole.text != state["text"],
        "spent": plus(state["spent"], call),
    }
    if not whole.text.strip():
        return {**update, "outcome": Outcome.EMPTY, "reason": "the text has no words"}
    found = await reward_text(context.reward, context, state, whole.text)
    update |= {"reward": found.value, "said": found.said}
    update |= {"coherence": await coherence_of(context, state["prompt"], whole.text)}
    broken = found.value is None and state["outcome"] == Outcome.OK
    return {**update, "outcome": found.outcome, "reason": found.reason} if broken else update


async def coherence_of(context: Context, prompt: str, text: str) -> float | None:
    """The cosine between prompt and text; `None` without an encoder."""
    if context.encoder is None:
        return None
    first, second = normalised(await encode(context.encoder, [prompt, text], "document"))
    return float(first @ second)


@on_error
async def failed(state: State, error: NodeError) -> Command[Literal["record"]]:
    """A call that failed is a record; what was written before it is kept."""
    del state
    outcome, reason = node_failure_of(error)
    return Command(update=Update(outcome=outcome, reason=reason), goto="record")


async def record(state: State, runtime: Runtime[Context]) -> Update:
    """Say how the text ended, if nothing did."""
    tell_step(runtime, NAME, "record", f"{len(state['steps'])} choices are recorded")
    return {"ended": state["ended"] or state["outcome"]}


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("begin", begin)
    builder.add_node("compare", compare, error_handler=failed)
    builder.add_node("propose", propose, error_handler=failed)
    builder.add_node("roll_out", roll_out, error_handler=failed)
    builder.add_node("appraise", appraise, error_handler=failed)
    builder.add_node("choose", choose)
    builder.add_node("finish", finish, error_handler=failed)
    builder.add_node("record", record)
    builder.add_edge(START, "begin")
    builder.add_edge("begin", "compare")
    builder.add_edge("compare", "propose")
    builder.add_conditional_edges("propose", after_proposals, ["roll_out", "finish"])
    builder.add_edge("roll_out", "appraise")
    builder.add_edge("appraise", "choose")
    builder.add_conditional_edges("choose", after_choice, ["propose", "finish"])
    builder.add_edge("finish", "record")
    builder.add_edge("record", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
