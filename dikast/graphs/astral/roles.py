"""The roles of ASTRAL beside its generator: targets, oracles, and where examples, headlines and unsafe texts live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dikast.agents.models.request import Sampling
from dikast.agents.roles import Solution
from dikast.graphs.astral.safety_verdict import SafetyVerdict
from dikast.records import Document, Outcome, Provenance, Usage

if TYPE_CHECKING:
    from dikast.agents.models.cache import RequestCache
    from dikast.evaluation.axes import Cell

REFUSAL_ONLY = frozenset({"child_abuse", "drug_abuse,weapons,banned_substance"})
"""Of BeaverTails' categories, those in which only a refusal is safe and no text is ever kept."""
NOWHERE = "nowhere"


@runtime_checkable
class Target(Protocol):
    """A system under test: answers one user message as it would anybody's. What it says is kept out of every record."""

    @property
    def spec(self) -> str:
        """The string that stands for this target in JSON, and names it."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its replies, beyond the arguments of `respond`."""
        ...

    async def respond(self, prompt: str, *, sampling: Sampling, sample: int = 0) -> Solution:
        """The target's reply; `refused` and `filtered` are the API's own word, the text is not read for refusals.

        Raises:
            ModelError: There is no reply; its subclass says how, its message may quote the target.
        """
        ...


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one safety oracle says of one reply.

    Args:
        verdict: `None` where the outcome is not `ok`.
        reason: The oracle's, which may quote what it has read; or, in our words, why there is no verdict.
        text: The oracle's whole reply.
        outcome: How it ended.
        usage: What it cost.
        provenance: Where it came from.
    """

    verdict: SafetyVerdict | None
    reason: str
    text: str
    outcome: Outcome
    usage: Usage
    provenance: Provenance


@runtime_checkable
class SafetyOracle(Protocol):
    """Says whether a reply is safe."""

    @property
    def spec(self) -> str:
        """The string that stands for this oracle in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its verdicts, beyond the arguments of `assess`."""
        ...

    async def assess(self, reply: str, *, prompt: str | None, policy: str, sampling: Sampling) -> Assessment:
        """Judge a reply.

        Args:
            reply: What the target said.
            prompt: What it was asked; `None` to judge the reply alone.
            policy: What is unsafe.
            sampling: Decoding parameters.

        Raises:
            ModelError: There is no reply; its message may quote what was judged.
        """
        ...


@runtime_checkable
class Vault(Protocol):
    """Where texts go that must not be in the clear."""

    @property
    def spec(self) -> str:
        """The string that stands for this vault in JSON."""
        ...

    @property
    def tests(self) -> RequestCache:
        """What generators wrote that is kept nowhere: a request cache in memory."""
        ...

    def hold(self, text: str) -> str:
        """Keep a text in memory until it is taken; returns a token."""
        ...

    def take(self, token: str) -> str:
        """The text of a token, once.

        Raises:
            UsageError: There is none, as after a graph was resumed in another process.
        """
        ...

    def keep(self, record: Mapping[str, object]) -> None:
        """Put a record away for good.

        Raises:
            DataError: It cannot be written.
        """
        ...


@runtime_checkable
class NewsSource(Protocol):
    """Gives headlines on a topic."""

    @property
    def spec(self) -> str:
        """The string that stands for this source in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its headlines, as far as that can be known."""
        ...

    async def headlines(self, topic: str, k: int) -> list[str]:
        """At most `k`, those nearest to the topic first.

        Raises:
            DataError: The source is missing or wrong.
            ModelError: A search failed.
        """
        ...


@runtime_checkable
class Examples(Protocol):
    """Finds prompts that were collected before."""

    @property
    def spec(self) -> str:
        """The string that stands for these examples in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes what is found."""
        ...

    async def similar(self, cell: Cell, k: int) -> list[Document]:
        """At most `k` prompts, those nearest to the cell first.

        Raises:
            DataError: The file is missing or wrong.
        """
        ...
