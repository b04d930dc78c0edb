"""Reformulations as training rows, by what they find."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.graphs.genqr.context import Context
from dikast.graphs.genqr.training import (
    AS_GOOD,
    FAILED,
    INFORMED_PROMPT,
    NO_BETTER,
    NO_WORSE,
    NOT_A_QUERY,
    candidates,
)
from dikast.jobs.exports import LeftOut
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.index import Index
from dikast.training.rows import Kind, problem_of
from dikast.training.splits import TRAIN, digest_of, split_of
from tests.cli.conftest import Cli, cli

__all__ = ["cli"]  # the fixture

DOCUMENTS = [
    Document("d1", "the battery of the car is flat in winter"),
    Document("d2", "cold cranking amperage of an accumulator"),
    Document("d3", "gardens in winter"),
    Document("d4", "a dead garden"),
]
QUERY = "car dead in winter"
HELD = next(text for n in range(99) if split_of(digest_of(text := f"car dead in winter {n}")) != TRAIN)
QRELS = {"q1": {"d1": 1, "d2": 2}}
BETTER, SAME, WORSE = ["accumulator", "amperage"], ["car"], ["gardens", "garden"]
ALL: tuple[Kind, ...] = ("sft", "preference", "unpaired", "value")


def say(request: Request) -> str:
    del request
    return "x"


def context(**more: Any) -> Context:
    solver = load_solver(ScriptedModel(say))
    return Context(solver=solver, retriever=BM25(Index.build(DOCUMENTS)), combination="mix", **more)


def made(index: int, keywords: list[str], outcome: str = "ok") -> dict[str, Any]:
    provenance = {"model": "m", "seed": index, "prompt": "genqr/keywords@1"}
    return {"index": index, "instruction": f"way {index}", "keywords": keywords, "outcome": outcome,
            "reason": "", "usage": {}, "provenance": provenance}  # fmt: skip


def record(*lists: list[str], query: str = QUERY, qid: str = "q1", **more: Any) -> dict[str, Any]:
    output = {"reformulations": [made(at, one) for at, one in enumerate(lists)], "feedback": [], **more}
    return {"key": "k", "input": {"qid": qid, "query": query}, "output": output, "outcome": "ok"}


def rows(kind: Kind, *records: dict[str, Any], **more: Any) -> tuple[list[dict[str, Any]], Counter[str]]:
    found: list[dict[str, Any]] = []
    left_out = Counter[str]()
    for one in candidates(kind, iter(records), QRELS, context(**more)):
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            assert problem_of(one.row, kind) is None
            assert (one.group, one.origin.id, one.origin.model) == (digest_of(QUERY), "q1", "m")
            found.append(dict(one.row))
    return found, left_out


def said(row: dict[str, Any], name: str) -> str:
    [message] = row[name]
    assert message["role"] == "assistant"
    return message["content"]


def test_the_query_is_for_training() -> None:
    assert split_of(digest_of(QUERY)) == TRAIN


def test_values_are_ndcg_of_each_alone() -> None:
    """d2 has grade 2, d1 grade 1. Alone and by SAME: d1, d4, d3 in some order; BETTER finds d2 as well."""
    found, left_out = rows("value", record(BETTER, SAME, WORSE))
    values = [row["value"] for row in found]
    assert values[0] > values[1] > values[2] > 0
    assert left_out == {}
    ideal = 2 / 1 + 1 / 1.5849625007211562
    assert values[1] == pytest.approx(1 / ideal)
    assert [said(row, "completion") for row in found] == ["accumulator, amperage", "car", "gardens, garden"]
    assert found[0]["prompt"][0]["content"].startswith("way 0: car dead in winter")


def test_the_best_is_kept_only_where_it_beats_the_query() -> None:
    [row], _ = rows("sft", record(SAME, WORSE, BETTER))
    assert said(row, "completion") == "accumulator, amperage"
    assert row["prompt"][0]["content"].startswith("way 2")
    assert rows("sft", record(SAME, WORSE)) == ([], Counter({NO_BETTER.why: 1}))


def test_the_best_against_the_worst() -> None:
    [row], _ = rows("preference", record(SAME, WORSE, BETTER))
    assert (said(row, "chosen"), said(row, "rejected")) == ("accumulator, amperage", "gardens, garden")
    assert row["instruction_rejected"] == "way 1"
    assert row["margin"] == pytest.approx(row["score_chosen"] - row["score_rejected"]) != 0
    assert rows("preference", record(SAME, SAME)) == ([], Counter({NO_WORSE.why: 1}))


def test_good_and_bad_by_the_query_alone() -> None:
    found, left_out = rows("unpaired", record(SAME, WORSE, BETTER))
    assert [(said(row, "completion"), row["label"]) for row in found] == [
        ("gardens, garden", False),
        ("accumulator, amperage", True),
    ]
    assert left_out == {AS_GOOD.why: 1}


def test_a_reply_is_in_the_form_that_was_asked_for() -> None:
    [row], _ = rows("sft", record(BETTER), reply="json")
    assert json.loads(said(row, "completion")) == {"keywords": BETTER}
    assert "JSON object" in row["prompt"][0]["content"]


@pytest.mark.parametrize("kind", ALL)
def test_held_out_queries_are_counted_and_nothing_of_them_is_told(kind: Kind) -> None:
    """Nor of queries without judgments, or whose row failed."""
    failed = {**record(BETTER), "outcome": "timeout"}
    lost = {**record(BETTER), "output": None, "outcome": "error"}
    found, left_out = rows(kind, record(BETTER, WORSE, query=HELD), record(BETTER, qid="q2"), failed, lost)
    assert found == []
    assert left_out == {NOT_A_QUERY.why: 1, FAILED.why: 3}


def test_no_judgment_document_or_ranking_is_in_a_row() -> None:
    shown = {"docid": "d1", "used": True, "grade": 2}
    for kind in ALL:
        found, _ = rows(kind, record(BETTER, WORSE, hits=[["d2", 1.0]], baseline=[["d1", 1.0]], feedback=[shown]),
                        feedback="pseudo")  # fmt: skip
        assert found
        told = json.dumps(found)
        assert not any(f'"{name}"' in told for name in ("d1", "d2", "d3", "d4", "hits", "qrels"))


def test_documents_that_were_shown_are_in_the_prompt_unless_judgments_chose_them() -> None:
    shown = [{"docid": "d1", "used": True, "grade": None}, {"docid": "d3", "used": False, "grade": None}]
    [row], _ = rows("sft", record(BETTER, feedback=shown), feedback="pseudo")
    assert "battery of the car" in row["prompt"][0]["content"]
    assert "gardens" not in row["prompt"][0]["content"]
    from dikast.retrieval.oracle import QrelsOracle

    oracle = {"feedback": "oracle", "oracle": QrelsOracle(QRELS)}
    found, left_out = rows("value", record(BETTER, WORSE, feedback=shown), **oracle)
    assert (found, left_out) == ([], Counter({INFORMED_PROMPT.why: 2}))
    found, left_out = rows("value", record(BETTER, WORSE, feedback=shown), both=True, **oracle)
    assert [said(row, "completion") for row in found] == ["accumulator, amperage"]
    assert left_out == {INFORMED_PROMPT.why: 1}
    assert "battery" not in found[0]["prompt"][0]["content"]


def test_with_both_the_first_half_was_asked_without_documents() -> None:
    shown = [{"docid": "d1", "used": True, "grade": None}]
    plain, quoted = rows("value", record(BETTER, WORSE, feedback=shown), feedback="pseudo", both=True)[0]
    assert "battery" not in plain["prompt"][0]["content"]
    assert "battery" in quoted["prompt"][0]["content"]


def test_a_run_becomes_rows_of_each_kind(cli: Cli, tmp_path: Path) -> None:
    ran = cli("genqr", "run", "--collection", "sample", "--model", "scripted:script:noise", "-n", "4", "-o", "g")
    assert ran.code == 0, ran.err
    for kind in ALL:
        exported = cli("runs", "export", "g", "--as", kind, "--json")
        assert exported.code == 0, exported.err
        told = json.loads(exported.out)
        assert set(told["rows"]) == {"train"}
        assert 1 <= told["left_out"][NOT_A_QUERY.why] < 30
        folder = tmp_path / "g" / "export" / kind
        lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(lines) == told["rows"]["train"]
        asked = {json.loads(line)["prompt"][0]["content"] for line in lines}
        assert all(prompt.splitlines()[0].partition(": ")[2] for prompt in asked)
        assert all(split_of(digest_of(p.splitlines()[0].rpartition(": ")[2])) == TRAIN for p in asked)
        assert f"## Left out\n\n| why | how many |\n| --- | ---: |\n| {NOT_A_QUERY.why} |" in (
            folder / "README.md"
        ).read_text(encoding="utf-8")


def test_without_judgments_nothing_is_worth_anything(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "topics.tsv").write_text("q1\tbattery\n", encoding="utf-8")
    (tmp_path / "corpus.jsonl").write_text('{"id": "d1", "contents": "a battery"}\n', encoding="utf-8")
    cli("genqr", "run", "--corpus", "corpus.jsonl", "--topics", "topics.tsv", "--model", "scripted:script:shout",
        "-o", "g")  # fmt: skip
    refused = cli("runs", "export", "g", "--as", "sft")
    assert (refused.code, "run it with --qrels FILE" in refused.err) == (2, True)
