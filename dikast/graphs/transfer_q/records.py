"""What the graph keeps of a text: its steps with their candidates, what each was worth, which was taken. All JSON."""

from __future__ import annotations

from typing_extensions import TypedDict


class Candidate(TypedDict):
    """A piece that could have come next."""

    tokens: list[int]
    text: str
    logprob: float
    """Under the solver, natural log, of all its tokens."""
    drawn: int
    """How often it was drawn: 1 for a next token, which is looked up."""
    ended: bool
    """Whether the text ends with it."""
    rewards: list[float]
    """Of its completions; of the text itself where it ends with it."""
    weights: list[float]
    """How much each counted."""
    unrewarded: int
    """Completions without a reward."""
    value: float | None
    """What it is worth; `None` if none of its completions has a reward."""
    ess: float
    """Effective number of completions."""
    power: float
    """What importance weights were raised to; below 1 they were tempered, since few completions had nearly all."""
    policy: float | None
    """Natural log of the probability with which it was taken; `None` if it could not be."""


class Step(TypedDict):
    """One choice."""

    place: int
    """Tokens before it."""
    candidates: list[Candidate]
    chosen: int
    guided: bool
    """Whether values decided; without any the solver did alone."""
    kl: float
    """Nats from the solver, as far as this step tells; see docs/methods/transfer_q.md."""
    rollouts: int
    rollout_tokens: int
    cached_tokens: int
    """Prompt tokens that the engines found in their prefix caches."""


class Rolled(TypedDict):
    """A completion on its way to its reward."""

    candidate: int
    text: str
    """All of it, from its first word on."""


class Sample(TypedDict):
    """A whole text with its reward."""

    text: str
    reward: float


class Piece(TypedDict):
    """What the solver proposed, before it is worth anything."""

    tokens: list[int]
    text: str
    logprob: float
    drawn: int
    ended: bool


class Spent(TypedDict):
    """What a row has used of its budgets."""

    calls: int
    rollouts: int
    rollout_tokens: int
    cached_tokens: int
    proposal_tokens: int


class Problem(TypedDict):
    """Why completions have no reward: how often, and the first reason."""

    count: int
    reason: str
