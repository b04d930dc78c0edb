from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.tables.load import load
from tests.tables.test_load import duckdb


def test_a_view_in_a_duckdb_file_reads_no_other_file(tmp_path: Path):
    secret = tmp_path / "secret.csv"
    secret.write_text("x\n1\n")
    path = tmp_path / "t.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.sql(f"create view spy as select * from read_csv('{secret}')")
    with pytest.raises(DataError, match="cannot be read as duckdb"):
        load(path)
