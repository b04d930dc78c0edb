"""Scored answers as training rows; residual scores are fitted over the whole run."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from dikast.errors import ModelTimeout
from dikast.graphs.dno.pairing import residual_scores
from dikast.graphs.dno.training import FAILED, NO_GOOD, NO_PAIR, UNSCORED, about, candidates
from dikast.graphs.dno.training import rows as rows_of_run
from dikast.jobs import Run
from dikast.jobs.exports import LeftOut
from dikast.jobs.manifest import Attempt, Manifest
from dikast.records import Outcome
from dikast.training.rows import Kind, problem_of
from dikast.training.splits import digest_of
from tests.graphs.dno.scripts import ROW, Scorer, Student, by_text, context, record

GOLD = ROW.get("gold", "")
LOOP = "so it goes on " * 6
KINDS: tuple[Kind, ...] = ("preference", "sft", "value")


def made(kind: Kind, records: list[dict[str, Any]], **knobs: Any) -> tuple[list[dict[str, Any]], Counter[str]]:
    found: list[dict[str, Any]] = []
    left_out = Counter[str]()
    for one in candidates(kind, lambda: iter(records), context([], by_text({}), **knobs)):
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            assert problem_of(one.row, kind) is None
            assert one.group == digest_of([{"role": "user", "content": one.row["prompt"][-1]["content"]}])
            found.append(dict(one.row))
    return found, left_out


def said(row: dict[str, Any], column: str) -> str:
    [message] = row[column]
    assert message["role"] == "assistant"
    return message["content"]


async def test_each_kind_of_rows() -> None:
    line = await record(context(["aa", "b", LOOP, "aa"], by_text({GOLD: 5, "aa": 6, "b": 1, LOOP: 6})))
    pairs, _ = made("preference", [line])
    assert [(said(row, "chosen"), said(row, "rejected"), row["margin"]) for row in pairs] == [
        (GOLD, "b", 4.0),
        ("aa", GOLD, 1.0),
        ("aa", "b", 5.0),
    ]
    first = pairs[1]
    assert first["prompt"] == [{"role": "user", "content": "Name a prime."}]
    assert (first["score_chosen"], first["score_rejected"]) == (6.0, 5.0)
    assert (first["source_chosen"], first["source_rejected"]) == ("student", "teacher")
    assert (first["length_chosen"], first["length_rejected"], first["iteration"]) == (2, len(GOLD), 1)
    best, _ = made("sft", [line])
    assert [(said(row, "completion"), row["score"], row["source"]) for row in best] == [("aa", 6.0, "student")]
    values, _ = made("value", [line])
    assert [(said(row, "completion"), row["value"]) for row in values] == [(GOLD, 5), ("aa", 6), ("b", 1), (LOOP, 6)]
    for kind in KINDS:
        columns = set(about(kind).meanings)
        assert set(made(kind, [line])[0][0]) <= columns, kind


async def test_what_gives_no_row_is_counted() -> None:
    lines = [
        await record(context(["a"], by_text({GOLD: 3, "a": 0}))),
        await record(context(["a"], Scorer(lambda _: Outcome.UNPARSED))),
        await record(context([ModelTimeout("late")], by_text({}))),
    ]
    assert made("preference", lines)[1] == {NO_PAIR.why: 1, UNSCORED.why: 1, FAILED.why: 1}
    assert made("sft", lines)[1] == {NO_GOOD.why: 1, UNSCORED.why: 1, FAILED.why: 1}
    rows, left_out = made("value", lines)
    assert (len(rows), left_out) == (2, {UNSCORED.why: 1, FAILED.why: 1})


async def test_the_rule_teacher_keeps_the_students_answers_out_of_sft_too() -> None:
    line = await record(context(["a", "b"], by_text({GOLD: 5, "a": 6, "b": 0})))
    assert [said(row, "completion") for row in made("sft", [line], rule="teacher")[0]] == [GOLD]
    assert [said(row, "chosen") for row in made("preference", [line], rule="teacher")[0]] == [GOLD]


async def lines_of_a_judge_that_likes_length(count: int = 6) -> list[dict[str, Any]]:
    """All texts are equally good; a point for each 10 characters. One prompt wants long answers."""
    lines: list[dict[str, Any]] = []
    for number in range(count):
        texts = ["x" * (10 + number), "y" * 20, "z" * 30]
        judge = Scorer(lambda listing: [min(6, len(text) // 10) for text in listing.answers])
        row = {"id": str(number), "prompt": f"Prompt {number}", "gold": "g" * 60}
        lines.append(await record(context(texts, judge), row, key=str(number)))
    return lines


async def test_scores_without_their_length_slope_are_fitted_over_all_rows() -> None:
    lines = await lines_of_a_judge_that_likes_length()
    raw, _ = made("preference", lines)
    assert Counter(row["source_chosen"] for row in raw) == {"teacher": 18}
    residual, left_out = made("preference", lines, scores="residual")
    assert (residual, left_out) == ([], {NO_PAIR.why: 6})
    values, _ = made("value", lines, scores="residual")
    assert max(row["value"] for row in values) - min(row["value"] for row in values) < 0.6
    _, slope = residual_scores([line["output"]["answers"] for line in lines])
    assert slope == pytest.approx(0.1, abs=0.01)
    assert [one["score"] for one in lines[0]["output"]["answers"]] == [6, 1, 2, 3]  # the row keeps the judge's own


async def test_a_row_that_failed_does_not_shift_the_scores_of_the_next() -> None:
    lines = await lines_of_a_judge_that_likes_length(2)
    failed = await record(context([ModelTimeout("late")], by_text({})))
    with_it, _ = made("value", [lines[0], failed, lines[1]], scores="residual")
    assert with_it == made("value", lines, scores="residual")[0]


class Listed(Run):
    """A run of these lines."""

    def rows(self, outcomes: Any = ()) -> Any:
        del outcomes
        return iter(vars(self)["lines"])


async def test_a_prompt_is_in_one_split_and_comes_with_its_origin(tmp_path: Any) -> None:
    lines = [
        await record(
            context(["a", "b"], by_text({GOLD: 6, "a": 2, "b": 5})),
            {**ROW, "prompt": f"Prompt {n}", "id": f"r{n}"},
            str(n),
        )
        for n in range(30)
    ]
    attempt = Attempt(started="2026-01-01T00:00:00+00:00", asked=30)
    run = Listed(tmp_path, Manifest(graph="dno", samples=1, fingerprint={}, attempts=[attempt]))
    object.__setattr__(run, "lines", [*lines, lines[0]])
    found = list(rows_of_run("preference", run, context([], by_text({}))))
    splits: dict[str, set[str]] = {}
    repeats = 0
    for one in found:
        if isinstance(one, LeftOut):
            repeats += 1
            continue
        split, row = one
        splits.setdefault(row["prompt"][0]["content"], set()).add(split)
        if row["source_chosen"] == "student":
            assert (row["model"], row["key"]) == ("python:student", row["prompt"][0]["content"].split()[1])
    assert len(splits) == 30
    assert all(len(one) == 1 for one in splits.values())
    assert {name for one in splits.values() for name in one} == {"train", "validation", "test"}
    assert repeats == 2


def test_a_student_is_a_solver() -> None:
    assert Student(["a"]).fingerprint()
