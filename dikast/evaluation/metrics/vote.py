"""Metrics as a judge without a language model: the response nearer to the reference wins, metrics can vote.

    votes = metric_votes(pair.response_1, pair.response_2, [reference], {"bleu": bleu, "chrf": chrf})
    majority_of_metrics(votes)

RevisEval (Zhang et al., arXiv 2410.05193) shows that with a response-adapted reference such a vote can beat a weak
judge. A verdict does not depend on the order of the responses, so there is no position bias to cancel. A metric that
cannot measure these texts (NaN) has no vote: that is not a tie.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dikast.evaluation.metrics.lexical import Metric
from dikast.verdicts import Winner


def metric_votes(
    response_1: str, response_2: str, references: Sequence[str], metrics: Mapping[str, Metric]
) -> dict[str, Winner | None]:
    """What each metric says about the pair; `tie` where both responses score the same, `None` where it cannot measure.

    Raises:
        UsageError: There is no reference.
    """
    return {
        name: _nearer(metric(response_1, references), metric(response_2, references))
        for name, metric in metrics.items()
    }


def majority_of_metrics(votes: Mapping[str, Winner | None]) -> Winner | None:
    """The response that more metrics prefer; `None` where none of them can measure.

    A metric that says tie abstains: equal scores are no evidence.
    """
    said = [vote for vote in votes.values() if vote is not None]
    return _compared(said.count("1"), said.count("2")) if said else None


def longer_wins(response_1: str, response_2: str) -> Winner:
    """The judge with nothing but a length bias, by characters: what a real judge must beat."""
    return _compared(len(response_1), len(response_2))


def _nearer(score_1: float, score_2: float) -> Winner | None:
    return None if math.isnan(score_1) or math.isnan(score_2) else _compared(score_1, score_2)


def _compared(score_1: float, score_2: float) -> Winner:
    if score_1 == score_2:
        return "tie"
    return "1" if score_1 > score_2 else "2"
