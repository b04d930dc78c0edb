from __future__ import annotations

import math
import subprocess
import sys
from importlib import import_module
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dikast.errors import MissingExtraError, UsageError
from dikast.evaluation.diversity import (
    PERMUTATIONS,
    NearDuplicates,
    diversity,
    diversity_by_cell,
    rows_of_a_band,
    shingles,
    similarity,
)


def sentences(count: int, seed: int = 0) -> list[str]:
    random = Random(seed)
    words = [f"{random.getrandbits(40):x}" for _ in range(300)]
    return [" ".join(random.choice(words) for _ in range(18)) for _ in range(count)]


def test_a_near_duplicate_is_named_and_not_kept() -> None:
    seen = NearDuplicates()
    texts = sentences(300)
    assert [seen.add(str(i), text) for i, text in enumerate(texts)] == [None] * 300
    changed = [text.upper() + "  !" for text in texts]
    assert [seen.add(f"again {i}", text) for i, text in enumerate(changed)] == [str(i) for i in range(300)]
    assert seen.add("again 0", "Something else altogether, and new.") is None  # a duplicate's key was not kept


def test_what_is_called_a_duplicate_is_one() -> None:
    first, second = "How do I bake bread at home?", "How do I bake cakes at home?"
    alike = similarity(shingles(first), shingles(second))
    for threshold in (alike - 0.01, alike + 0.01):
        seen = NearDuplicates(threshold)
        seen.add("first", first)
        assert (seen.add("second", second) == "first") == (threshold < alike)


@settings(max_examples=25)
@given(st.text(), st.text())
def test_similarity_is_symmetric_and_one_for_equal_texts(first: str, second: str) -> None:
    a, b = shingles(first), shingles(second)
    assert similarity(a, b) == similarity(b, a)
    assert similarity(a, a) == 1
    seen = NearDuplicates()
    assert seen.add("1", first) is None
    assert (seen.add("2", first)) == "1"


def test_diversity_of_equal_and_of_different_texts() -> None:
    same = diversity(["a b c d e f"] * 4)
    assert (same.n, same.distance, same.distinct) == (4, 0.0, 5 / 20)
    different = diversity(sentences(6))
    assert different.distance > 0.9
    assert different.distinct > 0.9
    alone = diversity(["one"])
    assert math.isnan(alone.distance)
    assert math.isnan(alone.distinct)


def test_many_texts_are_sampled_the_same_way_each_time() -> None:
    texts = sentences(240)  # 28,680 pairs
    assert diversity(texts) == diversity(texts)
    assert diversity(texts).distance == pytest.approx(0.97, abs=0.03)


def test_each_cell_is_measured_alone() -> None:
    found = diversity_by_cell([({"a": "1"}, "same text"), ({"a": "2"}, "other"), ({"a": "1"}, "same text")])
    assert [(cell, one.n) for cell, one in found] == [({"a": "1"}, 2), ({"a": "2"}, 1)]
    assert found[0][1].distance == 0.0


def test_keys_and_thresholds_that_cannot_be() -> None:
    seen = NearDuplicates()
    seen.add("1", "text")
    with pytest.raises(UsageError, match="two texts have the key '1'"):
        seen.add("1", "another")
    with pytest.raises(UsageError, match="similarity threshold of 0"):
        NearDuplicates(0)


def test_a_missing_library_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(MissingExtraError, match=r"datasketch.*pip install 'dikast\[astral\]'"):
        NearDuplicates()


@pytest.mark.parametrize("threshold", [0.07, 0.35, 0.56, 0.63, 0.7])
def test_texts_are_banded_as_datasketch_does_it(threshold: float) -> None:
    optimal: Any = vars(import_module("datasketch.lsh"))["_optimal_param"]
    assert rows_of_a_band(threshold) == optimal(threshold, PERMUTATIONS, 0.5, 0.5)


def test_sketching_texts_loads_no_scipy() -> None:
    code = (
        "import sys; from dikast.evaluation.diversity import NearDuplicates as N; n = N(); n.add('a', 'one text'); "
        "print(n.add('b', 'one text'), 'scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "a False"
