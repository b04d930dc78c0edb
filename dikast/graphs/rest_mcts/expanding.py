"""What happens to a tree when policy and critic have spoken: proposals become nodes, appraisals their values."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.request import Sampling
from dikast.graphs.rest_mcts.budgets import Room
from dikast.graphs.rest_mcts.context import WHOLE, Context
from dikast.graphs.rest_mcts.records import Spent, book_appraisals, book_proposals
from dikast.graphs.rest_mcts.roles import Partial, Proposal
from dikast.graphs.rest_mcts.splitting import join
from dikast.graphs.rest_mcts.tree import End, Node, Who, add, is_whole, path, steps
from dikast.records import Outcome


async def propose(
    context: Context,
    search: str,
    question: str,
    nodes: list[Node],
    asked: Sequence[tuple[int, int]],
    room: Room,
    spent: Spent,
    who: Who,
) -> list[int]:
    """Ask for proposals side by side, and put them into the table.

    Args:
        context: The knobs and actors.
        search: Which search.
        question: The row's; nothing else of the row goes in here.
        nodes: The table; grows.
        asked: (node, sample) of each proposal.
        room: How long each may be.
        spent: Grows.
        who: What the new nodes are.

    Returns:
        The new nodes' ids.

    Raises:
        ModelUnavailable: The policy cannot be reached; other failures are nodes.
    """
    partials = [Partial(question, tuple(steps(nodes, at)), context.check.ending, context.unit) for at, _ in asked]
    sampling = context.sampling.model_copy(
        update={"max_tokens": room.tokens} | ({"temperature": 0.0} if search == "greedy" else {})
    )
    proposals = await asyncio.gather(
        *(
            propose_one(context, partial, sampling, sample, whole=search in WHOLE)
            for partial, (_, sample) in zip(partials, asked, strict=True)
        )
    )
    book_proposals(spent, proposals)
    clipped = room.tokens < context.sampling.max_tokens
    placed = (
        place(context, nodes, at, one, spent, who, clipped=clipped)
        for (at, _), one in zip(asked, proposals, strict=True)
    )
    return [one["id"] for one in placed if one is not None]


async def propose_one(context: Context, partial: Partial, sampling: Sampling, sample: int, *, whole: bool) -> Proposal:
    """One proposal; a call that failed is one, too."""
    try:
        return await context.solver.propose(partial, whole=whole, sampling=sampling, sample=sample)
    except CALL_FAILURES as error:
        outcome, reason = failure_of(error)
        return Proposal("", outcome=outcome, reason=reason)


def place(
    context: Context, nodes: list[Node], at: int, said: Proposal, spent: Spent, who: Who, *, clipped: bool
) -> Node | None:
    """Put a proposal below a node; `None` where it is no node of its own.

    One without words says that the solution ended with the node above it. A step that a sibling has already said is
    counted, and no second branch; where a rollout said it, the rollout's node becomes part of the tree, with its value.
    Whole solutions are votes, and are all kept.
    """
    if said.outcome is Outcome.OK and not said.text:
        spent["turns"] += 1
        if nodes[at]["end"] == "" and nodes[at]["parent"] is not None:
            nodes[at]["end"] = "turn"
        elif at == 0 and who == "whole":
            return failed(add(nodes, at, "", who), Outcome.EMPTY, "nothing was said", said.tokens)
        return None
    if said.outcome is not Outcome.OK:
        return failed(add(nodes, at, "", who), said.outcome, said.reason, said.tokens)
    alike = plain(said.text)
    if who != "whole" and (
        twin := next((it for it in nodes if it["parent"] == at and plain(it["text"]) == alike), None)
    ):
        spent["duplicates"] += 1
        if twin["who"] == "rollout" and who == "step":
            twin["who"] = "step"
            return twin
        return None
    before = {plain(one["text"]) for one in path(nodes, at)[1:]}
    node = add(nodes, at, said.text, who)
    node["tokens"] = said.tokens
    node["end"] = end_of(context, nodes, node, cut=said.cut, clipped=clipped, repeats=alike in before)
    return node


def failed(node: Node, outcome: Outcome, reason: str, tokens: int) -> Node:
    """A node that stands for a call without words."""
    node["end"], node["outcome"], node["reason"], node["tokens"] = "failed", outcome, reason, tokens
    return node


def plain(text: str) -> str:
    """A step as it is compared with others."""
    return " ".join(text.split())


def end_of(context: Context, nodes: Sequence[Node], node: Node, *, cut: bool, clipped: bool, repeats: bool) -> End:
    """Why nothing is to follow a new node; empty if something is.

    A step as long as steps may be is gone on with from a new line, but not one that the budget clipped.
    """
    solution = join(steps(nodes, node["id"]), context.unit)
    # What a cut broke off may be the answer itself: 1 of 18.
    if context.check.is_end(solution.rpartition("\n")[0] if cut else solution):
        return "answer"
    if cut and (node["who"] == "whole" or clipped or context.check.is_end(solution)):
        return "cut"
    if node["who"] == "whole":
        return "turn"
    if repeats:
        return "repeats"
    return "depth" if node["depth"] >= context.depth else ""


async def appraise(
    context: Context, question: str, nodes: Sequence[Node], fresh: Sequence[int], spent: Spent
) -> list[int]:
    """Have the critic value new nodes, unless nothing can come of them.

    Returns:
        Those that have a value now.

    Raises:
        ModelUnavailable: The critic cannot be reached; other failures are outcomes of their nodes.
    """
    going = [nodes[id_] for id_ in fresh if nodes[id_]["end"] == "" or is_whole(nodes[id_])]
    asked = [one for one in going if one["appraised"] is None]
    if not asked:
        return [node["id"] for node in going if node["value"] is not None]
    solutions = [join(steps(nodes, one["id"]), context.unit) for one in asked]
    found = await context.critic.appraise(question, solutions, ending=context.check.ending)
    book_appraisals(spent, found)
    for node, one in zip(asked, found, strict=True):
        node["value"] = node["appraised"] = one.value
        node["outcome"], node["reason"] = one.outcome, one.reason
    return [node["id"] for node in going if node["value"] is not None]
