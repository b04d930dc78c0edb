"""Systems side by side: whose summaries are scored, and how sure the figures are.

    systems = [*systems_of_file(haystack), system_of_run(Run.open(Path("runs/a")))]
    page_of(systems)          # dikast.graphs.summhay.page

A system is what wrote the summaries: a retriever with a model. Scores are pooled over insights; their intervals come
from resampling subtopics, since the insights of one summary stand and fall together. Two systems are compared on the
subtopics that both have, by a randomisation test on the joint score, adjusted for the number of comparisons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import fsum
from typing import Any, Literal, TypeAlias

import numpy as np

from dikast.errors import DataError, UsageError
from dikast.graphs.summhay.haystack import SUMMARY_PREFIX, Haystack
from dikast.graphs.summhay.records import read_scored
from dikast.graphs.summhay.scores import PARTIAL_SCORE, Scores, SummaryScore, pool, score_subtopic
from dikast.jobs.reading import Run
from dikast.records import Outcome
from dikast.stats import CONFIDENCE, RESAMPLES, SEED, Interval, holm, randomisation

Measure: TypeAlias = Literal["coverage", "citation", "joint"]
MEASURES: tuple[Measure, ...] = ("coverage", "citation", "joint")
BINS = 10
"""Positions are told by tenths of what was shown."""
GRAPHS = ("summhay",)


@dataclass(frozen=True, slots=True)
class Scored:
    """One summary's score, and whose it is."""

    topic: str
    domain: str
    subtopic: str
    score: SummaryScore


@dataclass(frozen=True)
class System:
    """A system and its summaries.

    Args:
        name: For tables.
        summaries: Those that have a score.
        asked: Summaries asked for.
        outcomes: How their rows ended, of a run.
        positions: Of each tenth of what was shown, how many documents there held a covered insight, and how many of
            these were cited for it.
    """

    name: str
    summaries: Sequence[Scored]
    asked: int
    outcomes: Mapping[str, int] = field(default_factory=dict[str, int])
    positions: Sequence[tuple[int, int]] = ()

    def pooled(self, wanted: Callable[[Scored], bool] = lambda _: True) -> Scores:
        """The scores over all insights of its summaries, or of some of them."""
        return pool(one.score for one in self.summaries if wanted(one))


def systems_of_file(haystack: Haystack, *, partial: float = PARTIAL_SCORE) -> list[System]:
    """The systems whose summaries and labels a topic file holds, in its order."""
    found: list[System] = []
    for name in haystack.systems():
        key = SUMMARY_PREFIX + name
        keys = [key if key in one.summaries else name for one in haystack.subtopics]
        scored = [
            Scored(haystack.topic_id, haystack.domain, subtopic.subtopic_id, score)
            for subtopic, own in zip(haystack.subtopics, keys, strict=True)
            if (score := score_subtopic(haystack, subtopic, own, partial=partial)) is not None
        ]
        asked = sum(own in one.summaries for one, own in zip(haystack.subtopics, keys, strict=True))
        found.append(System(name, scored, asked))
    return found


def merged(systems: Iterable[System]) -> list[System]:
    """Systems of one name over several files as one each.

    Raises:
        DataError: Two summaries of one system are of the same subtopic of the same topic.
    """
    by_name: defaultdict[str, list[System]] = defaultdict(list)
    for system in systems:
        by_name[system.name].append(system)
    return [one[0] if len(one) == 1 else _merge(name, one) for name, one in by_name.items()]


def _merge(name: str, parts: Sequence[System]) -> System:
    summaries = [one for part in parts for one in part.summaries]
    places = [(one.topic, one.subtopic) for one in summaries]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        told = f"system {name!r} has two summaries of subtopic {twice[1]!r} of topic {twice[0]!r}"
        raise DataError(told, hint="is one file given twice?")
    return System(name, summaries, sum(part.asked for part in parts))


def system_of_run(run: Run, name: str = "") -> System:
    """The system of a run of `dikast summhay run`. Rows that failed or are owed have no score.

    Raises:
        UsageError: The folder is another method's.
    """
    if run.manifest.graph not in GRAPHS:
        raise UsageError(f"{run.path} is a run of {run.manifest.graph!r}", hint="give runs of 'dikast summhay run'")
    scored: list[Scored] = []
    outcomes: defaultdict[str, int] = defaultdict(int)
    positions = [(0, 0)] * BINS
    for row in run.rows():
        outcomes[row["outcome"]] += 1
        if row["output"] is None or Outcome(row["outcome"]).failed:
            continue
        output = row["output"]
        score = read_scored(output["scored"])
        scored.append(Scored(row["input"]["topic_id"], output["domain"], row["input"]["subtopic_id"], score))
        positions = [(a + c, b + d) for (a, b), (c, d) in zip(positions, positions_of(output), strict=True)]
    asked = run.manifest.attempts[-1].asked
    return System(
        name or str(run.path), scored, sum(outcomes.values()) if asked is None else asked, outcomes, positions
    )


def positions_of(output: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Of each tenth of what was shown: documents that hold a covered insight, and how many were cited for it."""
    shown = [one["number"] for one in output["documents"]]
    held, cited = [0] * BINS, [0] * BINS
    for insight in output["scored"]["insights"]:
        if insight["coverage"]:
            for place, number in enumerate(shown):
                if number in insight["gold"]:
                    tenth = place * BINS // len(shown)
                    held[tenth] += 1
                    cited[tenth] += number in insight["cited"]
    return list(zip(held, cited, strict=True))


def interval_of(system: System, measure: Measure, *, samples: int = RESAMPLES, seed: int = SEED) -> Interval | None:
    """95 % interval of a pooled score, by resampling subtopics (percentiles); `None` with fewer than two."""
    sums = np.array([_sums(one.score, measure) for one in system.summaries], float).reshape(-1, 2)
    sums = sums[sums[:, 1] > 0]
    if len(sums) < 2:
        return None
    drawn = np.random.default_rng(seed).integers(0, len(sums), (samples, len(sums)))
    totals = sums[drawn].sum(axis=1)
    tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    low, high = np.quantile(totals[:, 0] / totals[:, 1], tails)
    return Interval(float(low), float(high))


def _sums(score: SummaryScore, measure: Measure) -> tuple[float, int]:
    """A summary's share of a pooled mean: the sum, and of how many."""
    covered = [one for one in score.insights if one.coverage]
    if measure == "citation":
        return fsum(one.f1 or 0.0 for one in covered), len(covered)
    values = (one.joint if measure == "joint" else one.coverage for one in score.insights)
    return fsum(values), len(score.insights)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on the subtopics that both have; `difference` is second minus first, of the mean joint score."""

    first: str
    second: str
    subtopics: int
    difference: float
    p: float
    adjusted: float


def compare(systems: Sequence[System]) -> list[Comparison]:
    """Each pair of systems that share a subtopic, in their order; p by randomisation, adjusted by Holm."""
    found: list[tuple[str, str, int, float, float]] = []
    for first, second in combinations(systems, 2):
        ours, theirs = ({(one.topic, one.subtopic): one.score for one in s.summaries} for s in (first, second))
        shared = [place for place in ours if place in theirs]
        if shared:
            before, after = ([_joint(side[place]) for place in shared] for side in (ours, theirs))
            test = randomisation(before, after)
            found.append((first.name, second.name, len(shared), test.statistic, test.p))
    adjusted = holm([one[-1] for one in found]) if found else []
    return [Comparison(*one, p) for one, p in zip(found, adjusted, strict=True)]


def _joint(score: SummaryScore) -> float:
    return fsum(one.joint for one in score.insights) / max(1, len(score.insights))
