"""Programs that are known to be right or wrong, and the rows that they become."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dikast.graphs.hidden_tables.context import Context
from dikast.graphs.hidden_tables.training import (
    NO_END,
    NO_RIGHT,
    NO_WRONG,
    UNDECIDED,
    UNKNOWN,
    candidates,
    known_programs,
)
from dikast.jobs.exports import LeftOut
from dikast.tables.oracle import TableOracle
from dikast.training.rows import Kind, problem_of
from tests.games import Heard


@pytest.fixture
def owner(tmp_path: Path) -> TableOracle:
    (tmp_path / "a.csv").write_text("x\n1\n", encoding="utf-8")
    return TableOracle(tmp_path)


@pytest.fixture
def context(owner: TableOracle) -> Context:
    return Context(solver=Heard("x").solver, oracle=owner)


def draft(program: str, *, turn: int = 0, round_: int = 0, sample: int = 0) -> dict[str, Any]:
    provenance = {"model": "m", "seed": 7, "prompt": "hidden_tables/solve@1"} if program else {}
    place = {"turn": turn, "round": round_, "sample": sample}
    return {**place, "program": program, "text": "I cannot" if not program else "", "provenance": provenance}


def ran(sample: int, status: str, group: int | None = None) -> dict[str, Any]:
    return {"sample": sample, "status": status, "group": group, "code": "KeyError"}


def closed(
    executions: list[dict[str, Any]], chosen: int | None, *, turn: int = 0, round_: int = 0, feedback: str = ""
) -> dict[str, Any]:
    return {"turn": turn, "round": round_, "executions": executions, "chosen": chosen, "feedback": feedback}


def turn(correct: bool | None, question: str = "how many?", **more: Any) -> dict[str, Any]:
    told = {"id": "q1", "question": question, "schema": "one column, x", "program": "right", "correct": correct}
    return {**told, "answer": ["SECRET"], "table": {"rows": [["SECRET"]]}, **more}


def game(*turns: dict[str, Any], drafts: list[dict[str, Any]], rounds: list[dict[str, Any]]) -> dict[str, Any]:
    output = {"turns": list(turns), "drafts": drafts, "rounds": rounds}
    return {"key": "k", "input": {"table": "a", "question": "how many?"}, "output": output}


def known(record: dict[str, Any], position: int = 0) -> tuple[dict[str, bool], int]:
    output = record["output"]
    found, undecided = known_programs(output, position, output["turns"][position])
    return {one.draft["program"]: one.right for one in found}, undecided


SAMPLES = [draft("right", sample=0), draft("twin", sample=1), draft("other", sample=2), draft("broken", sample=3)]
VOTE = [ran(0, "ok", 0), ran(1, "ok", 0), ran(2, "ok", 1), ran(3, "error:KeyError")]


def test_beside_a_right_answer_equal_ones_are_right_and_all_others_wrong() -> None:
    record = game(turn(True), drafts=SAMPLES, rounds=[closed(VOTE, 0)])
    assert known(record) == ({"right": True, "twin": True, "other": False, "broken": False}, 0)


def test_beside_a_wrong_answer_another_one_may_be_right() -> None:
    record = game(turn(False), drafts=SAMPLES, rounds=[closed(VOTE, 0)])
    assert known(record) == ({"right": False, "twin": False, "broken": False}, 1)


def test_an_empty_answer_is_an_answer() -> None:
    record = game(turn(True), drafts=SAMPLES[:1], rounds=[closed([ran(0, "empty", 0)], 0)])
    assert known(record) == ({"right": True}, 0)


def test_of_earlier_tries_only_failures_are_known() -> None:
    """A try with an empty answer was not decided for: whether it was right, nobody looked."""
    drafts = [draft("hollow", round_=0), draft("broken", round_=1), draft("", round_=2), draft("right", round_=3)]
    rounds = [
        closed([ran(0, "empty", 0)], 0, round_=0, feedback="empty"),
        closed([ran(0, "timeout")], 0, round_=1, feedback="timeout"),
        closed([], None, round_=2, feedback="no_code"),
        closed([ran(0, "ok", 0)], 0, round_=3),
    ]
    assert known(game(turn(True), drafts=drafts, rounds=rounds)) == ({"broken": False, "right": True}, 1)


def rows(
    kind: Kind, owner: TableOracle, context: Context, *records: dict[str, Any]
) -> tuple[list[dict[str, Any]], Counter[str]]:
    made: list[dict[str, Any]] = []
    left_out = Counter[str]()
    for one in candidates(kind, records, owner, context):
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            assert problem_of(one.row, kind) is None
            assert one.group == owner.digest("a")
            assert (one.origin.id, one.origin.key, one.origin.model, one.origin.seed) == ("q1", "k", "m", 7)
            made.append(dict(one.row))
    return made, left_out


def programs(row: dict[str, Any], name: str) -> str:
    [message] = row[name]
    assert message["role"] == "assistant"
    return message["content"].removeprefix("```python\n").removesuffix("\n```")


def test_rows_of_each_kind(owner: TableOracle, context: Context) -> None:
    record = game(turn(True), drafts=SAMPLES, rounds=[closed(VOTE, 0)])
    found, _ = rows("sft", owner, context, record)
    assert [programs(row, "completion") for row in found] == ["right", "twin"]
    found, _ = rows("preference", owner, context, record)
    assert [(programs(row, "chosen"), programs(row, "rejected")) for row in found] == [
        ("right", "other"),
        ("right", "broken"),
        ("twin", "other"),
        ("twin", "broken"),
    ]
    found, _ = rows("unpaired", owner, context, record)
    assert [row["label"] for row in found] == [True, True, False, False]
    found, _ = rows("value", owner, context, record)
    assert [row["value"] for row in found] == [1.0, 1.0, 0.0, 0.0]


def test_what_gives_no_row_is_counted(owner: TableOracle, context: Context) -> None:
    alone = {"drafts": SAMPLES[:1], "rounds": [closed(VOTE[:1], 0)]}
    lost: dict[str, Any] = {"key": "k", "input": {"table": "a"}, "output": None}
    open_, right, wrong = (game(turn(correct), **alone) for correct in (None, True, False))
    assert rows("preference", owner, context, lost, open_, right, wrong) == (
        [],
        Counter({NO_END.why: 1, UNKNOWN.why: 1, NO_WRONG.why: 1, NO_RIGHT.why: 1}),
    )
    assert rows("sft", owner, context, wrong) == ([], Counter({NO_RIGHT.why: 1}))
    whole = game(turn(False), drafts=SAMPLES, rounds=[closed(VOTE, 0)])
    assert rows("unpaired", owner, context, whole)[1] == {UNDECIDED.why: 1}


def test_the_prompt_is_the_first_tries_and_tells_earlier_questions_but_no_answer(
    owner: TableOracle, context: Context
) -> None:
    drafts = [draft("first"), draft("right", turn=1, round_=1), draft("broken", turn=1)]
    rounds = [
        closed([ran(0, "ok", 0)], 0),
        closed([ran(0, "error:KeyError")], 0, turn=1, feedback="KeyError"),
        closed([ran(0, "ok", 0)], 0, turn=1, round_=1),
    ]
    record = game(turn(True, program="first"), turn(True, "and of those?"), drafts=drafts, rounds=rounds)
    [first, second], _ = rows("sft", owner, context, record)
    assert [message["role"] for message in second["prompt"]] == ["system", "user"]
    assert first["prompt"][1]["content"] == "Schema:\none column, x\n\nQuestion: how many?"
    told = second["prompt"][1]["content"]
    assert "Question: how many?\n```python\nfirst```" in told
    assert told.endswith("Question: and of those?")
    for kind in ("sft", "unpaired", "value"):
        found, _ = rows(kind, owner, context, record)
        assert "SECRET" not in str(found)
        assert "KeyError" not in str(found)
