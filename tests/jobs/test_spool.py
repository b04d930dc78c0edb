from __future__ import annotations

import io
from typing import Any

import pytest

from dikast.jobs.spool import Spool


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (2, [2]), (5, [2, 2, 1])])
def test_rows_pass_in_order_and_come_again_in_groups(count: int, sizes: list[int]) -> None:
    rows: list[dict[str, Any]] = [{"n": n, "deep": [{"text": "é"}, None]} for n in range(count)]
    spool = Spool(io.BytesIO(), 2)
    assert list(spool.keep(rows)) == rows
    assert [len(group) for group in spool.groups()] == sizes
    assert [row for group in spool.groups() for row in group] == rows
