"""How candidates go on: several completions of each, by the baseline or the solver; all of a step at once.

The completions of one number have one seed whatever their candidate, so that candidates differ by what they are and
less by luck. Between models of two vocabularies texts are passed in place of token ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dikast.agents.failures import failure_of
from dikast.agents.models.request import Tokens
from dikast.errors import LimitReached, ModelError
from dikast.graphs.together import all_of
from dikast.graphs.transfer_q.context import Context
from dikast.graphs.transfer_q.draws import seed_of
from dikast.graphs.transfer_q.proposing import Row
from dikast.graphs.transfer_q.records import Piece, Problem, Rolled, Spent
from dikast.graphs.transfer_q.roles import Ids, Said
from dikast.records import Outcome


@dataclass(frozen=True, slots=True)
class Beginning:
    """A text as far as it stands: its words, its tokens, whether writers share their vocabulary."""

    text: str
    tokens: Ids
    shared: bool


@dataclass(frozen=True, slots=True)
class Rolling:
    """Completions; how many of each candidate's failed, and why; what they cost."""

    rolled: list[Rolled]
    lost: list[int]
    problem: Problem
    spent: Spent


async def roll_out(context: Context, row: Row, begun: Beginning, pieces: Sequence[Piece]) -> Rolling:
    """The completions of candidates; a text that has ended, or is at the horizon, is its own.

    Raises:
        ModelError: All completions failed; the first one's.
        LimitReached: A limit of the run was used up.
    """
    counts = [
        0 if one["ended"] else context.completion_tokens(len(begun.tokens) + len(one["tokens"])) for one in pieces
    ]
    wanted = [(at, number) for at, count in enumerate(counts) if count for number in range(context.completions)]
    found = await all_of(complete(context, row, begun, pieces[at], counts[at], number) for at, number in wanted)
    failures = [one for one in found if isinstance(one, ModelError)]
    if failures and len(failures) == len(found) and all(counts):
        raise failures[0]
    rolled, lost, problem = list[Rolled](), [0] * len(pieces), Problem(count=0, reason="")
    for at, one in enumerate(pieces):
        if not (counts[at] and context.completions):
            rolled.append(Rolled(candidate=at, text=begun.text + one["text"]))
    for (at, _), said in zip(wanted, found, strict=True):
        if isinstance(said, Said) and said.outcome is Outcome.OK:
            rolled.append(Rolled(candidate=at, text=begun.text + pieces[at]["text"] + said.text))
            continue
        reason = str(said) if isinstance(said, ModelError) else said.reason
        lost[at] += 1
        problem = Problem(count=problem["count"] + 1, reason=problem["reason"] or reason)
    said = [one for one in found if isinstance(one, Said)]
    spent = Spent(
        calls=len(found),
        rollouts=len(said),
        rollout_tokens=sum(one.output_tokens for one in said),
        cached_tokens=sum(one.cached_tokens for one in said),
        proposal_tokens=0,
    )
    return Rolling(rolled, lost, problem, spent)


async def complete(
    context: Context, row: Row, begun: Beginning, piece: Piece, count: int, number: int
) -> Said | ModelError:
    """One completion, or why there is none."""
    guided = context.decoder == "transfer_q"
    writer = context.baseline if guided and context.baseline is not None else context.solver
    sampling = context.guiding if guided else context.sampling
    seed = seed_of(context.seed, row, "completion", len(begun.tokens), number)
    before: Tokens = (*begun.tokens, *piece["tokens"]) if begun.shared else begun.text + piece["text"]
    try:
        return await writer.go_on(
            row["prompt"],
            before or (),
            count,
            sampling=sampling.model_copy(update={"seed": seed}),
            role="baseline" if guided else "solver",
        )
    except LimitReached:
        raise
    except ModelError as error:
        failure_of(error)  # a model that cannot be reached is raised again
        return error
