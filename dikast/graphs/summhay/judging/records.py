"""What the judging nodes are given, and what they keep of each verdict: all of it JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from typing_extensions import TypedDict

from dikast.graphs.summhay.coverage.roles import GRADES, Verdict, no_verdict, not_covered, read_insights
from dikast.records import FAILURES, Outcome

JUDGE = "judge"
"""What a verdict is `by` that came to nothing before anybody could say who gave it."""


class Sought(TypedDict):
    """An insight that a summary is searched for."""

    insight_id: str
    insight: str


class Judging(TypedDict):
    """What one call of a judge is about: a summary's lines, and one insight or all of them."""

    bullets: list[str]
    insights: list[Sought]


class Judged(TypedDict):
    """A verdict; see `dikast.graphs.summhay.coverage.roles.Verdict`."""

    insight_id: str
    coverage: float | None
    bullet: int | None
    by: str
    expected: float | None
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


def record_verdicts(judging: Judging, verdicts: Sequence[Verdict]) -> list[Judged]:
    """A judge's verdicts as records, one an insight that was asked for; what a judge may not say is `unparsed`."""
    said = {verdict.insight_id: verdict for verdict in verdicts}
    found: list[Judged] = []
    for insight in read_insights(judging["insights"]):
        verdict = said.get(insight.insight_id)
        if verdict is None:
            verdict = no_verdict(insight, JUDGE, Outcome.UNPARSED, "the judge has no verdict on this insight")
        elif wrong := fault_of(verdict, len(judging["bullets"])):
            verdict = no_verdict(insight, verdict.by, Outcome.UNPARSED, wrong)
        found.append(cast(Judged, verdict.as_dict()))
    return found


def fault_of(verdict: Verdict, bullets: int) -> str:
    """What is wrong with a verdict that a judge gives as `ok`; empty for nothing."""
    if verdict.outcome is Outcome.OK and verdict.coverage not in GRADES:
        return f"coverage {verdict.coverage!r:.40} is none of {', '.join(f'{grade:g}' for grade in GRADES)}"
    if verdict.bullet is not None and not 1 <= verdict.bullet <= bullets:
        return f"bullet {verdict.bullet!r:.40}, of which there are {bullets}"
    return ""


def record_failed(judging: Judging, outcome: Outcome, reason: str) -> list[Judged]:
    """What stands for the verdicts of a call that failed."""
    insights = read_insights(judging["insights"])
    return [cast(Judged, no_verdict(insight, JUDGE, outcome, reason).as_dict()) for insight in insights]


def record_empty(insights: Sequence[Sought]) -> list[Judged]:
    """The verdicts on a summary without bullets."""
    return [cast(Judged, not_covered(insight).as_dict()) for insight in read_insights(insights)]


def summarise(verdicts: Sequence[Judged]) -> tuple[Outcome, str]:
    """How a row ended: the worst failure (error, timeout, limit), else ok, else what befell most verdicts without one.

    A row is `ok` where every insight has its coverage.
    """
    ended = [(Outcome(one["outcome"]), one["reason"]) for one in verdicts]
    missing = [(outcome, reason) for (outcome, reason), one in zip(ended, verdicts, strict=True) if not has_grade(one)]
    if not missing:
        return Outcome.OK, ""
    counts = Counter(outcome for outcome, _ in missing)
    worst = next((one for one in FAILURES if counts[one]), None)
    worst = worst or counts.most_common(1)[0][0]
    first = next(reason for outcome, reason in missing if outcome is worst)
    return worst, first if len(verdicts) == 1 else f"{counts[worst]} of {len(verdicts)} insights; the first: {first}"


def has_grade(one: Judged) -> bool:
    """Whether a verdict says anything."""
    return one["coverage"] is not None
