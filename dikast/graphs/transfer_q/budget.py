"""Whether a further choice may be begun: none is that might go beyond a budget."""

from __future__ import annotations

from dikast.graphs.transfer_q.context import Context
from dikast.graphs.transfer_q.records import Spent

NOTHING = Spent(calls=0, rollouts=0, rollout_tokens=0, cached_tokens=0, proposal_tokens=0)
LAST = 1
"""Calls behind the last choice: the whole text is looked at."""


def plus(first: Spent, second: Spent) -> Spent:
    """The sum."""
    return Spent(
        calls=first["calls"] + second["calls"],
        rollouts=first["rollouts"] + second["rollouts"],
        rollout_tokens=first["rollout_tokens"] + second["rollout_tokens"],
        cached_tokens=first["cached_tokens"] + second["cached_tokens"],
        proposal_tokens=first["proposal_tokens"] + second["proposal_tokens"],
    )


def used_up(context: Context, spent: Spent, steps: int, tokens: int, seconds: float) -> str:
    """Which budget forbids a further choice; empty for none.

    Args:
        context: The budgets.
        spent: Up to now.
        steps: Choices up to now.
        tokens: Of the text.
        seconds: That the row's nodes took up to now.
    """
    least = 1 if context.by_token else 0  # a chunk that is drawn may end at once
    rolled = context.candidates * context.completions * context.completion_tokens(tokens + least)
    if context.step_budget is not None and steps >= context.step_budget:
        return f"step budget of {context.step_budget}"
    if context.call_budget is not None and spent["calls"] + context.calls_of_step + LAST > context.call_budget:
        return f"call budget of {context.call_budget}"
    if context.token_budget is not None and spent["rollout_tokens"] + rolled > context.token_budget:
        return f"token budget of {context.token_budget}"
    if context.second_budget is not None and seconds >= context.second_budget:
        return f"second budget of {context.second_budget:g}"
    return ""
