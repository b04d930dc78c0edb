from __future__ import annotations

import json
from copy import deepcopy
from itertools import pairwise

import pytest

from dikast.errors import DataError
from dikast.graphs.summhay.haystack import parse_haystack
from dikast.graphs.summhay.page import data_of, page_of
from dikast.graphs.summhay.scores import Covered, score_summary
from dikast.graphs.summhay.systems import (
    BINS,
    Scored,
    System,
    compare,
    interval_of,
    merged,
    positions_of,
    systems_of_file,
)
from dikast.pages import Figure, Table, markdown
from tests.graphs.summhay.hay import hay


def system(name: str, *coverages: float, topic: str = "t") -> System:
    """A system whose summaries have one insight each, cited rightly."""
    scores = [score_summary(["x [1]"], {"i": Covered(one, 1)}, {"i": {1}}) for one in coverages]
    summaries = [Scored(topic, "news", f"s{place}", score) for place, score in enumerate(scores)]
    return System(name, summaries, len(summaries))


def test_systems_of_a_file_are_told_with_what_they_lack() -> None:
    a, b = systems_of_file(parse_haystack(hay()))
    assert (a.name, len(a.summaries), a.asked) == ("a", 2, 2)
    assert (b.name, len(b.summaries), b.asked) == ("b", 1, 2)
    assert "b: 1 scored of 2 asked" in markdown(page_of([a, b]))


def test_files_are_joined_by_system_and_not_twice() -> None:
    other = deepcopy(hay())
    other["topic_id"] = "t2"
    systems = [*systems_of_file(parse_haystack(hay())), *systems_of_file(parse_haystack(other))]
    a, b = merged(systems)
    assert (len(a.summaries), a.pooled().insights, b.asked) == (4, 6, 4)
    with pytest.raises(DataError, match=r"system 'a' has two summaries of subtopic 's1' of topic 't1'"):
        merged([systems[0], systems[0]])


def test_intervals_come_from_subtopics() -> None:
    assert interval_of(system("one", 1.0), "joint") is None
    assert interval_of(system("same", 1.0, 1.0), "joint") == (1.0, 1.0)
    assert interval_of(system("none", 0.0, 0.0), "citation") is None
    interval = interval_of(system("mixed", *[0.0, 1.0] * 10), "joint")
    assert interval is not None
    assert 0.2 < interval.low < 0.5 < interval.high < 0.8
    assert interval == interval_of(system("mixed", *[0.0, 1.0] * 10), "joint")


def test_systems_are_compared_on_what_both_have() -> None:
    good, bad = system("good", *[1.0] * 8, 0.0), system("bad", *[0.5] * 8)
    [one] = compare([bad, good])
    assert (one.first, one.second, one.subtopics, one.difference) == ("bad", "good", 8, 0.5)
    assert one.p == one.adjusted == pytest.approx(2 / 2**8)
    assert compare([good, system("elsewhere", 1.0, topic="other")]) == []


def test_positions_are_counted_by_tenths_of_what_was_shown() -> None:
    documents = [{"number": number} for number in range(20, 0, -1)]
    insights = [
        {"coverage": 1.0, "gold": [20, 19, 1], "cited": [20, 5]},
        {"coverage": 0.0, "gold": [3], "cited": []},
        {"coverage": 0.5, "gold": [99], "cited": [99]},
    ]
    found = positions_of({"documents": documents, "scored": {"insights": insights}})
    assert found == [(2, 1), *[(0, 0)] * (BINS - 2), (1, 0)]


def test_a_page_has_all_of_it_best_first() -> None:
    systems = [system("worse", 0.5, 0.0), system("better", 1.0, 0.5)]
    page = page_of(systems, "Two")
    titles = [part.title for part in page.parts if isinstance(part, Table)]
    assert titles == [
        "scores, 95 % intervals over subtopics",
        "more about the summaries",
        "paired randomisation tests",
    ]
    [table, *_] = [part for part in page.parts if isinstance(part, Table)]
    assert [row[0] for row in table.rows] == ["better", "worse"]
    assert [part.name for part in page.parts if isinstance(part, Figure)] == ["joint.svg"]
    json.dumps(data_of(systems), allow_nan=False)


def test_missing_verdicts_give_bounds_on_the_page() -> None:
    scores = [score_summary(["x [1]"], {}, {"i": {1}}), score_summary(["x [1]"], {"i": Covered(1.0, 1)}, {"i": {1}})]
    half = System("half", [Scored("t", "news", str(place), one) for place, one in enumerate(scores)], 2)
    [told] = data_of([half])
    assert (told["unlabelled"], told["bounds"]["joint"]) == (1, [0.5, 1.0])
    assert "0.500 to 1.000" in markdown(page_of([half]))


def test_topics_and_domains_are_told_where_there_are_several() -> None:
    first, second = system("a", 1.0, 1.0), system("a", 0.0, topic="u")
    both = System("a", [*first.summaries, *second.summaries], 3)
    assert "joint by topic" in markdown(page_of([both]))
    assert data_of([both])[0]["topics"]["u"]["joint"] == 0.0


def test_nothing_at_all_is_a_page_too() -> None:
    page = page_of([System("empty", [], 3, {"error": 3})])
    assert "empty: 0 scored of 3 asked (3 error)" in markdown(page)
    assert all(first != second for first, second in pairwise(page.parts))
    json.dumps(data_of([System("empty", [], 3)]), allow_nan=False)
