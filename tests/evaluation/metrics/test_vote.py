from __future__ import annotations

import pytest

from dikast.evaluation.metrics.lexical import METRICS
from dikast.evaluation.metrics.vote import longer_wins, majority_of_metrics, metric_votes
from dikast.verdicts import Winner
from tests.evaluation.test_metrics import TEXT


def test_metrics_vote() -> None:
    votes = metric_votes(TEXT, "something else", [TEXT], METRICS)
    assert set(votes.values()) == {"1"}
    assert metric_votes("a", "a", [TEXT], METRICS)["chrf"] == "tie"
    assert majority_of_metrics(votes) == "1"


@pytest.mark.parametrize(
    ("votes", "winner"),
    [("12t", "tie"), ("1tt", "1"), ("221", "2"), ("tt", "tie"), ("nt", "tie"), ("n", None), ("", None)],
)
def test_a_metric_that_says_tie_abstains(votes: str, winner: Winner | None) -> None:
    names: dict[str, Winner | None] = {"1": "1", "2": "2", "t": "tie", "n": None}
    assert majority_of_metrics({str(i): names[vote] for i, vote in enumerate(votes)}) == winner


def test_the_longer_wins() -> None:
    assert (longer_wins("ab", "a"), longer_wins("a", "ab"), longer_wins("a", "b")) == ("1", "2", "tie")
