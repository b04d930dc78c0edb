from __future__ import annotations

import pytest

from dikast.graphs.self_tokens.matching import Match, matches


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
