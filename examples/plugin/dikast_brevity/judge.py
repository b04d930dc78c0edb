"""A judge of two responses that is no language model: the one with fewer words wins. `--judge judge:shorter`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dikast.agents.models.request import Sampling
from dikast.agents.roles import Case, Judge, Judgement, Solution
from dikast.errors import UsageError
from dikast.records import Outcome, Provenance, Usage
from dikast.verdicts import Side


@dataclass(frozen=True)
class ShorterJudge:
    """Prefers the shorter response.

    Args:
        spec: What it was made of.
        margin: Words of difference that count as none.
    """

    spec: str
    margin: int = 0

    def fingerprint(self) -> Mapping[str, object]:
        """The rule, and its margin."""
        return {"judge": "shorter", "margin": self.margin}

    async def judge(self, case: Case, *, sampling: Sampling) -> Judgement:
        """Compare the numbers of words; see `dikast.agents.roles.Judge.judge`."""
        del sampling
        if len(case.responses) == 1:
            raise UsageError(f"{self.spec} compares two responses, it does not score one")
        first, second = (len(response.split()) for response in case.responses)
        side: Side = "tie" if abs(first - second) <= self.margin else "first" if first < second else "second"
        came_from = Provenance(self.spec, "", None, 0, "", False)
        return Judgement(f"{first} and {second} words", side, None, None, Outcome.OK, "", Usage(), came_from)

    async def answer(self, instruction: str, *, sampling: Sampling) -> Solution:
        """It has no answer of its own."""
        raise UsageError(f"{self.spec} cannot answer", hint="choose another mode")


def open_judge(rest: str, spec: str) -> Judge:
    """The judge of `judge:shorter` or `judge:shorter:MARGIN`.

    Raises:
        UsageError: The margin is no number.
    """
    if rest and not rest.isdecimal():
        raise UsageError(f"{spec}: the margin is a number of words", hint="judge:shorter:3")
    return ShorterJudge(spec, int(rest or 0))
