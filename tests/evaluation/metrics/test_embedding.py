from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from dikast.errors import DataError
from dikast.evaluation.metrics.embedding import Encoded, bert_score, inverse_frequencies, mover_score


class PlaneEncoder:
    """Each word has a fixed place on the unit circle: cosines can be worked out by hand."""

    def __init__(self, **degrees: float) -> None:
        self.degrees = degrees

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        return [self._one(text.split()) for text in texts]

    def _one(self, words: list[str]) -> Encoded:
        angles = np.radians([self.degrees[word] for word in words])
        # Twice the length: scores must not depend on it.
        return Encoded(tuple(words), 2 * np.column_stack([np.cos(angles), np.sin(angles)]).reshape(-1, 2))


PLANE = PlaneEncoder(east=0, north=90, west=180, slope=60)


def test_bert_score_by_hand() -> None:
    found = bert_score("east slope", "east north", PLANE)
    assert found.precision == pytest.approx((1 + math.cos(math.radians(30))) / 2)
    assert found.recall == pytest.approx((1 + math.cos(math.radians(30))) / 2)
    assert bert_score("east", "west", PLANE).f1 == 0
    part = bert_score("east", "east north", PLANE)
    assert (part.precision, part.recall, part.f1) == (pytest.approx(1), pytest.approx(0.5), pytest.approx(2 / 3))
    assert bert_score("", "west", PLANE).f1 == 0


def test_bert_score_weighs_by_inverse_frequency() -> None:
    weights = inverse_frequencies(PLANE.encode(["east north", "east", "east slope"]))
    assert weights == pytest.approx({"east": 0.0, "north": math.log(2), "slope": math.log(2)})
    # "east" weighs nothing: precision is that of "slope" alone.
    assert bert_score("east slope", "east north", PLANE, weights).precision == pytest.approx(math.cos(math.radians(30)))


def test_mover_score_by_hand() -> None:
    assert mover_score("east north", "north east", PLANE) == pytest.approx(1)
    assert mover_score("east", "north", PLANE) == pytest.approx(1 - math.sqrt(2))
    assert mover_score("east", "west", PLANE) == pytest.approx(-1)
    # A third of the mass stays; the other two have to go from east to north.
    assert mover_score("east", "east north north", PLANE) == pytest.approx(1 - 2 / 3 * math.sqrt(2))
    # The cheaper assignment of the two: slope to north, east to east.
    assert mover_score("east slope", "north east", PLANE) == pytest.approx(1 - 2 * math.sin(math.radians(15)) / 2)
    assert mover_score("", "east", PLANE) == -1


def test_an_encoder_that_lies_about_its_tokens_is_told() -> None:
    class Short:
        def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
            return [Encoded(("a", "b"), np.zeros((1, 2))) for _ in texts]

    with pytest.raises(DataError, match="2 tokens but vectors of shape"):
        bert_score("a", "b", Short())
