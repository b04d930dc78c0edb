from __future__ import annotations

import pytest

from dikast.evaluation.metrics.meteor import meteor_exact_stem


def test_meteor_of_a_worked_example() -> None:
    # "cats" and "cat" meet by their stem; 5 of 5 and 5 of 6 matched in 1 chunk, "down" alone is not.
    precision, recall, chunks, matched = 1.0, 5 / 6, 1, 5
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    expected = mean * (1 - 0.5 * (chunks / matched) ** 3)
    assert meteor_exact_stem("The cats sat there .", ["the cat sat there . down"]) == pytest.approx(expected)
    assert meteor_exact_stem("", ["a"]) == 0


def test_meteor_knows_no_synonyms() -> None:
    assert meteor_exact_stem("car", ["automobile"]) == 0
