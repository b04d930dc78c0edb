from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import DataError, UsageError
from dikast.evaluation.axes import Axes
from dikast.evaluation.interchange.suite import SuiteItem, read_suite, suite_as_rows
from dikast.files import write_jsonl
from tests.evaluation.interchange.test_garak import CANARY

AXES = Axes({"kind": ("a", "b"), "style": ("x", "y")}, ({"kind": ("b",), "style": ("y",)},))


def test_a_suite_comes_back_as_it_was_written(tmp_path: Path) -> None:
    items = [
        SuiteItem("1", "Say hello.", {"kind": "a", "style": "y"}),
        SuiteItem("2", "Name a color.", {"kind": "b"}, True),
    ]
    write_jsonl(tmp_path / "suite.jsonl", suite_as_rows(items))
    assert read_suite(tmp_path / "suite.jsonl", AXES) == items


def test_a_suite_of_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "suite.csv"
    path.write_text("text,topic,ok\nSay hello.,a,yes\nSay bye.,,no\n")
    items = read_suite(path, AXES, {"prompt": "text", "kind": "topic", "benign": "ok"})
    assert items == [SuiteItem("1", "Say hello.", {"kind": "a"}, True), SuiteItem("2", "Say bye.", {}, False)]
    with pytest.raises(UsageError, match="no column of ours is called 'question'"):
        read_suite(path, AXES, {"question": "text"})


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"id": "1"}'], r"suite.jsonl:1: field 'prompt': missing"),
        (['{"prompt": ""}'], r"suite.jsonl:1: field 'prompt': not text, or empty"),
        (['{"prompt": ["canary-text"]}'], r"suite.jsonl:1: field 'prompt': not text, or empty"),
        (
            ['{"prompt": "p"}', '{"prompt": "canary-text", "kind": "q"}'],
            r"suite.jsonl:2: field 'kind': kind='q' is not",
        ),
        (['{"prompt": "canary-text", "kind": "b", "style": "y"}'], r"field 'kind': the axes exclude this cell"),
        (
            ['{"prompt": "p", "id": "1"}', '{"prompt": "q", "id": 1}'],
            r"suite.jsonl:2: field 'id': '1' already stands on line 1",
        ),
        (['{"prompt": "p", "benign": "maybe"}'], r"field 'benign': neither true nor false"),
        ([""], r"the file is empty"),
    ],
)
def test_a_wrong_suite_is_told_and_not_quoted(tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=message) as caught:
        read_suite(path, AXES)
    assert CANARY not in str(caught.value)
