"""What each role promises, and nothing else.

A role is played by a language model (`dikast.agents.solver`, ...), by data (an oracle over judgments), by a script in
a test, or by the user's own object: graphs are written against these Protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt
from dikast.records import Outcome, Provenance, Usage


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solver produced.

    Args:
        text: The reply; parsing it is the caller's, who knows what was asked for.
        outcome: How the reply ended; `text` may be empty where it is not `ok`.
        reason: Why, where the outcome is not `ok`.
        usage: What it cost.
        provenance: Where it came from.
    """

    text: str
    outcome: Outcome
    reason: str
    usage: Usage
    provenance: Provenance


@runtime_checkable
class Solver(Protocol):
    """Produces text: keywords, code, a test, a revision."""

    @property
    def spec(self) -> str:
        """The string that stands for this solver in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its solutions, beyond the arguments of `solve`."""
        ...

    async def solve(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        structured: Structured | None = None,
        sample: int = 0,
    ) -> Solution:
        """Answer a prompt.

        A solver that is no language model may ignore the prompt's wording and work from `fields`.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...
