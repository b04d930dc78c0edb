"""What could come next: the likeliest next tokens, or chunks that the solver draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from dikast.errors import UsageError
from dikast.graphs.together import all_of
from dikast.graphs.transfer_q.context import Context
from dikast.graphs.transfer_q.draws import seed_of
from dikast.graphs.transfer_q.records import Piece, Spent
from dikast.graphs.transfer_q.roles import Ids, Said, Writer
from dikast.records import Outcome

Row: TypeAlias = Mapping[str, Any]
PROBE = (
    "Hello, world!  1,234.5 caf\u00e9 \u4f60\u597d \u0417\u0434\u0440\u0430\u0432 \u2014 def f(x):\n\treturn {'a': x}"
)
"""Words, numbers, spaces, several scripts, a program: vocabularies that cut all of it alike are taken for one."""
END_HINT = "give --ends, the ids of the tokens that end a turn, or a --block above 1"


async def same_vocabulary(solver: Writer, baseline: Writer | None) -> bool:
    """Whether solver and baseline cut a probe into the same tokens.

    The solver is asked in any case: one that cannot score, as it has to at a text's end, says so before anything is
    spent.
    """
    ours = await solver.tokens_of(PROBE, role="solver")
    if baseline is None or baseline is solver or baseline.spec == solver.spec:
        return True
    return ours == await baseline.tokens_of(PROBE, role="baseline")


async def ends_of(context: Context) -> Ids:
    """The tokens that end a turn; needed only where next tokens are looked up.

    Raises:
        UsageError: Nobody tells them.
    """
    if not context.by_token:
        return ()
    ends = context.ends or await context.solver.ends()
    if not ends:
        raise UsageError(f"{context.solver.spec} does not tell how a turn ends", hint=END_HINT)
    return ends


@dataclass(frozen=True, slots=True)
class Proposed:
    """Candidates, what it cost to have them, and why there are none."""

    pieces: list[Piece]
    spent: Spent
    provenance: dict[str, Any] | None
    outcome: Outcome
    reason: str


async def propose(context: Context, row: Row, tokens: Ids, ends: Sequence[int]) -> Proposed:
    """The candidates behind some tokens.

    Raises:
        ModelError: There is no reply.
    """
    prompt, place = row["prompt"], len(tokens)
    if context.by_token:
        found = await context.solver.propose(prompt, tokens, context.candidates, role="solver")
    else:
        count = min(context.step_tokens, context.horizon - place)
        samplings = [
            context.sampling.model_copy(update={"seed": seed_of(context.seed, row, "chunk", place, at)})
            for at in range(context.candidates)
        ]
        found = await all_of(
            context.solver.go_on(prompt, tokens, count, sampling=one, role="solver", likely=True) for one in samplings
        )
    usable = [one for one in found if one.outcome is Outcome.OK and one.tokens]
    refused = next((one for one in found if one.outcome is not Outcome.OK), None)
    spent = Spent(
        calls=1 if context.by_token else len(found),
        rollouts=0,
        rollout_tokens=0,
        cached_tokens=sum(one.cached_tokens for one in found),
        proposal_tokens=sum(one.output_tokens for one in found),
    )
    provenance = next((dict(one.provenance) for one in found if one.provenance), None)
    outcome, reason = (refused.outcome, refused.reason) if refused else (Outcome.EMPTY, "the solver proposed nothing")
    return Proposed(merged(usable, ends, context.by_token), spent, provenance, outcome, reason)


def merged(found: Sequence[Said], ends: Sequence[int], by_token: bool) -> list[Piece]:
    """Equal pieces once, with how often they were drawn."""
    pieces: dict[Ids, Piece] = {}
    for one in found:
        if one.tokens in pieces:
            pieces[one.tokens]["drawn"] += 1
            continue
        ended = one.tokens[-1] in ends if by_token else one.ended
        text = "" if by_token and ended else one.text
        pieces[one.tokens] = Piece(tokens=list(one.tokens), text=text, logprob=one.logprob, drawn=1, ended=ended)
    return list(pieces.values())
