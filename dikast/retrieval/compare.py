"""Comparing runs with a baseline, measure by measure: differences, intervals, tests, wins and losses.

    rows = compare(qrels, {"bm25": run_a, "genqr": run_b}, baseline="bm25", measures=["nDCG@10", "AP"])
    print(render(rows, "markdown"))                 # dikast.retrieval.report

Every judged query counts, the ones that a run lacks as 0. For each measure the p values are adjusted by Holm over the
systems that are compared with the baseline. A measure that counts (`NumRet`) is summed, and so are its differences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from dikast import stats
from dikast.errors import UsageError
from dikast.records import Qrels
from dikast.retrieval.measures import DEFAULT_MEASURES, is_count, measure, total
from dikast.retrieval.retriever import Hit

TIE = 1e-9  # values that differ by less are the same


@dataclass(frozen=True, slots=True)
class Paired:
    """A system against the baseline on one measure, query by query.

    Args:
        difference: Mean of system minus baseline; the sum, for a count.
        interval: Bootstrap interval (BCa) of that mean or sum.
        p_t: Paired t test, adjusted by Holm; `None` with fewer than 2 queries.
        p_randomisation: Paired randomisation test, adjusted by Holm.
        wins: Queries on which the system is better.
        ties: Queries on which both are the same.
        losses: Queries on which the baseline is better.
    """

    difference: float
    interval: stats.Interval
    p_t: float | None
    p_randomisation: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class Row:
    """One system on one measure.

    Args:
        measure: The measure's name.
        system: The run's name.
        asked: Judged queries; mean and sum are over these.
        scored: Those of them for which the run ranks any document.
        mean: Of the measure, 0 to 1; the sum, for a count.
        paired: Against the baseline; `None` for the baseline itself, or without one.
    """

    measure: str
    system: str
    asked: int
    scored: int
    mean: float
    paired: Paired | None


def compare(
    qrels: Qrels,
    runs: Mapping[str, Mapping[str, Sequence[Hit]]],
    *,
    baseline: str | None = None,
    measures: Sequence[str] = DEFAULT_MEASURES,
    confidence: float = stats.CONFIDENCE,
    seed: int = stats.SEED,
) -> list[Row]:
    """One row a measure and system, measures in their order, systems in theirs, the baseline first.

    Raises:
        UsageError: The baseline is none of the runs, or a measure is unknown.
        DataError: There are no judgments, or a ranking names a document twice.
    """
    if baseline is not None and baseline not in runs:
        raise UsageError(f"baseline {baseline!r} is none of the runs: {', '.join(runs)}")
    values, scored = measure_runs(qrels, runs, measures)
    return compare_values(values, scored, baseline=baseline, measures=measures, confidence=confidence, seed=seed)


def measure_runs(
    qrels: Qrels, runs: Mapping[str, Mapping[str, Sequence[Hit]]], measures: Sequence[str] = DEFAULT_MEASURES
) -> tuple[dict[str, dict[str, dict[str, float]]], dict[str, int]]:
    """What `compare_values` takes: system -> measure -> query id -> value, and system -> queries that it ranks."""
    values = {name: measure(qrels, run, measures) for name, run in runs.items()}
    return values, {name: sum(bool(run.get(qid)) for qid in qrels) for name, run in runs.items()}


def compare_values(
    values: Mapping[str, Mapping[str, Mapping[str, float]]],
    scored: Mapping[str, int],
    *,
    baseline: str | None = None,
    measures: Sequence[str] = DEFAULT_MEASURES,
    confidence: float = stats.CONFIDENCE,
    seed: int = stats.SEED,
) -> list[Row]:
    """`compare`, of queries that are measured already: rankings of a million queries need not be held at once.

    Args:
        values: System -> measure -> query id -> value; all over the same queries in the same order.
        scored: System -> queries for which it ranks any document.
        baseline: As for `compare`.
        measures: As for `compare`.
        confidence: As for `compare`.
        seed: As for `compare`.
    """
    names = sorted(values, key=lambda name: name != baseline)
    rows: list[Row] = []
    for what in measures:
        of_systems = {name: values[name][what] for name in names}
        queries = max(map(len, of_systems.values()), default=0)
        factor = queries if is_count(what) else 1
        paired = _against(baseline, of_systems, factor, confidence, seed) if baseline is not None else {}
        rows += [
            Row(what, name, queries, scored[name], total(what, of_systems[name]), paired.get(name))
            for name in of_systems
        ]
    return rows


def tukey_pairs(
    values: Mapping[str, Mapping[str, Mapping[str, float]]],
    measures: Sequence[str] = DEFAULT_MEASURES,
    confidence: float = stats.CONFIDENCE,
) -> list[dict[str, Any]]:
    """All pairs of systems by Tukey's HSD, measure by measure: differences of means, intervals and p for all together.

    Args:
        values: As for `compare_values`.
        measures: As for `compare`.
        confidence: Of the intervals.

    Raises:
        UsageError: There are fewer than two systems or queries.
    """
    found: list[dict[str, Any]] = []
    for what in measures:
        of_systems = {name: list(values[name][what].values()) for name in values}
        for pair in stats.tukey(of_systems, confidence=confidence):
            found.append({"measure": what, **pair._asdict(), "interval": pair.interval._asdict()})
    return found


def _against(
    baseline: str, values: Mapping[str, Mapping[str, float]], factor: int, confidence: float, seed: int
) -> dict[str, Paired]:
    base = list(values[baseline].values())
    raw = {
        name: _pair(base, list(scores.values()), factor, confidence, seed)
        for name, scores in values.items()
        if name != baseline
    }
    by_t = stats.holm([pair.p_t for pair in raw.values() if pair.p_t is not None]) or [None] * len(raw)
    by_randomisation = stats.holm([pair.p_randomisation for pair in raw.values()])
    return {
        name: replace(pair, p_t=p_t, p_randomisation=p_randomisation)
        for (name, pair), p_t, p_randomisation in zip(raw.items(), by_t, by_randomisation, strict=True)
    }


def _pair(base: list[float], system: list[float], factor: int, confidence: float, seed: int) -> Paired:
    differences = [after - before for before, after in zip(base, system, strict=True)]
    wins, losses = sum(moved > TIE for moved in differences), sum(moved < -TIE for moved in differences)
    low, high = stats.bootstrap(differences, confidence=confidence, seed=seed)
    return Paired(
        difference=factor * fmean(differences),
        interval=stats.Interval(factor * low, factor * high),
        p_t=stats.paired_t(base, system).p if len(base) > 1 else None,
        p_randomisation=stats.randomisation(base, system, seed=seed).p,
        wins=wins,
        ties=len(base) - wins - losses,
        losses=losses,
    )
