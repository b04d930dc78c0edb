"""From completions to values: each is rewarded once, what has no reward is counted, the rest is estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dikast.agents.failures import failure_of
from dikast.errors import DikastError
from dikast.graphs.rewarding import Asked, Reward, Rewarded
from dikast.graphs.together import all_of
from dikast.graphs.transfer_q.context import Context
from dikast.graphs.transfer_q.records import Candidate, Piece, Problem, Rolled, Sample
from dikast.graphs.transfer_q.values import Estimate, direct, indirect, repository, soft
from dikast.records import Outcome

Rewards = Mapping[str, Rewarded]
"""Text -> what it is worth."""


async def reward_text(reward: Reward, context: Context, row: Mapping[str, Any], text: str) -> Rewarded:
    """What a text is worth; a call that failed, and a function of the user's that raised, are outcomes.

    Raises:
        DikastError: The reward cannot be asked at all: a model that is not there, a row that lacks its reference.
    """
    asked = Asked(row["prompt"], text, row.get("reference") or "", context.rubric, context.scale, context.judging)
    try:
        return await reward.reward(asked)
    except DikastError as error:
        return Rewarded(None, *failure_of(error))
    except Exception as error:  # the user's own function may raise whatever it does; the reason is kept
        return Rewarded(None, Outcome.ERROR, f"{reward.spec} raised {type(error).__name__}: {error}")


async def reward_all(reward: Reward, context: Context, row: Mapping[str, Any], texts: Sequence[str]) -> Rewards:
    """Every text's reward; equal texts are asked for once."""
    different = list(dict.fromkeys(texts))
    found = await all_of(reward_text(reward, context, row, text) for text in different)
    return dict(zip(different, found, strict=True))


def appraise(
    context: Context, piece: Piece, texts: Sequence[str], lost: int, rewards: Rewards, baseline: Rewards | None
) -> Candidate:
    """A candidate with what it is worth.

    Args:
        context: The knobs.
        piece: What was proposed.
        texts: Its completions; the text as it stands where nothing is to be completed.
        lost: Completions that failed.
        rewards: Of texts.
        baseline: What the baseline was aligned to, of texts, where that counts.
    """
    pairs = [(rewards[text].value, 0.0 if baseline is None else baseline[text].value) for text in texts]
    known = [(own, other) for own, other in pairs if own is not None and other is not None]
    estimate = estimated(context, known) if known else None
    return Candidate(
        tokens=piece["tokens"],
        text=piece["text"],
        logprob=piece["logprob"],
        drawn=piece["drawn"],
        ended=piece["ended"],
        rewards=[own for own, _ in known],
        weights=[] if estimate is None else [float(one) for one in estimate.weights],
        unrewarded=len(pairs) - len(known) + lost,
        value=None if estimate is None else float(estimate.value),
        ess=0.0 if estimate is None else float(estimate.ess),
        power=1.0 if estimate is None else float(estimate.power),
        policy=None,
    )


def estimated(context: Context, pairs: Sequence[tuple[float, float]]) -> Estimate:
    """The value by the context's rule."""
    own, other = [one for one, _ in pairs], [one for _, one in pairs]
    if context.decoder == "soft":
        return soft(own, beta=context.beta)
    if not context.indirect:
        return direct(own)
    if context.compat == "repo":
        return repository(own, other)
    return indirect(own, other, beta=context.beta, least_ess=context.least_ess)


def problem_of(before: Problem, found: Sequence[Rewarded]) -> Problem:
    """What had no reward, with the first reason."""
    lost = [one for one in found if one.value is None]
    reason = before["reason"] or next((one.reason for one in lost), "")
    return Problem(count=before["count"] + len(lost), reason=reason)


def extremes(
    best: Sample | None, worst: Sample | None, rolled: Sequence[Rolled], rewards: Rewards
) -> tuple[Sample | None, Sample | None]:
    """The best and the worst of all completions with words up to now, the first of equal ones."""
    for one in rolled:
        value = rewards[one["text"]].value
        if value is None or not one["text"].strip():
            continue
        made = Sample(text=one["text"], reward=value)
        best = made if best is None or value > best["reward"] else best
        worst = made if worst is None or value < worst["reward"] else worst
    return best, worst
