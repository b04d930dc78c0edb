from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.evaluation.revision import _common_length, _edits, diagnose, edit_distance, entities, summarise, words

RESPONSE = "Paris is the capital of France and has two million people."
GUIDE = "The seat of the French government, which many tourists visit each summer, is a city on the river Seine."
WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


def slow_edits(a: list[str], b: list[str]) -> int:
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (x != y)))
        rows.append(row)
    return rows[-1][-1]


def slow_common(a: list[str], b: list[str]) -> int:
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            best[i][j] = best[i - 1][j - 1] + 1 if x == y else max(best[i - 1][j], best[i][j - 1])
    return best[-1][-1]


@given(WORDS, WORDS)
def test_distances_are_what_the_textbook_says(a: list[str], b: list[str]) -> None:
    assert _edits(a, b) == slow_edits(a, b)
    assert _common_length(a, b) == slow_common(a, b)


@given(WORDS, WORDS, WORDS)
def test_edit_distance_is_a_metric_before_it_is_scaled(a: list[str], b: list[str], c: list[str]) -> None:
    assert _edits(a, b) == _edits(b, a)
    assert (_edits(a, b) == 0) == (a == b)
    assert _edits(a, c) <= _edits(a, b) + _edits(b, c)
    assert 0 <= edit_distance(a, b) <= 1


def test_a_reference_that_is_the_response() -> None:
    found = diagnose(RESPONSE, f"  {RESPONSE}\n", guide=GUIDE)
    assert found.unchanged
    assert (found.edit_distance, found.kept, found.copied) == (0, 1, 0)
    assert not found.nearer_to_guide
    assert not found.copies_guide
    assert found.added_entities == ()


def test_a_reference_that_is_the_guide() -> None:
    found = diagnose(RESPONSE, GUIDE, guide=GUIDE)
    assert found.nearer_to_guide
    assert found.copies_guide
    assert found.copied == 1
    assert not found.unchanged


def test_what_guide_and_response_share_is_not_copied() -> None:
    found = diagnose(RESPONSE, RESPONSE, guide=RESPONSE)
    assert found.copied == 0
    assert not found.nearer_to_guide


def test_without_a_guide_there_is_nothing_to_copy() -> None:
    found = diagnose(RESPONSE, "Lyon.")
    assert math.isnan(found.copied)
    assert not found.copies_guide
    assert not found.nearer_to_guide


def test_entities_that_nobody_gave() -> None:
    reference = "Paris, founded by the Parisii, is the capital of France. It has 2.1 million people and 20 districts."
    found = diagnose(RESPONSE, reference, guide="It has 20 districts.", instruction="Tell me about Paris")
    assert found.entities == ("Parisii", "France", "2.1", "20")
    assert found.added_entities == ("Parisii", "2.1")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The cat sat. It slept.", ()),
        ("In New York, Anna met Bob Smith.", ("New York", "Anna", "Bob Smith")),
        ("Then Anna left.", ("Anna",)),
        ("- First\n- Second\n1. Third, 2. kept", ("2",)),
        ("It cost 1,000 on 2024-05-01, or 5%.", ("1,000", "2024-05-01", "5%")),
        ("What I saw", ()),
        ("", ()),
    ],
)
def test_names_are_not_what_just_opens_a_sentence(text: str, names: tuple[str, ...]) -> None:
    assert entities(text) == names


def test_rates() -> None:
    rows = [diagnose(RESPONSE, RESPONSE, guide=GUIDE), diagnose(RESPONSE, GUIDE, guide=GUIDE)]
    found = summarise(rows)
    assert (found.n, found.unchanged, found.copies_guide, found.nearer_to_guide) == (2, 0.5, 0.5, 0.5)
    assert found.edit_distance == pytest.approx(sum(row.edit_distance for row in rows) / 2)
    assert found.added_entity_rate == 0
    assert math.isnan(summarise([]).unchanged)


@given(st.text(), st.text(), st.text())
def test_any_texts_can_be_diagnosed(response: str, reference: str, guide: str) -> None:
    found = diagnose(response, reference, guide=guide)
    assert 0 <= found.edit_distance <= 1
    assert 0 <= found.kept <= 1
    assert set(found.added_entities) <= set(found.entities)


def test_very_long_texts_are_compared_by_their_beginning() -> None:
    assert len(words("word " * 10_000)) == 4000
