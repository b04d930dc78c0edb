"""What a run of HiddenTables amounts to, from its journal and the questions; no program runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from dikast.graphs.hidden_tables.context import Context
from dikast.graphs.hidden_tables.report import report, turns_of
from dikast.jobs.manifest import Attempt, Manifest
from dikast.jobs.reading import OUTCOMES, Run
from dikast.pages import Table, Text
from dikast.tables.judging import Judging
from dikast.tables.oracle import TableOracle, policy_of
from tests.tables.databases import released


class Journal(Run):
    """A run whose rows are given."""

    def __init__(self, path: Path, rows: list[dict[str, Any]], **settings: Any) -> None:
        attempt = Attempt(started="2026-01-01T00:00:00+00:00")
        made = Manifest(graph="hidden_tables", samples=1, fingerprint={}, settings=settings, attempts=[attempt])
        super().__init__(path, made)
        object.__setattr__(self, "given", rows)

    def rows(self, outcomes: Collection[str] = OUTCOMES) -> Iterator[dict[str, Any]]:
        del outcomes
        yield from vars(self)["given"]


def row(id_: str, status: str, correct: bool | None) -> dict[str, Any]:
    return {"output": {"turns": [{"id": id_, "status": status, "correct": correct, "answer": "long"}]}}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "points.csv").write_text("name,points\nann,3\nbob,7\n", encoding="utf-8")
    asked = [{"id": f"q{n}", "question": "how many rows?", "table": "points", "answer": "2"} for n in range(3)]
    asked.append({"id": "open", "question": "anything?", "table": "points"})
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in asked), encoding="utf-8")
    return Context.model_construct(oracle=TableOracle(tmp_path, questions=path))


def all_of(run: Run, context: Context) -> dict[str, Any]:
    return next(one for one in report(run, context).data["categories"] if one["label"] == "all")


def test_every_question_counts_finished_or_not(tmp_path: Path, context: Context) -> None:
    rows = [row("q0", "ok", True), row("q1", "unparsed", False), {"output": None}, row("open", "ok", None)]
    told = all_of(Journal(tmp_path, rows), context)
    assert (told["asked"], told["judged"], told["correct"]) == (4, 3, 1)
    assert told["statuses"] == {"ok": 2, "unparsed": 1, "owed": 1}


def test_a_limited_run_is_counted_over_what_it_asked(tmp_path: Path, context: Context) -> None:
    told = all_of(Journal(tmp_path, [row("q0", "ok", True)], limit=1), context)
    assert (told["asked"], told["judged"], told["accuracy"]) == (1, 1, 1.0)


def test_a_share_of_nothing_is_no_number(tmp_path: Path, context: Context) -> None:
    [scored, table] = report(Journal(tmp_path, [row("q0", "ok", True)]), context).page.parts
    assert isinstance(scored, Text)
    assert "1 scored of" in scored.text
    assert isinstance(table, Table)
    at = table.columns.index("accuracy")
    shares = {str(line[0]): line[at] for line in table.rows}
    assert shares["all"] == "0.333"
    assert None in [line[at] for line in table.rows]


def test_the_sandbox_is_told_where_it_was_recorded(tmp_path: Path, context: Context) -> None:
    assert report(Journal(tmp_path, []), context).notes == ()
    assert report(Journal(tmp_path, [], sandbox={"tier": "none"}), context).notes == ("sandbox: none",)


def test_rows_without_a_result_have_no_turns(tmp_path: Path) -> None:
    assert list(turns_of(Journal(tmp_path, [{"output": None}]))) == []


def test_a_report_says_how_was_judged(tmp_path: Path, context: Context) -> None:
    plain = report(Journal(tmp_path, []), context)
    assert "judging" not in plain.data
    oracle = TableOracle(
        tmp_path, questions=tmp_path / "questions.jsonl", judging=Judging(abs_tol=0.5), policy=policy_of(2_000)
    )
    told = report(Journal(tmp_path, []), Context.model_construct(oracle=oracle))
    assert told.data["judging"] == {"abs_tol": 0.5}
    assert told.notes == ("judged with abs_tol 0.5, max_values 2000",)


def test_gold_queries_that_do_not_run_are_told_and_not_judged(tmp_path: Path) -> None:
    folder = released(tmp_path)
    oracle = TableOracle(folder / "database", questions=folder / "bird.json", shape="bird")
    rows = [row("7", "ok", True), row("8", "ok", False), row("9", "ok", None)]
    told = report(Journal(tmp_path, rows), Context.model_construct(oracle=oracle))
    assert told.notes == ("not judged, since their gold queries do not run or take too much: 1 of 3",)
    assert told.data["unjudged"] == 1
    by_value = {(one["label"], one["value"]): one for one in told.data["categories"]}
    assert (by_value["all", ""]["judged"], by_value["all", ""]["accuracy"]) == (2, 0.5)
    assert by_value["difficulty", "moderate"]["asked"] == 2
