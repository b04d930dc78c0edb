"""Policies beside one another: by which of the held-back questions each answered rightly."""

from __future__ import annotations

from math import fsum

from dikast.graphs.rest_mcts.rounds.records import Measured, Standing
from dikast.jobs.reading import Run
from dikast.stats import bootstrap
from dikast.training.rounds import At


def compare(at: At, before: Standing, after: Standing) -> Measured:
    """By how much the accuracy rose, over all held-back questions."""
    there, now = (correct_of(Run.open(at.folder / one["place"])) for one in (before, after))
    gains = [now[key] - there[key] for key in sorted(there)]
    interval = bootstrap(gains) if len(gains) > 1 else None
    return Measured(
        before=before,
        after=after,
        gain=fsum(gains) / len(gains),
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        usage={},
    )


def correct_of(run: Run) -> dict[str, float]:
    """Key of a row -> 1 if it was answered rightly, else 0."""
    return {row["key"]: float(bool(row["output"] and row["output"]["correct"])) for row in run.rows()}
