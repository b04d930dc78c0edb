from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.sandbox.inside import columns

CELLS: Any = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def there_and_back(frame: pd.DataFrame) -> pd.DataFrame:
    return columns.read(memoryview(columns.pack(frame)))


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, 2, 3]),
        pd.Series([1.5, np.nan, -np.inf]),
        pd.Series([True, False]),
        pd.Series(["a", None, "\ud800é\u00a0"], dtype="object"),
        pd.Series(["a", None, "zoë"], dtype="str"),
        pd.Series([1, None], dtype="Int64"),
        pd.Series([1, 255], dtype="UInt8"),
        pd.Series([1.5, None], dtype="Float64"),
        pd.Series([True, None], dtype="boolean"),
        pd.to_datetime(pd.Series(["2001-02-03", None])),
        pd.to_timedelta(pd.Series([1, 2]), unit="h"),
        pd.Series([], dtype="int32"),
    ],
    ids=lambda values: str(values.dtype),
)
def test_a_column_keeps_its_type_and_values(values: pd.Series) -> None:
    frame = pd.DataFrame({"a": values})
    pd.testing.assert_frame_equal(there_and_back(frame), frame)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_mixed_cells_arrive_as_they_are(rows: list[tuple[Any, Any]]) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="object")
    back = there_and_back(frame)
    assert back.shape == frame.shape
    assert back.to_numpy().tolist() == frame.to_numpy().tolist()


def test_cells_of_numpy_travel_as_numbers_or_text() -> None:
    """A Parquet list column has arrays for cells."""
    cells = [np.int8(3), np.float32(0.5), np.bool_(True), np.array([1, 2]), np.datetime64("2001-02-03"), b"x", 1j]
    frame = pd.DataFrame({"a": pd.Series(cells, dtype="object")})
    assert there_and_back(frame)["a"].tolist() == [3, 0.5, True, "[1 2]", "2001-02-03", "b'x'", "1j"]


def test_equal_headers_and_other_headers_stay_apart() -> None:
    frame = pd.DataFrame([[1, "x", 2.5]], columns=["a", "a", 7])
    assert list(there_and_back(frame).columns) == ["a", "a", "7"]
    assert there_and_back(frame).iloc[0].tolist() == [1, "x", 2.5]


def test_other_cells_travel_as_text_and_categories_as_their_values() -> None:
    frame = pd.DataFrame({"a": [pd.Timestamp("2001-02-03"), (1, 2)], "b": pd.Categorical(["x", "y"])}, dtype=None)
    assert there_and_back(frame).to_numpy().tolist() == [["2001-02-03 00:00:00", "x"], ["(1, 2)", "y"]]


@pytest.mark.parametrize(
    "zone", ["Europe/Athens", "UTC", "America/St_Johns", datetime.timezone(-datetime.timedelta(hours=3.5))]
)
def test_times_with_a_zone_keep_it(zone: Any) -> None:
    """arrow #15047: both kinds of box have the column as the file has it."""
    times: Any = pd.to_datetime(pd.Series(["2001-02-03 04:05", "2001-07-03 04:05", None]))
    local = times.dt.tz_localize(zone)
    frame = pd.DataFrame({"a": local})
    pd.testing.assert_frame_equal(there_and_back(frame), frame)


def test_the_index_is_not_kept() -> None:
    assert list(there_and_back(pd.DataFrame({"a": [1, 2]}, index=[9, 8])).index) == [0, 1]


def test_a_frame_that_was_read_can_be_written_to() -> None:
    back = there_and_back(pd.DataFrame({"a": [1, 2]}))
    back.loc[0, "a"] = 5
    assert back["a"].tolist() == [5, 2]


def test_what_is_no_packed_table_is_refused() -> None:
    with pytest.raises(ValueError, match="not a packed table"):
        columns.read(memoryview(b"EVIL" + columns.pack(pd.DataFrame({"a": [1]}))[4:]))
