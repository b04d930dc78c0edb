from __future__ import annotations

from collections.abc import Sequence

import pytest

from dikast.evaluation.metrics.likelihood import bart_score


def test_bart_score_asks_in_the_right_direction() -> None:
    class Lengths:
        def mean_log_likelihood(self, sources: Sequence[str], targets: Sequence[str]) -> Sequence[float]:
            return [-10.0 * len(source) - len(target) for source, target in zip(sources, targets, strict=True)]

    assert bart_score("cccc", "r", Lengths(), "precision") == -14
    assert bart_score("cccc", "r", Lengths(), "recall") == -41
    assert bart_score("cccc", "r", Lengths()) == pytest.approx(-27.5)
