from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.tables.ledger import Ledger


@pytest.mark.parametrize("file", [None, "bits.sqlite"])
def test_a_budget_is_a_tables_whoever_asks(tmp_path: Path, file: str | None) -> None:
    ledger = Ledger(None if file is None else tmp_path / file)
    assert ledger.charge("sales", "ann", 4.0, budget=8.0)
    assert ledger.charge("sales", "bob", 4.0, budget=8.0)
    assert not ledger.charge("sales", "cyd", 0.1, budget=8.0)
    assert ledger.charge("other", "cyd", 8.0, budget=8.0)
    assert ledger.charge("sales", "ann", 1.0, budget=None)
    assert ledger.spent("sales") == 9.0
    assert ledger.rows() == [("other", "cyd", 8.0), ("sales", "ann", 5.0), ("sales", "bob", 4.0)]


def test_what_was_let_out_is_known_after_a_restart_and_to_others(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path / "bits.sqlite"), Ledger(tmp_path / "bits.sqlite")
    assert first.charge("t", "", 4.0, budget=6.0)
    assert not second.charge("t", "", 4.0, budget=6.0)
    assert Ledger(tmp_path / "bits.sqlite").spent("t") == 4.0


def test_many_at_once_do_not_go_beyond_it_together(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path / "bits.sqlite") for _ in range(2)]

    def charge(number: int) -> bool:
        return ledgers[number % 2].charge("t", str(number), 1.0, 10.0)

    with ThreadPoolExecutor(8) as pool:
        allowed = list(pool.map(charge, range(40)))
    assert sum(allowed) == 10
    assert ledgers[0].spent("t") == 10.0


def test_sums_of_logarithms_reach_a_budget_that_they_are(tmp_path: Path) -> None:
    del tmp_path
    ledger = Ledger()
    assert all(ledger.charge("t", "", 0.1, budget=1.0) for _ in range(10))


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("not a database " * 100)
    with pytest.raises(DataError, match="no ledger can be kept here"):
        Ledger(tmp_path / "x")
    with pytest.raises(DataError, match="no ledger can be kept here"):
        Ledger(tmp_path / "no" / "folder")
