"""Judged pairs and responses as training rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from dikast.graphs.reviseval.training import FAILED, LATER, NO_VERDICT, PAIR, SINGLE, TIE, candidates
from dikast.jobs.exports import LeftOut
from dikast.training.rows import Kind, problem_of
from dikast.training.splits import digest_of

GIVEN = {"id": "p1", "instruction": "Name a bird.", "response_1": "A wren.", "response_2": "A cat.", "gold": "GOLD"}
MODELS = {"model_1": "one", "model_2": "two", "reference": "REFERENCE"}


def judged(winner: str | None, outcome: str = "ok", *preferences: float | None) -> dict[str, Any]:
    votes = [{"preference": one} for one in preferences]
    output = {"winner": winner, "score": None, "votes": votes, "judgements": [{"text": "WORDS"}]}
    return {"key": "k", "input": {**GIVEN, **MODELS}, "output": output, "outcome": outcome}


def scored(score: float | None) -> dict[str, Any]:
    given = {"id": "s", "instruction": "Name a bird.", "response": "A wren.", "model": "one", "gold": "GOLD"}
    return {"key": "k", "input": given, "output": {"winner": None, "score": score, "votes": []}, "outcome": "ok"}


def rows(kind: Kind, *records: dict[str, Any]) -> tuple[list[dict[str, Any]], Counter[str], list[str]]:
    made: list[dict[str, Any]] = []
    left_out, writers = Counter[str](), list[str]()
    for one in candidates(kind, records):
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            assert problem_of(one.row, kind) is None
            assert one.group == digest_of("Name a bird.")
            assert one.row["prompt"] == "Name a bird."
            assert not any(secret in str(one.row) for secret in ("GOLD", "REFERENCE", "WORDS"))
            made.append({name: value for name, value in one.row.items() if name != "prompt"})
            writers.append(one.origin.model)
    return made, left_out, writers


@pytest.mark.parametrize(("winner", "chosen", "rejected", "writer"), [
    ("1", "A wren.", "A cat.", "one"),
    ("2", "A cat.", "A wren.", "two"),
])  # fmt: skip
def test_the_winner_against_the_loser(winner: str, chosen: str, rejected: str, writer: str) -> None:
    record = judged(winner)
    assert rows("preference", record) == ([{"chosen": chosen, "rejected": rejected}], Counter(), [writer])
    assert rows("sft", record)[0] == [{"completion": chosen}]
    found, _, writers = rows("unpaired", record)
    assert found == [{"completion": chosen, "label": True}, {"completion": rejected, "label": False}]
    assert writers[0] == writer
    assert set(writers) == {"one", "two"}


def test_a_single_judges_certainty_is_the_margin() -> None:
    assert rows("preference", judged("1", "ok", 0.9))[0][0]["margin"] == pytest.approx(0.8)
    assert rows("preference", judged("2", "ok", 0.1))[0][0]["margin"] == pytest.approx(0.8)
    assert "margin" not in rows("preference", judged("1", "ok", 0.9, 0.2))[0][0]
    assert "margin" not in rows("preference", judged("1", "ok", None))[0][0]


@pytest.mark.parametrize("kind", ["sft", "preference", "unpaired"])
def test_without_a_winner_there_is_no_row(kind: Kind) -> None:
    lost = {**judged("1"), "output": None, "outcome": "error"}
    found, left_out, _ = rows(kind, judged("tie"), judged(None, "unparsed"), judged("1", "timeout"), lost, scored(4.0))
    assert found == []
    assert left_out == {TIE.why: 1, NO_VERDICT.why: 1, FAILED.why: 2, SINGLE.why: 1}


def test_a_later_turn_of_a_conversation_is_no_row() -> None:
    talk = [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "A"}, {"role": "user", "content": "b?"}]
    pair, single = judged("1"), scored(4.0)
    pair["input"] |= {"before_1": talk, "before_2": talk}
    single["input"] |= {"before": talk}
    assert rows("preference", pair, judged("1"))[1] == {LATER.why: 1}
    assert rows("value", single)[:2] == ([], {LATER.why: 1})


def test_scores_are_values() -> None:
    found, left_out, writers = rows("value", scored(4.5), scored(None), judged("1"))
    assert (found, writers) == ([{"completion": "A wren.", "value": 4.5}], ["one"])
    assert left_out == {NO_VERDICT.why: 1, PAIR.why: 1}
