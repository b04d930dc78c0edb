"""What the graph keeps of a row: all of it JSON."""

from __future__ import annotations

from typing_extensions import TypedDict


class Measured(TypedDict):
    """A model at one prompt, under one cache."""

    prompt_tokens: int
    slots: int
    """Keys that the cache holds at the end, in the layer and head that has most."""
    bytes: int
    """Of keys and values at the end, as they lie in memory."""
    prefill_s: float
    """Seconds in which the prompt was read."""
    steps_s: float
    """Seconds in which the text was read, token by token, as it would be written."""
    tokens: list[int]
    """The text, as the model's tokens."""
    losses: list[float]
    """Negative log-likelihood of each of them, nats."""
    choices: list[int]
    """The token that the model holds likeliest in the place of each."""
    said: str
    """The model's own greedy reply."""
    finish: str


class Observed(TypedDict):
    """The paper's two observations at one prompt; see `observations.py`."""

    skew: float
    tokens: int
    types: int
    rank_correlation: float
    rank_correlation_normalised: float


class Compared(TypedDict):
    """A small cache beside the full one."""

    memory_ratio: float
    speed_ratio: float
    """Tokens a second of the small cache, divided by those of the full one."""
    agreement: float
    """Share of places in the text at which both hold the same token likeliest."""
    same_reply: bool
    perplexity: float
    full_perplexity: float
    found: bool | None
    """Whether the reply holds the answer; `None` for a prompt without one."""
    full_found: bool | None
