from __future__ import annotations

from pathlib import Path

import pytest

from dikast.jobs import parquet
from dikast.jobs.parquet import load_pyarrow, write

pytest.importorskip("pyarrow", reason="needs dikast[data]")


def test_columns_have_their_types_and_lacking_cells_are_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_A_GROUP", 2)
    kinds = {"b": "bool", "i": "int", "l": "long", "f": "float", "t": "text", "j": "json", "n": "null",
             "s": "list of list of int"}  # fmt: skip
    write(tmp_path / "x.parquet", iter([{"b": True, "i": 1, "s": [[1], []]}, {"t": "é"}, {"j": {"a": 1}}]), kinds)
    _, reader = load_pyarrow()
    file = reader.ParquetFile(tmp_path / "x.parquet")
    told = {field.name: str(field.type) for field in file.schema_arrow}
    assert told == {
        "b": "bool", "i": "int64", "l": "int64", "f": "double", "t": "string", "j": "string", "n": "string",
        "s": "list<element: list<element: int64>>",
    }  # fmt: skip
    assert file.metadata.num_row_groups == 2
    rows = file.read().to_pylist()
    assert rows[0]["s"] == [[1], []]
    assert [row["j"] for row in rows] == [None, None, '{"a":1}']
