"""What each engine of the contract suite can do, said in one place; what it cannot is asserted to be refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dikast.agents.models.engine import EngineModel

ALL_FORMS = frozenset({"json_schema", "choice", "regex", "grammar"})


@dataclass(frozen=True)
class Engine:
    """An engine under test.

    Args:
        model: The model, opened by `load_model`.
        forms: The structured forms that it can be held to.
        alternatives: The most alternatives that a token's log-probability comes with; `None` for no log-probabilities.
        reasoning: Whether this model gives its reasoning apart.
        context_words: A prompt of so many words cannot fit; `None` for no bound.
        takes_time: Whether a long reply is still being made when the caller turns to something else.
        held: How many requests the engine is working on now.
        continues: Whether it goes on from the beginning of a reply.
        tells_tokens: Whether it tells the token ids of its replies.
        scores: Whether it scores a completion that it did not draw.
        close: How near the same log-probability comes when it is asked for another way.
    """

    model: EngineModel
    forms: frozenset[str] = ALL_FORMS
    alternatives: int | None = None
    reasoning: bool = False
    context_words: int | None = None
    takes_time: bool = True
    held: Callable[[], int] = lambda: 0
    continues: bool = True
    tells_tokens: bool = True
    scores: bool = True
    close: float = 1e-3
