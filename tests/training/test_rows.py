from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError
from dikast.training.rows import (
    KINDS,
    PROBLEMS,
    REST,
    TEXTS,
    Kind,
    Problem,
    alternates,
    for_trainer,
    length,
    problem_of,
    read,
)

GOOD: dict[Kind, dict[str, Any]] = {
    "sft": {"prompt": "2 + 2?", "completion": "4"},
    "preference": {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"},
    "unpaired": {"prompt": "2 + 2?", "completion": "4", "label": True},
    "stepwise": {"prompt": "2 + 2 + 2?", "completions": ["2 + 2 = 4", "4 + 2 = 7"], "labels": [True, False]},
    "value": {"prompt": "2 + 2?", "completion": "4", "value": 0.5},
    "tokens": {"prompt": "2 + 2?", "input_ids": [7, 9], "labels": [8, 9]},
}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


SYSTEM = {"role": "system", "content": "be brief"}
TALK = {"prompt": [SYSTEM, user("2 + 2?")], "chosen": [assistant("4")], "rejected": [assistant("5")]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_row_has_no_problem_and_a_trainer_sees_its_columns_only(kind: Kind) -> None:
    row = {**GOOD[kind], "group": "g", "margin": 2.0}
    assert problem_of(row, kind) is None
    assert for_trainer(row, kind) == GOOD[kind]
    for name in (*TEXTS[kind], *REST[kind]):
        assert problem_of({**row, name: None}, kind) == "missing", name


@pytest.mark.parametrize(
    ("kind", "change", "problem"),
    [
        ("sft", {"completion": " \n"}, "empty"),
        ("sft", {"prompt": ""}, "empty"),
        ("sft", {"completion": 4}, "form"),
        ("sft", {"completion": [assistant("4")]}, "form"),
        ("preference", {"rejected": " 4\n"}, "same"),
        ("preference", {"rejected": ""}, "empty"),
        ("unpaired", {"label": 1}, "label"),
        ("unpaired", {"label": "true"}, "label"),
        ("value", {"value": float("nan")}, "value"),
        ("value", {"value": float("inf")}, "value"),
        ("value", {"value": True}, "value"),
        ("value", {"value": "1"}, "value"),
        ("tokens", {"input_ids": [7]}, "tokens"),
        ("tokens", {"input_ids": [], "labels": []}, "tokens"),
        ("tokens", {"labels": [8, -100]}, "tokens"),
        ("tokens", {"labels": [8, 9.0]}, "tokens"),
        ("tokens", {"labels": [8, True]}, "tokens"),
        ("tokens", {"input_ids": "79"}, "tokens"),
        ("tokens", {"prompt": " "}, "empty"),
        ("stepwise", {"labels": [True]}, "steps"),
        ("stepwise", {"completions": [], "labels": []}, "steps"),
        ("stepwise", {"labels": "yes"}, "steps"),
        ("stepwise", {"completions": ["a", " "]}, "empty"),
        ("stepwise", {"completions": ["a", 2]}, "form"),
        ("stepwise", {"labels": [True, 0]}, "label"),
    ],
)
def test_what_is_wrong_with_a_plain_row(kind: Kind, change: dict[str, Any], problem: Problem) -> None:
    assert problem_of({**GOOD[kind], **change}, kind) == problem


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"prompt": [user("a"), assistant("b"), user("c")]}, None),
        ({"prompt": [user("a"), assistant("b")]}, "roles"),
        ({"prompt": [user("a"), user("b")]}, "roles"),
        ({"prompt": [user("a"), SYSTEM, user("b")]}, "roles"),
        ({"prompt": [SYSTEM]}, "roles"),
        ({"prompt": []}, "empty"),
        ({"prompt": [user(" ")]}, "empty"),
        ({"chosen": [user("4")]}, "roles"),
        ({"chosen": [assistant("a"), assistant("b")]}, "roles"),
        ({"chosen": [assistant("a"), user("b")]}, "roles"),
        ({"chosen": [assistant("a"), user("b"), assistant("c")]}, None),
        ({"rejected": [assistant("4 ")]}, "same"),
        ({"chosen": "4"}, "form"),
        ({"chosen": [{"role": "assistant"}]}, "form"),
        ({"chosen": [{"role": "assistant", "content": None}]}, "form"),
    ],
)
def test_what_is_wrong_with_a_conversation(change: dict[str, Any], problem: Problem | None) -> None:
    assert problem_of({**TALK, **change}, "preference") == problem


def test_a_whole_conversation_ends_with_the_assistant() -> None:
    assert problem_of({"messages": [SYSTEM, user("a"), assistant("b")]}, "sft") is None
    assert problem_of({"messages": [user("a"), assistant("b"), user("c")]}, "sft") == "roles"
    assert problem_of({"messages": [assistant("b")]}, "sft") == "roles"
    assert problem_of({"messages": "a"}, "sft") == "form"
    assert for_trainer({"messages": [user("a")], "id": "1"}, "sft") == {"messages": [user("a")]}


@given(st.lists(st.sampled_from(["user", "assistant", "system", "tool"]), max_size=6))
def test_roles_alternate(roles: list[str]) -> None:
    """Against a grammar: (system)? (user assistant)* user for prompts, assistant (user assistant)* for answers."""
    letters = "".join(role[0] for role in roles)
    talk = [{"role": role, "content": "x"} for role in roles]
    assert alternates(talk, "user", "user") == bool(re.fullmatch(r"s?(ua)*u", letters))
    assert alternates(talk, "user", "assistant") == bool(re.fullmatch(r"s?(ua)+", letters))
    assert alternates(talk, "assistant", "assistant") == bool(re.fullmatch(r"a(ua)*", letters))


def test_length_is_the_prompts_and_the_longest_answers() -> None:
    row = {"prompt": "12345", "chosen": "1", "rejected": "123"}
    assert length(row, "preference") == 8
    assert problem_of(row, "preference", longest=8) is None
    assert problem_of(row, "preference", longest=7) == "long"
    assert problem_of(TALK, "preference", longest=14) == "long"
    assert problem_of(TALK, "preference", longest=15) is None
    words = {"prompt": "one two", "completion": "three"}
    assert problem_of(words, "sft", longest=3, measure=lambda text: len(text.split())) is None
    assert problem_of(words, "sft", longest=2, measure=lambda text: len(text.split())) == "long"
    steps = GOOD["stepwise"]
    assert length(steps, "stepwise") == len(steps["prompt"]) + sum(map(len, steps["completions"]))


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_file_is_read_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    good = {"q": "2 + 2?", "chosen": "4", "rejected": "5", "margin": 2}
    path = write(
        tmp_path / "pairs.jsonl", good, {**good, "rejected": "4"}, {**good, "rejected": ""}, {**good, "chosen": ""}
    )
    checked = read(path, "preference", {"prompt": "q"})
    assert checked.asked == 4
    assert [dict(row) for row in checked.rows] == [{"prompt": "2 + 2?", "chosen": "4", "rejected": "5", "margin": 2}]
    assert checked.left_out == {PROBLEMS["same"]: 1, PROBLEMS["empty"]: 2}


def test_a_file_without_a_column_or_without_a_good_row_is_refused(tmp_path: Path) -> None:
    lacking = write(tmp_path / "a.jsonl", GOOD["preference"], GOOD["sft"])
    with pytest.raises(DataError, match=r"a\.jsonl:2: field 'chosen': is missing"):
        read(lacking, "preference")
    nothing = write(tmp_path / "b.jsonl", {**GOOD["sft"], "completion": ""}, {**GOOD["sft"], "prompt": "x" * 99})
    with pytest.raises(DataError, match=r"no sft row to train on.*1: a text is empty; 1: longer than allowed"):
        read(nothing, "sft", longest=50)


def test_conversations_come_back_from_parquet(tmp_path: Path) -> None:
    from dikast.jobs import parquet
    from dikast.jobs.columns import kinds_of

    rows = [{**TALK, "group": "g"}]
    parquet.write(tmp_path / "rows.parquet", iter(rows), kinds_of(rows))
    assert read(tmp_path / "rows.parquet", "preference").rows == rows
