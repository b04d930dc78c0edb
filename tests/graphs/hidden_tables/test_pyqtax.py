from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dikast.graphs.hidden_tables.pyqtax import MEANINGS, rows
from dikast.tables.oracle import TableOracle
from dikast.tables.report import by_category
from dikast.training.splits import SPLITS, split_of

QUESTIONS = [("1", "a", "how many?"), ("2", "a", "which one?"), ("3", "b", "how many?"), ("4", "c", "what is it?")]


@pytest.fixture
def owner(tmp_path: Path) -> TableOracle:
    (tmp_path / "tables").mkdir()
    for name, cells in (("a", "x\n1\n2\n"), ("b", "x\n1\n2\n"), ("c", "x\n9\n")):
        (tmp_path / "tables" / f"{name}.csv").write_text(cells, encoding="utf-8")
    lines = [{"id": id, "table": table, "question": text, "target": ["2"]} for id, table, text in QUESTIONS]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return TableOracle(tmp_path / "tables", questions=tmp_path / "q.jsonl")


def turn(id: str, question: str, **more: Any) -> dict[str, Any]:
    kept = {"schema": "s", "rounds": 2, "status": "ok", "program": "p2", "correct": True, "answer": None}
    return {"id": id, "question": question, **kept, "outcome": "ok", "reason": "", **more}


def draft(turn: int, round_: int, program: str) -> dict[str, Any]:
    source = {"model": "m", "seed": 7, "prompt": "solve@1"}
    usage = {"input_tokens": 10, "output_tokens": 2}
    return {"turn": turn, "round": round_, "sample": 0, "program": program, "usage": usage, "provenance": source}


def record(table: str, *turns: dict[str, Any]) -> dict[str, Any]:
    drafts = [draft(at, round_, f"p{round_ + 1}") for at in range(len(turns)) for round_ in (1, 0)]
    closed = [
        {"turn": at, "round": round_, "feedback": "" if round_ else "KeyError", "bits": 0 if round_ else 4.0}
        for at in range(len(turns))
        for round_ in (0, 1)
    ]
    output = {"turns": list(turns), "drafts": drafts, "rounds": closed, "tier": "t"}
    return {"key": "k", "input": {"table": table}, "output": output}


def test_a_row_a_question(owner: TableOracle) -> None:
    found = list(
        rows([record("a", turn("1", "how many?"), turn("2", "which one?", status="no_code", program=""))], owner)
    )
    assert [row["id"] for _, row in found] == ["1", "2"]
    _, first = found[0]
    assert list(first) == list(MEANINGS)
    assert first["programs"] == ["p1", "p2"]
    assert first["feedback"] == ["KeyError", ""]
    assert (first["bits"], first["input_tokens"], first["seed"], first["model"]) == (4.0, 20, 7, "m")
    assert json.loads(first["labels"])["lead"] == "how many"
    assert found[1][1]["earlier"] == ["how many?"]


def test_no_table_is_in_two_splits_not_even_under_many_names(tmp_path: Path) -> None:
    names = [f"{kind}{number}" for kind in "ab" for number in range(40)]
    for name in names:
        (tmp_path / f"{name}.csv").write_text(f"x\n{name[0]}\n", encoding="utf-8")
    records = [record(name, turn(name, "what?"), turn(name, "and?")) for name in names]
    by_hash: dict[str, list[str]] = {}
    for split, row in rows(records, TableOracle(tmp_path)):
        by_hash.setdefault(row["table_sha256"], []).append(split)
    assert [len(splits) for splits in by_hash.values()] == [80, 80]
    assert all(len(set(splits)) == 1 for splits in by_hash.values())


def test_splits_are_as_large_as_they_say() -> None:
    counts = Counter(split_of(f"{number:064x}") for number in range(5_000))
    for name, share in SPLITS:
        assert counts[name] == pytest.approx(50 * share, rel=0.15)


def test_an_unfinished_row_is_left_out_and_an_unknown_question_is_not(owner: TableOracle) -> None:
    lost = {"key": "k", "input": {"table": "a"}, "output": None}
    assert [row["id"] for _, row in rows([lost, record("a", turn("x", "who?"))], owner)] == ["x"]


def test_shares_are_of_all_that_were_asked(owner: TableOracle) -> None:
    turns = {
        "1": turn("1", "?"),
        "2": turn("2", "?", correct=False, status="no_code"),
        "3": turn("3", "?", correct=None),
    }
    whole, *others = by_category(turns, owner.gold.values(), owner.load)
    assert (whole.asked, whole.judged, whole.correct, whole.accuracy) == (4, 4, 1, 0.25)
    assert dict(whole.statuses) == {"ok": 2, "no_code": 1, "owed": 1}
    by_lead = {one.value: (one.asked, one.correct) for one in others if one.label == "lead"}
    assert by_lead == {"how many": (2, 1), "which": (1, 0), "what": (1, 0)}
    for name in {one.label for one in others} - {"cues", "kinds"}:
        assert sum(one.asked for one in others if one.label == name) == 4
