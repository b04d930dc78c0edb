"""Where a step of a solution ends."""

from __future__ import annotations

from dikast.graphs.rest_mcts.splitting import first_step, join, split


def test_solutions_are_split_into_steps() -> None:
    assert split("a\n\n b \nc", "line") == ["a", "b", "c"]
    assert split("a\nb\n \nc", "paragraph") == ["a\nb", "c"]
    assert join(["a", "b"], "line") == "a\nb"
    assert (first_step("\n\n a \nb", "line"), first_step(" \n ", "line")) == ("a", "")
    assert first_step("a\nb\n\nc", "paragraph") == "a\nb"
