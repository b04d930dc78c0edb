from __future__ import annotations

import pytest

from dikast.agents.models.finish_reasons import finish_reason


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("stop", "stop"),
        ("eos_token", "stop"),
        ("EOS_TOKEN", "stop"),
        ("SAFETY", "content_filter"),
        ("MAX_TOKENS", "length"),
        ("ABORT", "abort"),
        ("Odd", "Odd"),
        (None, "unknown"),
        ("", "unknown"),
        (7, "7"),
    ],
)
def test_engines_words_become_ours_and_unknown_ones_stay(said: object, word: str) -> None:
    assert finish_reason(said) == word
