"""SQL queries that try to get out of the box, or to stay in it for ever; see tests/graphs/hidden_tables/test_sql.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from dikast.tables.oracle import TableOracle
from tests.games import items_of
from tests.graphs.hidden_tables.test_sql import CANARY, NAMES, ask, attacks, oracle, sql

__all__ = ["oracle"]  # a fixture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_query_that_takes_too_much_is_stopped(oracle: TableOracle) -> None:
    hungry = "select count(distinct a.range * 1000003 + b.range) from range(30000) a, range(30000) b"
    output, _, _ = await ask(oracle, sql(hungry), rounds=1)
    assert output["turns"][0]["status"] in ("timeout", "memory", "crash")
    _, _, answers = await ask(oracle, sql("select 7"))
    assert items_of(answers[0]) == ["7"]


async def test_no_attack_comes_out_of_the_box(oracle: TableOracle, tmp_path: Path) -> None:
    programs = [attack for attack, _ in attacks(tmp_path).values()]
    assert tuple(attacks(tmp_path)) == NAMES
    ran = await oracle.run("shop", programs, question_id="", earlier=[], secret=(), detail="errors", language="sql")
    assert [one.status for one in ran if one.status in ("ok", "empty")] == []
    assert not [one for one in ran if CANARY in repr((one.code, one.status))]
