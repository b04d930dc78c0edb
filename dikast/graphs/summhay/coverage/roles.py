"""What a judge of coverage promises: for each insight, how far a summary covers it, and in which bullet.

Light on purpose: contexts name the Protocol, so it loads no engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from dikast.agents.models.request import Sampling
from dikast.graphs.summhay.haystack import Insight
from dikast.records import Outcome, Provenance, Usage

NOT, PARTLY, FULLY = 0.0, 0.5, 1.0
"""The grades of coverage."""
GRADES = (NOT, PARTLY, FULLY)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of one insight in one summary.

    Args:
        insight_id: Which insight.
        coverage: 0, 0.5 or 1; `None` where the outcome is not `ok`.
        bullet: The bullet that covers it, the first being 1; `None` for one that is not covered.
        by: Who said it: `model`, `words`, `encoder`, `recorded`, or `nobody`, where there was no bullet to look at.
        expected: About what people would say, 0..1, from a judge that has such a guess.
        outcome: How it ended.
        reason: Why, where the outcome is not `ok`.
        usage: What it cost. Where one call spoke of several insights, the first of them has it all.
        provenance: Where it came from.
    """

    insight_id: str
    coverage: float | None
    bullet: int | None
    by: str
    expected: float | None
    outcome: Outcome
    reason: str
    usage: Usage
    provenance: Provenance

    def as_dict(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return {
            "insight_id": self.insight_id,
            "coverage": self.coverage,
            "bullet": self.bullet,
            "by": self.by,
            "expected": self.expected,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "usage": self.usage.as_dict(),
            "provenance": self.provenance.as_dict(),
        }


@runtime_checkable
class CoverageJudge(Protocol):
    """Says which insights a summary covers.

    It may have `asks`, whether it asks a language model (as is taken for granted of one that has not), for estimates of
    cost; and `note`, what a user should know of it before a run.
    """

    @property
    def spec(self) -> str:
        """The string that stands for this judge in JSON."""
        ...

    @property
    def batched(self) -> bool:
        """Whether it takes all insights of a summary at once; else it is given one at a time."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its verdicts, beyond the arguments of `cover`."""
        ...

    async def cover(self, bullets: Sequence[str], insights: Sequence[Insight], *, sampling: Sampling) -> list[Verdict]:
        """A verdict an insight, in their order, whatever `batched` says of how it is best asked.

        Args:
            bullets: The summary's lines; at least one.
            insights: What is looked for.
            sampling: Of a judge that is a language model.

        Raises:
            ModelUnavailable: The model behind the judge cannot be reached. A call that failed otherwise may be an
                outcome or an exception.
        """
        ...


def nobodys(spec: str) -> Provenance:
    """The provenance of a verdict for which no model was asked."""
    return Provenance(spec, "", None, 0, "", False)


def not_covered(insight: Insight) -> Verdict:
    """The verdict on a summary without bullets: there is nothing to ask a judge."""
    return Verdict(insight.insight_id, NOT, None, "nobody", NOT, Outcome.OK, "", Usage(), nobodys(""))


def no_verdict(insight: Insight, by: str, outcome: Outcome, reason: str) -> Verdict:
    """What stands for a verdict that there is not."""
    return Verdict(insight.insight_id, None, None, by, None, outcome, reason, Usage(), nobodys(""))


def read_insights(given: Iterable[Mapping[str, Any]]) -> list[Insight]:
    """Insights out of JSON: those of a graph's input, which its schema has read."""
    return [Insight.model_construct(insight_id=one["insight_id"], insight=one["insight"]) for one in given]
