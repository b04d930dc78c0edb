from __future__ import annotations

import pytest

from dikast.graphs.self_tokens.matching import Match, matches, nearness


@pytest.mark.parametrize(
    ("answer", "reference", "how", "same"),
    [
        ("It is  4.\n", "it is 4.", "text", True),
        ("It is 4", "It is 4.", "text", False),
        ("6 plus 6 is 12.", "12", "number", True),
        ("12 less 6 is 6.", "12", "number", False),
        ("1,200.50", "so 1200.5", "number", True),
        ("-3", "3", "number", False),
        ("−3", "-3", "number", True),
        ("no idea", "3", "number", False),
        ("Yes", "yes", "number", True),
    ],
)
def test_answers_are_compared(answer: str, reference: str, how: Match, same: bool) -> None:
    assert matches(answer, reference, how) is same


@pytest.mark.parametrize(
    ("answer", "reference", "how", "right", "same"),
    [
        ("So it is 15.", "15 of the 24 liters", "number", "15", True),
        ("So it is 24.", "15 of the 24 liters", "number", "15", False),
        ("So it is 24.", "15 of the 24 liters", "number", "", True),
        ("15", "15 of the 24 liters", "text", "15", True),
        ("15 of the 24 LITERS", "15 of the 24 liters", "text", "15", True),
        ("24", "15 of the 24 liters", "text", "15", False),
        ("yes", "15 of the 24 liters", "number", "Yes", True),
    ],
)
def test_what_is_right_may_stand_apart_from_the_reference(
    answer: str, reference: str, how: Match, right: str, same: bool
) -> None:
    assert matches(answer, reference, how, right) is same


def test_texts_that_can_be_worded_in_many_ways_are_near_or_far() -> None:
    reference = "The council closes the bridge to lorries."
    near, far = nearness("The council closed the bridge.", reference), nearness("A ferry ran aground.", reference)
    assert near is not None
    assert far is not None
    assert near > 0.4 > far
    assert nearness("橋は閉鎖された", reference) is None
