from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.sandbox import Tier
from dikast.tables import library
from dikast.tables import oracle as module
from dikast.tables.oracle import TableOracle, load_table_oracle
from tests.games import POLICY, folder, items_of, oracle

__all__ = ["folder", "oracle"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX = "answer = df['points'].max()"


def descriptors() -> int:
    """Open ones of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def run(oracle: TableOracle, *programs: str, id: str = "top", **knobs: Any) -> list[module.Ran]:
    given: dict[str, Any] = {"question_id": id, "earlier": [], "secret": (), "detail": "errors", **knobs}
    return await oracle.run("points", programs, **given)


async def test_what_is_let_out(oracle: TableOracle) -> None:
    good, same, wrong, broken = await run(oracle, MAX, "answer = '7.0'", "answer = 8", "df['x']")
    assert [one.code for one in (good, same, wrong, broken)] == ["ok", "ok", "ok", "KeyError"]
    assert [one.group for one in (good, same, wrong, broken)] == [0, 0, 1, None]
    assert [one.correct for one in (good, same, wrong, broken)] == [True, True, False, False]
    assert items_of(good.answer) == ["7"]
    assert "7" not in repr(good)
    assert "7" not in str(good)
    assert broken.answer is None


async def test_prev_is_computed_again_when_it_is_not_kept(oracle: TableOracle) -> None:
    earlier = ["answer = df['name'].tolist()", "answer = [name for name in prev if name > 'ann']"]
    first = await run(oracle, "answer = prev", id="", earlier=earlier)
    oracle._earlier.clear()
    again = await run(oracle, "answer = prev", id="", earlier=earlier)
    assert items_of(first[0].answer) == items_of(again[0].answer) == ["bob", "cyd"]


async def test_memory_does_not_grow_with_games(oracle: TableOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EARLIER", 8)
    gc.collect()
    await run(oracle, MAX)
    before = descriptors()
    for number in range(40):
        await run(oracle, f"answer = {number}")
    assert len(oracle._earlier) <= 8
    assert descriptors() == before


async def test_a_table_in_use_outlives_its_place_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A descriptor that was closed and given out anew would show one game another game's table."""
    monkeypatch.setattr(library, "MOST_TABLES", 1)
    for number in range(8):
        (tmp_path / f"t{number}.csv").write_text(f"a\n{number}\n", encoding="utf-8")
    async with TableOracle(tmp_path, policy=replace(POLICY, workers=1)) as oracle:
        given: dict[str, Any] = {"question_id": "", "earlier": [], "secret": (), "detail": "errors"}
        program = "answer = int(df['a'][0])"
        ran = await asyncio.gather(*(oracle.run(f"t{n % 8}", [program], **given) for n in range(32)))
    assert [items_of(one.answer) for [one] in ran] == [[str(n % 8)] for n in range(32)]


async def test_levels_that_look_at_cells(oracle: TableOracle) -> None:
    text = await oracle.describe("points", "?", level="presence", secret=(), columns=None)
    assert text.startswith("The data frame has these columns:")
    with pytest.raises(UsageError, match="no schema level"):
        await oracle.describe("points", "?", level="cells", secret=(), columns=None)


async def test_a_spec_makes_the_same_oracle(folder: Path) -> None:
    made = TableOracle(
        folder / "tables",
        questions=folder / "questions.jsonl",
        columns={"answer": "target", "question": "question"},
        reading={"missing": "N/A,-"},
        box="arrow",
        policy=replace(module.POLICY, wall_s=3.0, tier=Tier.LANDLOCK),
    )
    again = load_table_oracle(made.spec)
    assert again.spec == made.spec
    assert again.fingerprint() == made.fingerprint()
    assert again.policy == made.policy


@pytest.mark.parametrize("spec", ["qrels:x", "tables:", "tables:x?shape=csv", "tables:x?nope=1", "tables:x?wall_s=a"])
async def test_a_wrong_spec(spec: str) -> None:
    with pytest.raises(UsageError, match="oracle"):
        load_table_oracle(spec)


async def test_the_fingerprint_changes_with_tables_gold_and_limits(tmp_path: Path) -> None:
    table, questions = tmp_path / "t.csv", tmp_path / "q.jsonl"
    table.write_text("a\n1\n", encoding="utf-8")
    questions.write_text('{"id": "1", "question": "?", "table": "t", "target": ["1"]}\n', encoding="utf-8")

    def seen(**more: Any) -> str:
        return repr(TableOracle(tmp_path, questions=questions, **more).fingerprint())

    first = seen()
    assert seen() == first
    assert seen(policy=replace(module.POLICY, wall_s=1.0)) != first
    table.write_text("a\n2\n", encoding="utf-8")
    second = seen()
    questions.write_text('{"id": "1", "question": "?", "table": "t", "target": ["2"]}\n', encoding="utf-8")
    assert len({first, second, seen()}) == 3


async def test_an_id_that_is_there_twice(tmp_path: Path) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"id": "1", "question": "?", "table": "t", "target": ["1"]}\n' * 2, encoding="utf-8")
    with pytest.raises(DataError, match="twice"):
        _ = TableOracle(tmp_path, questions=questions).gold


async def test_a_table_that_changes_on_disk_is_noticed(tmp_path: Path) -> None:
    """Cells, the previous answer, gold answers and the fingerprint are those of the file as it is now."""
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"id": "q", "question": "?", "table": "t", "target": ["2"]}\n', encoding="utf-8")
    given: dict[str, Any] = {"question_id": "q", "secret": (), "detail": "errors"}
    first, second = "answer = int(df['a'][0])", "answer = prev[0] * 10"
    async with TableOracle(tmp_path, questions=questions, policy=POLICY) as oracle:
        [before] = await oracle.run("t", [first], earlier=[], **given)
        prints = [oracle.fingerprint()]
        _written(tmp_path / "new", "a\n2\n").replace(tmp_path / "t.csv")
        [after] = await oracle.run("t", [first], earlier=[], **given)
        [chained] = await oracle.run("t", [second], earlier=[first], **given)
        prints.append(oracle.fingerprint())
        _written(tmp_path / "t.csv", "a\n3\n")
        [chained_again] = await oracle.run("t", [second], earlier=[first], **given)
        assert "int" in await oracle.describe("t", "?", level="presence", secret=(), columns=None)
        _written(tmp_path / "t.csv", "b\n3\n")
        assert '"b"' in await oracle.describe("t", "?", level="presence", secret=(), columns=None)
        _written(questions, '{"id": "q", "question": "?", "table": "t", "target": ["7"]}\n')
        assert list(oracle.gold["q"].target) == ["7"]
        (tmp_path / "t.csv").unlink()
        with pytest.raises(DataError):
            await oracle.run("t", [first], earlier=[], **given)
    assert (before.correct, after.correct) == (False, True)
    assert [items_of(one.answer) for one in (before, after, chained, chained_again)] == [["1"], ["2"], ["20"], ["30"]]
    assert prints[0]["tables"] != prints[1]["tables"]


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
