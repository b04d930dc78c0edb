from __future__ import annotations

import pytest

from dikast.errors import DataError, DikastError, MissingExtraError, UsageError


def test_errors_say_where_and_what_to_do() -> None:
    error = DataError("five fields", path="qrels.txt", line=3, field="grade", hint="write four")
    assert str(error) == "qrels.txt:3: field 'grade': five fields (write four)"
    assert str(MissingExtraError("pyarrow", extra="data")) == "pyarrow is not installed (pip install 'dikast[data]')"
    assert {DikastError.exit_code, UsageError.exit_code, MissingExtraError.exit_code} == {1, 2, 4}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DataError("empty"), "empty"),
        (DataError("empty", path="x.csv"), "x.csv: empty"),
        (DataError("empty", line=3), "empty"),  # a line of no file says nothing
        (DataError("empty", path="x.parquet", row=7), "x.parquet: row 7: empty"),
        (DataError("empty", path="x.csv", line=0), "x.csv:0: empty"),
        (DikastError("no", hint="yes"), "no (yes)"),
        (DikastError("no"), "no"),
        (MissingExtraError("Java", hint="install a JDK"), "Java is not installed (install a JDK)"),
    ],
)
def test_only_what_is_known_is_told(error: DikastError, told: str) -> None:
    assert str(error) == told
