"""What ReST-MCTS*'s graph keeps beside the tree: what was spent, and what ended the search. All of it JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from dikast.graphs.rest_mcts.roles import Appraisal, Proposal

Stopped: TypeAlias = Literal["", "gate", "done", "exhausted", "tokens", "calls", "nodes", "seconds", "iterations"]
"""Not yet; a good solution; all was drawn that this search draws; nothing left to expand; a budget."""


class Spent(TypedDict):
    """What a search has cost, whoever answered.

    Replies from the request cache count as well, so that a search that is gone on with after a kill is the same search.
    `drawn` counts proposals, `duplicates` those that said what a sibling says, `turns` those that ended the turn.
    """

    iterations: int
    drawn: int
    duplicates: int
    turns: int
    solver_calls: int
    solver_tokens: int
    critic_calls: int
    critic_tokens: int
    seconds: float


def nothing() -> Spent:
    """Before anything."""
    return Spent(
        iterations=0,
        drawn=0,
        duplicates=0,
        turns=0,
        solver_calls=0,
        solver_tokens=0,
        critic_calls=0,
        critic_tokens=0,
        seconds=0.0,
    )


def book_proposals(spent: Spent, proposals: Iterable[Proposal]) -> None:
    """Add what proposals cost."""
    for one in proposals:
        spent["drawn"] += 1
        spent["solver_calls"] += one.calls
        spent["solver_tokens"] += one.tokens


def book_appraisals(spent: Spent, appraisals: Iterable[Appraisal]) -> None:
    """Add what values cost."""
    for one in appraisals:
        spent["critic_calls"] += one.calls
        spent["critic_tokens"] += one.tokens
