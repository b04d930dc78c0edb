"""Shares by group, against counts by hand and RewardBench's own rule."""

from __future__ import annotations

import pytest

from dikast.evaluation.groups import REWARDBENCH, GroupShare, mean_of_groups, rewardbench_sections, shares_by_group
from dikast.stats import Interval, wilson


def share(group: str, right: float) -> GroupShare:
    nowhere = Interval(0.0, 1.0)
    return GroupShare(group, 1, 0, right, nowhere, 1.0, nowhere)


def test_a_group_counts_all_that_was_asked() -> None:
    credits = {"a": 1.0, "b": 0.0, "c": None, "d": 1.0, "e": 0.5}
    same = {"a": True, "b": False, "c": None, "d": True, "e": True}
    code, math = shares_by_group(credits, same, {"a": "math", "b": "math", "c": "math", "d": "code", "e": "code"})
    assert (math.n, math.unparsed, math.right, math.same) == (3, 1, pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert math.right_interval == wilson(1, 3)
    # Half a credit is no count of successes: the interval is that of a mean.
    assert (code.group, code.right, code.same) == ("code", 0.75, 1.0)
    assert 0 <= code.right_interval.low < 0.75 < code.right_interval.high <= 1


def test_each_group_counts_once_in_the_mean() -> None:
    credits = {str(n): float(n == 0) for n in range(10)}
    groups = {str(n): "small" if n == 0 else "large" for n in range(10)}
    assert mean_of_groups(shares_by_group(credits, dict.fromkeys(credits, True), groups)) == 0.5


def test_rewardbenchs_sections_weigh_its_subsets_as_it_does() -> None:
    assert sum(REWARDBENCH["Reasoning"].values()) == 2 * 984
    assert sum(sum(subsets.values()) for subsets in REWARDBENCH.values()) == 2985 - 447 + 984
    found = rewardbench_sections([share("math-prm", 0.5), share("hep-go", 1.0), share("mt-bench-easy", 0.25)])
    assert found == {"Chat": 0.25, "Reasoning": pytest.approx((984 * 0.5 + 164) / (984 + 164))}


def test_other_groups_have_no_sections() -> None:
    assert rewardbench_sections([share("math-prm", 0.5), share("mine", 1.0)]) == {}
    assert rewardbench_sections([]) == {}
