"""What Transfer Q* asks of those who write: proposals of next tokens, continuations, a look at the whole text.

A language model plays them (`voices.py`), or the user's own object. Light on purpose: the command line's flags are read
off a context that names these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from dikast.agents.models.request import Sampling, Tokens
from dikast.records import Outcome

if TYPE_CHECKING:
    from dikast.retrieval.vectors import Vectors

Ids: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of a text.

    Args:
        tokens: Of who said it, the one that ends a turn among them.
        text: The same, as text.
        logprob: Natural log, of all tokens together, under who said it; 0 where that was not asked for.
        ended: Whether the text is to end here.
        outcome: `ok`; `refused` or `filtered` where the API says so.
        reason: Why, where it is not `ok`.
        output_tokens: As the engine counts them.
        cached_tokens: Of the prompt, those that the engine found in its own prefix cache.
        provenance: Of the call, for records.
    """

    tokens: Ids
    text: str
    logprob: float = 0.0
    ended: bool = False
    outcome: Outcome = Outcome.OK
    reason: str = ""
    output_tokens: int = 0
    cached_tokens: int = 0
    provenance: Mapping[str, Any] | None = None


@runtime_checkable
class Writer(Protocol):
    """Proposes next tokens, and goes on with a text."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes what it says."""
        ...

    async def propose(self, prompt: str, tokens: Ids, count: int, *, role: str) -> list[Said]:
        """The likeliest next tokens, each a piece of one token, the likeliest first.

        Raises:
            ModelError: There is no reply.
            UsageError: The engine does not tell them by their ids.
        """
        ...

    async def go_on(
        self, prompt: str, before: Tokens, count: int, *, sampling: Sampling, role: str, likely: bool = False
    ) -> Said:
        """The next tokens of a reply, `count` at most.

        Args:
            prompt: What is asked.
            before: What the reply begins with: token ids, or a text.
            count: Tokens at most.
            sampling: Decoding parameters, the seed among them.
            role: Who asks, for the ledger.
            likely: Whether `logprob` is to be told.

        Raises:
            ModelError: There is no reply.
            UsageError: The engine cannot go on from there.
        """
        ...

    async def whole(self, prompt: str, tokens: Ids, *, role: str) -> Said:
        """A reply of these tokens: its text, and how likely it is.

        Raises:
            ModelError: There is no reply.
            UsageError: The engine cannot score.
        """
        ...

    async def ends(self) -> Ids:
        """The tokens that end a turn; empty if that is not known.

        Raises:
            ModelError: The engine cannot be opened.
        """
        ...

    async def tokens_of(self, text: str, *, role: str) -> Ids:
        """A text in its own tokens: by them two vocabularies are compared.

        Raises:
            ModelError: There is no reply.
            UsageError: The engine tells none.
        """
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Turns texts into vectors; see `dikast.retrieval.encoders`."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    def fingerprint(self) -> dict[str, object]:
        """What changes its vectors."""
        ...

    async def encode(self, texts: Sequence[str], role: Literal["query", "document"]) -> Vectors:
        """One vector a text, in order.

        Raises:
            RetrievalError: What came is no vectors.
            ModelError: A server did not give any.
        """
        ...
