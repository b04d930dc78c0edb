"""The benchmark's whole games over tables as people write them."""

from __future__ import annotations

from benchmarks import written_tables
from tests.games import needs_sandbox


async def test_every_case_is_right() -> None:
    needs_sandbox()
    told = await written_tables.play_all()
    assert told["written_wrong"] == []
    assert told["written_asked"] >= 28
