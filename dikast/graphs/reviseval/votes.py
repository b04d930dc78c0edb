"""What RevisEval's graph keeps of each call, and how single judgements become one verdict; no model is asked here.

A judge's two orders make a vote; the votes of all judges, and of all references where there are two, make the panel's
verdict. With label probabilities the orders are not compared but averaged as log odds, which cancels a preference for
a place that does not depend on the texts (`dikast.evaluation.orders`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from dikast.evaluation.orders import OnConflict, majority, synthesise, unbiased_preference
from dikast.evaluation.revision import Diagnosis, diagnose
from dikast.graphs.reviseval.records import Judged, Order, Reference, Vote
from dikast.records import FAILURES, Outcome
from dikast.verdicts import PairVerdict, Winner


@dataclass(frozen=True, slots=True)
class Panel:
    """The panel's verdict or score, and its verdict in either order of the responses alone."""

    winner: Winner | None
    score: float | None
    ab: Winner | None
    ba: Winner | None


def diagnosis_of(response: str, reference: str, *, guide: str, instruction: str) -> dict[str, Any]:
    """What the reviser did, as JSON, which has no NaN."""
    found = asdict(diagnose(response, reference, guide=guide, instruction=instruction))
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in found.items()}


def diagnosis_from(stored: dict[str, Any]) -> Diagnosis:
    """The diagnosis that `diagnosis_of` made into JSON."""
    values: dict[str, Any] = {name: math.nan if value is None else value for name, value in stored.items()}
    values |= {name: tuple(cast(list[str], stored[name])) for name in ("entities", "added_entities")}
    return Diagnosis(**values)


def votes_of(judgements: Sequence[Judged], on_conflict: OnConflict) -> list[Vote]:
    """One vote a judge and reference, in the order of the judges."""
    seats = dict.fromkeys((one["judge"], one["reference"]) for one in judgements)
    return [_vote(judge, reference, _last(judgements, judge, reference), on_conflict) for judge, reference in seats]


def _last(judgements: Sequence[Judged], judge: int, reference: int | None) -> dict[Order, Judged]:
    """Order -> what the judge said last: what it says after a conflict replaces what it said before."""
    mine = [one for one in judgements if (one["judge"], one["reference"]) == (judge, reference)]
    return {one["order"]: one for one in sorted(mine, key=lambda one: one["synthesis"])}


def _vote(judge: int, reference: int | None, said: dict[Order, Judged], on_conflict: OnConflict) -> Vote:
    if "one" in said:
        score = said["one"]["score"]
        return Vote(
            judge=judge,
            reference=reference,
            ab=None,
            ba=None,
            verdict=None,
            score=score,
            preference=None,
            conflict=False,
        )
    ab, ba = said["ab"], said["ba"]
    preference = None
    if ab["preference"] is not None and ba["preference"] is not None:
        preference = unbiased_preference(ab["preference"], ba["preference"])
    both = PairVerdict("", ab["verdict"], ba["verdict"])
    # Averaged probabilities have settled it already.
    conflict = preference is None and both.ab is not None and both.ba is not None and both.ab != both.ba
    verdict = synthesise(both, on_conflict) if preference is None else _likelier(preference)
    return _ballot(judge, reference, both, verdict=verdict, preference=preference, conflict=conflict)


def _ballot(
    judge: int,
    reference: int | None,
    both: PairVerdict,
    *,
    verdict: Winner | None = None,
    score: float | None = None,
    preference: float | None = None,
    conflict: bool = False,
) -> Vote:
    return Vote(
        judge=judge,
        reference=reference,
        ab=both.ab,
        ba=both.ba,
        verdict=verdict,
        score=score,
        preference=preference,
        conflict=conflict,
    )


def _likelier(preference: float) -> Winner:
    if preference == 0.5:
        return "tie"
    return "1" if preference > 0.5 else "2"


def said_by(judgements: Sequence[Judged], vote: Vote) -> dict[Order, str]:
    """Order -> the judge's own words."""
    return {order: one["text"] for order, one in _last(judgements, vote["judge"], vote["reference"]).items()}


def count_votes(votes: Sequence[Vote], weights: Sequence[float] | None, no_majority: OnConflict) -> Panel:
    """The panel's verdict: the majority of the votes that can be read, or their weighted mean score."""
    mine = [1.0 if weights is None else weights[vote["judge"]] for vote in votes]
    even: Winner | None = "tie" if no_majority == "tie" else None
    scored = [(vote["score"], weight) for vote, weight in zip(votes, mine, strict=True) if vote["score"] is not None]
    total = sum(weight for _, weight in scored)
    return Panel(
        winner=majority([vote["verdict"] for vote in votes], mine, even),
        score=sum(score * weight for score, weight in scored) / total if total else None,
        ab=majority([vote["ab"] for vote in votes], mine, even),
        ba=majority([vote["ba"] for vote in votes], mine, even),
    )


def summarise(references: Sequence[Reference], judgements: Sequence[Judged], panel: Panel) -> tuple[Outcome, str]:
    """The row's outcome out of its calls': see `dikast.graphs.reviseval.Output`."""
    calls = [(Outcome(one["outcome"]), one["reason"]) for one in (*references, *judgements)]
    counts = Counter(outcome for outcome, _ in calls)
    for failure in FAILURES:
        if counts[failure]:
            first = next(reason for outcome, reason in calls if outcome is failure)
            return failure, f"{counts[failure]} of {counts.total()} calls; the first: {first}"
    if panel.winner is not None or panel.score is not None:
        return Outcome.OK, ""
    failed = [call for call in calls if call[0] is not Outcome.OK]
    if not failed:
        return Outcome.UNPARSED, "the verdicts contradict each other"
    worst, number = Counter(outcome for outcome, _ in failed).most_common(1)[0]
    first = next(reason for outcome, reason in failed if outcome is worst)
    return worst, f"{number} of {counts.total()} calls; the first: {first}"
