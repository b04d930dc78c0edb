from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.tables.profile import SAMPLE_ROWS, profile
from dikast.tables.table import Column, MemoryTable
from tests.tables.test_schema import text_table, write_rows


@pytest.mark.parametrize(
    ("missing", "said"), [(0, ""), (4, ""), (5, "sometimes"), (50, "sometimes"), (51, "mostly"), (96, "almost always")]
)
def test_missing_is_said_of_k_rows_or_more(missing: int, said: str):
    cells = [None] * missing + [f"x{n}" for n in range(100 - missing)]
    assert profile(text_table(cells), 0).missing == said


@pytest.mark.parametrize(("repeats", "said"), [(0, "hardly ever repeat"), (4, "hardly ever repeat"), (5, "repeat")])
def test_repeats_are_said_of_k_rows_or_more(repeats: int, said: str):
    cells = [f"x{n}" for n in range(50)] + ["x0"] * repeats
    assert profile(text_table([*cells]), 0).values == said
    assert profile(text_table(["a", "b", None, ""]), 0).values == ""


def test_repeats_across_chunks_are_seen():
    cells = np.arange(150_000)
    cells[140_000:140_005] = cells[:5]
    table = MemoryTable("t", (Column("n", "integer"),), (cells,))
    assert profile(table, 0).values == "repeat"


@given(st.lists(st.text(alphabet="ab1 ", max_size=3), max_size=30), st.integers(0, 29))
def test_one_row_less_takes_no_statement_away_that_k_rows_carry(cells: list[str], at: int):
    """A statement about k + 1 rows stays when one of them goes."""
    if at < len(cells):
        fewer: list[str | None] = [*cells[:at], *cells[at + 1 :]]
        full, less = profile(text_table([*cells]), 0, k=4), profile(text_table(fewer), 0, k=3)
        assert not full.missing or less.missing
        assert full.values != "repeat" or less.values == "repeat"


def test_richer_levels_read_a_bounded_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    table = write_rows(tmp_path / "t.parquet", 10)
    cells = np.array([f"x{n}" for n in range(SAMPLE_ROWS)] + ["same"] * 100, dtype=object)
    long = MemoryTable("t", (Column("c", "text"),), (cells,))
    assert profile(long, 0).values == "hardly ever repeat"
    monkeypatch.setattr("dikast.tables.profile.SAMPLE_ROWS", 4)
    assert profile(table, 2, k=3).values == "hardly ever repeat"
