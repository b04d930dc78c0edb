"""The benchmark's games on a few questions: programs from the schema alone, through the real graph, all right."""

from __future__ import annotations

from pathlib import Path

from benchmarks import hidden_tables as benchmark
from tests.games import needs_sandbox

QUESTIONS = 40


async def test_programs_from_the_schema_alone_answer_wikisql(shared_data: Path, tmp_path: Path) -> None:
    needs_sandbox()
    source = shared_data / "tables" / "wikisql"
    lines = (source / "test.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[:QUESTIONS]
    (tmp_path / "some.jsonl").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "tables").symlink_to(source / "tables")
    found = await benchmark.games(tmp_path / "some.jsonl", tmp_path / "rows.jsonl")
    assert (found["games"], found["correct"]) == (QUESTIONS, QUESTIONS)
    assert found["cpu_ms_per_game"] > 0
    assert len((tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()) == QUESTIONS
