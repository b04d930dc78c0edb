from __future__ import annotations

import pytest

from dikast.reply_json import MOST_STARTS, read_objects, whole_object


def test_objects_are_found_wherever_they_stand() -> None:
    found = read_objects('a {"x": 1} b {"y": {"z": 2}} {not one} {}')
    assert found is not None
    assert [dict(one.fields) for one in found] == [{"x": 1}, {"y": {"z": 2}}, {}]


@pytest.mark.parametrize("start", ['{"a ', '{"a":' * 2, '{"'])
def test_a_search_that_is_given_up_says_so(start: str) -> None:
    assert read_objects(start * (MOST_STARTS + 1) + '{"verdict": "safe"}') is None


@pytest.mark.parametrize(
    ("text", "twice"), [('{"a": 1, "A ": 2}', True), ('{"x": [{"a": 1, "a": 1}]}', True), ('{"a": {"a": 1}}', False)]
)
def test_a_name_that_comes_twice_in_one_object(text: str, twice: bool) -> None:
    found = read_objects(text)
    assert found is not None
    assert found[0].twice == twice
    assert (whole_object(f"<think>hm</think>\n```json\n{text}\n```") is None) == twice
