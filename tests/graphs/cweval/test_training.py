"""Samples as training rows. No box is made, but for what stands in for one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dikast.graphs import cweval
from dikast.graphs.cweval.context import Context
from dikast.graphs.cweval.training import (
    NO_BAD,
    NO_CODE,
    NO_END,
    NO_GOOD,
    UNKNOWN,
    about,
    candidates,
    group_of,
    verdict,
)
from dikast.jobs.exports import LeftOut
from dikast.training.rows import Kind, problem_of
from tests.graphs.cweval.small import CANARY, TASK_ID, Writer, fenced, no_box

GOOD, UNSAFE, BAD = (fenced(f"def double(n): ...  # {what}\n") for what in ("works safe", "works", "safe"))
TROUBLE = fenced("def double(n): trouble\n")


async def journal(tmp_path: Path, *replies: list[str], **knobs: Any) -> tuple[list[dict[str, Any]], Context]:
    """A line for each sample that says these in turn."""
    records: list[dict[str, Any]] = []
    context = Context(solver=Writer(["x"]), executor=no_box(tmp_path), **knobs)
    for number, said in enumerate(replies):
        given: cweval.Input = {"task_id": TASK_ID, "sample": number}
        context = context.model_copy(update={"solver": Writer(said)})
        output = await cweval.graph.ainvoke(given, context=context)
        records.append({"key": str(number), "input": given, "output": output, "outcome": output["outcome"]})
    return records, context


def rows(kind: Kind, records: list[dict[str, Any]], context: Context) -> tuple[list[dict[str, Any]], Counter[str]]:
    found: list[dict[str, Any]] = []
    left_out = Counter[str]()
    for one in candidates(kind, records, context):
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            assert problem_of(one.row, kind) is None
            assert one.group == group_of(TASK_ID)
            assert one.origin.id.startswith(f"{TASK_ID}/")
            assert one.origin.model == "python:writer"
            found.append(dict(one.row))
    return found, left_out


def said(row: dict[str, Any], name: str) -> str:
    [message] = row[name]
    return message["content"].partition("# ")[2].removesuffix("\n```")


async def test_good_code_against_bad_code_of_all_samples(tmp_path: Path) -> None:
    records, context = await journal(tmp_path, [GOOD], [UNSAFE], [BAD], [TROUBLE], ["I cannot."])
    records.append({"key": "9", "input": {"task_id": TASK_ID, "sample": 9}, "output": None, "outcome": "error"})
    found, left_out = rows("preference", records, context)
    assert [(said(row, "chosen"), said(row, "rejected")) for row in found] == [
        ("works safe", "works"),
        ("works safe", "safe"),
    ]
    assert left_out == {UNKNOWN.why: 1, NO_CODE.why: 1, NO_END.why: 1}
    assert [said(row, "completion") for row in rows("sft", records, context)[0]] == ["works safe"]
    assert [row["label"] for row in rows("unpaired", records, context)[0]] == [True, False, False]
    assert [row["value"] for row in rows("value", records, context)[0]] == [1.0, 0.0, 0.0]
    assert CANARY not in str(found)
    [system, user] = found[0]["prompt"]
    assert system["content"].startswith("You write Python")
    assert "Twice a number below 100" in user["content"]
    assert "BEGIN SOLUTION" not in user["content"]
    assert "cannot be measured" in about("sft").text[0]


async def test_code_of_every_round_is_a_reply_to_the_first_prompt(tmp_path: Path) -> None:
    records, context = await journal(tmp_path, [BAD, GOOD], rounds=2)
    [row], _ = rows("preference", records, context)
    assert (said(row, "chosen"), said(row, "rejected")) == ("works safe", "safe")
    assert len(row["prompt"]) == 2


async def test_without_good_or_bad_code_a_task_gives_no_pair(tmp_path: Path) -> None:
    bad, context = await journal(tmp_path / "a", [BAD])
    good, _ = await journal(tmp_path / "b", [GOOD])
    assert rows("preference", bad, context) == ([], Counter({NO_GOOD.why: 1}))
    assert rows("sft", bad, context) == ([], Counter({NO_GOOD.why: 1}))
    assert rows("preference", good, context) == ([], Counter({NO_BAD.why: 1}))


@pytest.mark.parametrize(
    ("told", "functional", "secure", "good"),
    [
        ("pass", True, True, True),
        ("pass", True, None, None),
        ("pass", False, True, None),
        ("fail", True, False, False),
        ("fail", False, None, False),
        ("timeout", False, None, False),
        ("compile_error", False, False, False),
        ("import_error", False, False, False),
        ("cheated", True, True, False),
        ("sandbox_error", False, False, None),
    ],
)
def test_what_is_known_of_tested_code(told: str, functional: bool, secure: bool | None, good: bool | None) -> None:
    assert verdict({"verdict": told, "functional": functional, "secure": secure}) is good


def test_a_task_is_one_group_in_all_languages() -> None:
    assert group_of("core.c.cwe_022_0_c") == group_of("core.py.cwe_022_0") == group_of("core.js.cwe_022_0_js")
    assert group_of("core.c.cwe_022_0_c") != group_of("core.c.cwe_022_1_c")
    assert group_of("lang.c.cwe_122_0_c") != group_of("lang.cpp.cwe_123_0_cpp")
