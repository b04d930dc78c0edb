from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.summhay.haystack import SUMMARY_PREFIX, Label, parse_haystack, read_haystack
from dikast.graphs.summhay.scores import (
    Covered,
    bounds,
    covered_by,
    f1_of,
    is_heading,
    pool,
    score_subtopic,
    score_summary,
)
from tests.graphs.summhay.hay import hay

OFFICIAL = {
    "coverage_score": "coverage",
    "citation_score": "citation",
    "joint_score": "joint",
    "citation_precision": "precision",
    "citation_recall": "recall",
}
"""The authors' name of a score -> ours."""


def test_the_authors_scores_of_all_systems(shared_data: Path) -> None:
    folder = shared_data / "evals" / "summhay"
    compared = 0
    for path in sorted(folder.glob("topic_*.official_scores.json")):
        haystack = read_haystack(path.with_name(path.name.replace(".official_scores", "")))
        for official in json.loads(path.read_text(encoding="utf-8"))["per_system"]:
            key = SUMMARY_PREFIX + official["model"]
            scored = [score_subtopic(haystack, subtopic, key) for subtopic in haystack.subtopics]
            pooled = pool(one for one in scored if one is not None)
            for theirs, ours in OFFICIAL.items():
                assert getattr(pooled, ours) == pytest.approx(official[theirs], abs=1e-12)
            compared += 1
    assert compared >= 78


def test_scores_counted_by_hand() -> None:
    haystack = parse_haystack(hay())
    scored = [score_subtopic(haystack, subtopic, "summary_subtopic_a") for subtopic in haystack.subtopics]
    pooled = pool(one for one in scored if one is not None)
    # i1: full, cites 1 and 2 of 1 and 2; i2: none; i3: partly, cites 3 of 3.
    assert (pooled.insights, pooled.covered, pooled.unlabelled) == (3, 2, 0)
    assert pooled.coverage == (1 + 0 + 0.5) / 3
    assert pooled.citation == 1.0
    assert pooled.joint == (1 + 0 + 0.5) / 3
    # Three lines are bullets, the heading is none; "It rained" is matched by nothing.
    assert (pooled.bullets, pooled.bullet_precision, pooled.redundancy) == (3, 2 / 3, 0)


def test_missing_labels_count_and_give_bounds() -> None:
    haystack = parse_haystack(hay())
    first, second = haystack.subtopics
    assert score_subtopic(haystack, second, "summary_subtopic_b") is None
    labels = {"i1": Covered(1.0, 1)}
    scored = score_summary(["Tea. [1]", "x [2]"], labels, {"i1": {1, 2}, "i2": {2}}, None)
    pooled = pool([scored])
    assert (pooled.insights, pooled.unlabelled, pooled.coverage) == (2, 1, 0.5)
    assert bounds([scored]) == {"coverage": (0.5, 1.0), "joint": (1 / 3, (2 / 3 + 1) / 2)}
    assert first.insights[0].insight_id == "i1"


def test_nothing_is_none_and_never_nan() -> None:
    nothing = pool([])
    assert nothing.insights == 0
    assert {value for value in nothing.as_dict().values()} == {0, None}
    uncovered = pool([score_summary(["a"], {"i": Covered(0.0)}, {"i": {1}})])
    assert (uncovered.coverage, uncovered.citation, uncovered.joint, uncovered.covered) == (0.0, None, 0.0, 0)
    empty = pool([score_summary([], {"i": Covered(0.0)}, {"i": {1}})])
    assert (empty.bullets, empty.bullet_precision, empty.words_a_bullet) == (0, None, None)
    assert bounds([]) == {}
    json.dumps([nothing.as_dict(), uncovered.as_dict(), empty.as_dict()], allow_nan=False)


@pytest.mark.parametrize("bullet", [None, 0, 3, -1, 10**9])
def test_a_bullet_that_is_not_there_cites_nothing_and_is_counted(bullet: int | None) -> None:
    pooled = pool([score_summary(["a [1]", "b [1]"], {"i": Covered(1.0, bullet)}, {"i": {1}})])
    assert (pooled.coverage, pooled.citation, pooled.unlinked) == (1.0, 0.0, 1)


@pytest.mark.parametrize(
    ("said", "bullet"),
    [(2, 2), ("2", 2), ("NA", None), ("2nd", None), (None, None), (2.0, 2), (2.5, None), ("9" * 99, None)],
)
def test_what_a_label_says_of_its_bullet(said: int | float | str | None, bullet: int | None) -> None:
    label = Label(insight_id="i", coverage="PARTIAL_COVERAGE", bullet_id=said)
    assert covered_by(label) == Covered(0.5, bullet)


def test_redundant_bullets_are_counted() -> None:
    bullets = ["The Aurora brought forty tons of tea.", "It rained.", "Forty tons of tea the Aurora brought! [3]"]
    assert pool([score_summary(bullets, {}, {})]).redundancy == 1 / 3


def test_a_long_summary_is_worth_less_by_its_words() -> None:
    long = " ".join(["word"] * 599) + " [1]"
    scored = score_summary([long], {"i": Covered(1.0, 1)}, {"i": {1}})
    assert pool([scored]).joint == 1.0
    assert pool([scored]).length_adjusted_joint == pytest.approx(300 / 599)


def test_an_insight_over_two_bullets_may_cite_by_both() -> None:
    bullets = ["The Borealis sank. [2]", "That was in March 1911. [5]", "It rained. [9]"]
    text = {"i": "The Borealis sank in March 1911."}
    scored = score_summary(bullets, {"i": Covered(0.5, 1)}, {"i": {2, 5}}, text)
    pooled = pool([scored])
    assert (pooled.spread, pooled.citation, pooled.spread_citation) == (1.0, pytest.approx(2 / 3), 1.0)
    whole = score_summary(
        ["The Borealis sank in March 1911. [2]", *bullets[2:]], {"i": Covered(1.0, 1)}, {"i": {2}}, text
    )
    assert pool([whole]).spread == 0.0


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("## Summary", True),
        ("Here are 5 insights:", True),
        ("**Fuel:**", True),
        ("Fuel matters: [3]", False),
        ("- It rained.", False),
        ("# of ships: 5 [2]", False),
    ],
)
def test_what_is_a_heading(line: str, heading: bool) -> None:
    assert is_heading(line) is heading


NUMBERS = st.frozensets(st.integers(1, 9), max_size=6)


@given(NUMBERS, NUMBERS)
def test_f1_is_the_harmonic_mean(given_: frozenset[int], gold: frozenset[int]) -> None:
    precision, recall, f1 = f1_of(given_, gold)
    assert 0 <= min(precision, recall) <= f1 + 1e-12
    assert f1 - 1e-12 <= max(precision, recall) <= 1
    assert (f1 == 1) == (given_ == gold and bool(gold))
