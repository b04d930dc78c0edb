from __future__ import annotations

import datetime
import decimal
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dikast.sandbox.inside.answer import labelled, plain


@pytest.mark.parametrize(
    ("value", "json_value"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2.5, 2.5),
        (float("nan"), None),
        ("x", "x"),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.float32(0.5), 0.5),
        (np.array(3), 3),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.datetime64("2001-02-03"), "2001-02-03"),
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp("2001-02-03"), "2001-02-03"),
        (pd.Timestamp("2001-02-03 04:05"), "2001-02-03T04:05:00"),
        (datetime.date(2001, 2, 3), "2001-02-03"),
        (pd.Timedelta(hours=1), "0 days 01:00:00"),
        (np.timedelta64(1, "h"), "0 days 01:00:00"),
        (decimal.Decimal("1.5"), 1.5),
        (pd.Series([1, None]), [1, None]),
        (pd.Series(["a"], dtype="str").array, ["a"]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), [[1, "x"], [2, None]]),
        ({"a": np.int64(1), 2: (1,), None: 0, ("x", 1): 3}, {"a": 1, "2": [1], "null": 0, "x, 1": 3}),
        ({3, 1, 2}, [1, 2, 3]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ((x for x in "ab"), ["a", "b"]),
        (itertools.islice([1, 2, 3], 2), [1, 2]),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_what_programs_compute_becomes_plain(value: Any, json_value: Any) -> None:
    made = plain(value)
    assert made == json_value
    assert type(made) is type(json_value)


@pytest.mark.parametrize("value", [object(), b"x", plain, pd])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        plain(value)


def test_an_answer_that_holds_itself_is_refused() -> None:
    answer: list[Any] = []
    answer.append(answer)
    with pytest.raises(ValueError, match="nested"):
        plain(answer)


REGIONS: Any = pd.DataFrame({"region": ["north", "south", "north"], "amount": [3, 7, 4]})


@pytest.mark.parametrize(
    ("value", "columns", "rows"),
    [
        (REGIONS.groupby("region")["amount"].sum(), ["region", "amount"], [["north", 7], ["south", 7]]),
        (REGIONS["region"].value_counts(), ["region", "count"], [["north", 2], ["south", 1]]),
        (REGIONS.groupby(["region", "amount"]).size(), ["region", "amount", ""],
         [["north", 3, 1], ["north", 4, 1], ["south", 7, 1]]),
        (REGIONS.groupby("region").agg(["sum"]), ["region", "amount, sum"], [["north", 7], ["south", 7]]),
        (REGIONS.iloc[0], ["", "0"], [["region", "north"], ["amount", 3]]),
        (REGIONS[REGIONS["amount"] > 3], ["region", "amount"], [["south", 7], ["north", 4]]),
        (REGIONS.set_index(pd.to_datetime(["2001-02-03", None, "2001-02-04"]))["amount"], ["", "amount"],
         [["2001-02-03", 3], [None, 7], ["2001-02-04", 4]]),
    ],
)  # fmt: skip
def test_series_and_frames_keep_their_labels(value: Any, columns: list[str], rows: list[list[Any]]) -> None:
    assert labelled(value) == {"columns": columns, "rows": rows}


@pytest.mark.parametrize(
    "value",
    [7, [1, 2], {"a": 1}, REGIONS["amount"], REGIONS["amount"][[2, 0]], pd.Series([1], index=[b"x"]),
     pd.Series([1], index=[float("inf")])],
)  # fmt: skip
def test_what_has_no_labels_or_none_that_can_be_written(value: object) -> None:
    assert labelled(value) is None


@pytest.mark.parametrize("value", [{1: "a", "1": "b"}, {None: 1, "null": 2}, {("x", 1): 1, "x, 1": 2}])
def test_keys_of_the_same_text_do_not_hide_one_another(value: object) -> None:
    with pytest.raises(ValueError, match="keys"):
        plain(value)
