"""What SummHay's graph keeps of each step: all of it JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, cast

from typing_extensions import TypedDict

from dikast.agents.roles import Solution
from dikast.graphs.summhay.citations import cited as numbers_of
from dikast.graphs.summhay.judging.records import Judged, summarise
from dikast.graphs.summhay.scores import InsightScore, SummaryScore, pool
from dikast.graphs.summhay.selection import Shown
from dikast.records import Outcome, gravest_failure


class Given(TypedDict):
    """A document that was shown: the number by which it is cited, its tokens, whether its end was cut off."""

    number: int
    document_id: str
    tokens: int
    cut: bool


class Attempt(TypedDict):
    """A summary that was asked for: the reply, and the bullets that were read in it, `surplus` of them left out."""

    text: str
    bullets: list[str]
    surplus: int
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class RowScores(TypedDict):
    """A summary's scores, in 0..1; `None` where there is nothing to take the mean of."""

    coverage: float | None
    citation: float | None
    joint: float | None


class ScoredInsight(TypedDict):
    """One insight's score: `dikast.graphs.summhay.scores.InsightScore`, with what it was computed from."""

    insight_id: str
    gold: list[int]
    cited: list[int]
    coverage: float
    precision: float | None
    recall: float | None
    f1: float | None
    labelled: bool
    linked: bool
    spread: bool
    spread_f1: float | None
    best_f1: float


class Scored(TypedDict):
    """A summary's score: `dikast.graphs.summhay.scores.SummaryScore`."""

    insights: list[ScoredInsight]
    bullets: int
    matched: int
    redundant: int
    words: int


def record_given(shown: Shown) -> Given:
    """A shown document without its text."""
    return Given(number=shown.number, document_id=shown.docid, tokens=shown.tokens, cut=shown.cut)


def record_attempt(solution: Solution, bullets: Sequence[str], surplus: int) -> Attempt:
    """A summary out of a solution; one without a bullet is `unparsed`."""
    outcome, reason = solution.outcome, solution.reason
    if outcome is Outcome.OK and not bullets:
        outcome, reason = Outcome.UNPARSED, "the reply has no bullet"
    return Attempt(
        text=solution.text,
        bullets=list(bullets),
        surplus=surplus,
        outcome=outcome,
        reason=reason,
        usage=solution.usage.as_dict(),
        provenance=solution.provenance.as_dict(),
    )


def record_no_attempt(outcome: Outcome, reason: str) -> Attempt:
    """What stands for a summary that no call brought."""
    return Attempt(text="", bullets=[], surplus=0, outcome=outcome, reason=reason, usage={}, provenance={})


def record_scored(
    scored: SummaryScore, gold: Mapping[str, Collection[int]], cited: Mapping[str, int | None], bullets: Sequence[str]
) -> Scored:
    """A summary's score with what it was computed from.

    Args:
        scored: The score.
        gold: Insight id -> numbers of the documents that hold it, in the order of the scores.
        cited: Insight id -> the matching bullet, the first being 1.
        bullets: The summary.
    """
    insights: list[ScoredInsight] = []
    for (insight_id, numbers), one in zip(gold.items(), scored.insights, strict=True):
        bullet = cited.get(insight_id)
        found = numbers_of(bullets[bullet - 1]) if one.linked and bullet and one.coverage else frozenset[int]()
        insights.append(ScoredInsight(insight_id=insight_id, gold=sorted(numbers), cited=sorted(found), **asdict(one)))
    return Scored(
        insights=insights,
        bullets=scored.bullets,
        matched=scored.matched,
        redundant=scored.redundant,
        words=scored.words,
    )


def read_scored(scored: Scored) -> SummaryScore:
    """The score that a record holds."""
    names = [one.name for one in fields(InsightScore)]
    records = cast(Sequence[Mapping[str, Any]], scored["insights"])
    insights = tuple(InsightScore(**{name: one[name] for name in names}) for one in records)
    return SummaryScore(insights, scored["bullets"], scored["matched"], scored["redundant"], scored["words"])


def record_scores(scored: SummaryScore) -> RowScores:
    """The three scores of one summary."""
    found = pool([scored])
    return RowScores(coverage=found.coverage, citation=found.citation, joint=found.joint)


def outcome_of_row(attempts: Sequence[Attempt], verdicts: Sequence[Judged]) -> tuple[Outcome, str]:
    """How a row ended: the worst failure, else what became of the summary, else what became of the verdicts."""
    if (failed := gravest_failure(attempts)) is not None:
        return Outcome(failed["outcome"]), failed["reason"]
    if not any(one["outcome"] == Outcome.OK for one in attempts):
        return Outcome(attempts[-1]["outcome"]), attempts[-1]["reason"]
    return summarise(verdicts)
