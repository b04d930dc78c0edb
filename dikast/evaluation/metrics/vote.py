"""Metrics as a judge without a language model: the response nearer to the reference wins, metrics can vote.

    votes = metric_votes(pair.response_1, pair.response_2, [reference], {"bleu": bleu, "chrf": chrf})
    majority_of_metrics(votes)

RevisEval (Zhang et al., arXiv 2410.05193) shows that with a response-adapted reference such a vote can beat a weak
judge. A verdict does not depend on the order of the responses, so there is no position bias to cancel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dikast.evaluation.metrics.lexical import Metric
from dikast.verdicts import Winner


def metric_votes(
    response_1: str, response_2: str, references: Sequence[str], metrics: Mapping[str, Metric]
) -> dict[str, Winner]:
    """What each metric says about the pair; `tie` where both responses score the same.

    Raises:
        UsageError: There is no reference.
    """
    return {
        name: _nearer(metric(response_1, references), metric(response_2, references))
        for name, metric in metrics.items()
    }


def majority_of_metrics(votes: Mapping[str, Winner]) -> Winner:
    """The response that more metrics prefer. A metric that says tie abstains: equal scores are no evidence."""
    said = list(votes.values())
    return _nearer(said.count("1"), said.count("2"))


def longer_wins(response_1: str, response_2: str) -> Winner:
    """The judge with nothing but a length bias, by characters: what a real judge must beat."""
    return _nearer(len(response_1), len(response_2))


def _nearer(score_1: float, score_2: float) -> Winner:
    if score_1 == score_2:
        return "tie"
    return "1" if score_1 > score_2 else "2"
