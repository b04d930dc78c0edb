"""A run of BASH and RAC as training rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from dikast.graphs import self_tokens
from dikast.graphs.self_tokens.context import Context
from dikast.graphs.self_tokens.training import (
    CUT,
    FAILED,
    KINDS,
    NO_BASH,
    NO_DRAFT,
    RIGHT,
    THINNED,
    Made,
    about,
    candidates,
)
from dikast.jobs.exports import LeftOut
from dikast.training.corrections import CUE
from dikast.training.exports import sift
from dikast.training.rows import problem_of
from tests.graphs.self_tokens.words import SAID, Words


async def journal(solver: Words, count: int = 1, **knobs: Any) -> tuple[list[dict[str, Any]], Context]:
    context = Context(solver=solver, **knobs)
    graph: Any = self_tokens.graph
    records: list[dict[str, Any]] = []
    for number in range(count):
        for epoch in range(context.epochs):
            given: dict[str, Any] = {
                "prompt": f"Question {number}?",
                "reference": "100 7 102",
                "id": f"{number}/{epoch}",
            }
            given |= {"question": str(number), "epoch": epoch}
            output = await graph.ainvoke(given, context=context)
            records.append({"key": f"k{number}", "input": given, "output": output, "outcome": output["outcome"]})
    return records, context


def rows(made: Made, records: list[dict[str, Any]], context: Context) -> tuple[list[dict[str, Any]], Counter[str]]:
    found: list[dict[str, Any]] = []
    left_out = Counter[str]()
    for one in sift(candidates(made, records, context), KINDS[made]):
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            assert problem_of(one[1], KINDS[made]) is None
            found.append(one[1])
    return found, left_out


async def test_a_row_of_ids_has_its_labels_from_the_reference_alone() -> None:
    records, context = await journal(Words(), p=1.0, epochs=2)
    found, left_out = rows("bash", records, context)
    assert not left_out
    assert [one["epoch"] for one in found] == [0, 1]
    [first, _] = found
    assert first["prompt"] == [{"role": "user", "content": "Question 0?"}]
    assert (first["input_ids"], first["labels"], first["own"]) == ([100, 101, 102], [100, 7, 102], [1, 1, 1])
    assert (first["id"], first["model"], first["p"]) == ("0", "python:words", 1.0)
    assert first["made_with"].startswith("self_tokens/answer@")
    assert {one["group"] for one in found} == {first["group"]}


async def test_a_correction_reads_the_answer_and_says_the_reference() -> None:
    records, context = await journal(Words(length=4), share=1.0)
    [row], left_out = rows("rac", records, context)
    assert [one["role"] for one in row["prompt"]] == ["user", "assistant", "user"]
    assert [one["content"] for one in row["prompt"]] == ["Question 0?", " ".join(map(str, SAID[:4])), CUE]
    assert row["completion"] == [{"role": "assistant", "content": "100 7 102"}]
    assert (row["correction"], row["right"]) == (True, False)
    assert left_out == {THINNED.why: 1}  # the plain row


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
async def test_corrections_have_their_share(share: float) -> None:
    records, context = await journal(Words(length=4), 150, bash=False, share=share)
    found, left_out = rows("rac", records, context)
    corrections = sum(one["correction"] for one in found)
    assert abs(corrections / len(found) - share) < 0.08
    assert max(corrections, len(found) - corrections) == 150  # all there are of the larger kind
    assert len(found) + left_out[THINNED.why] == 300


async def test_plain_rows_come_again_in_each_epoch() -> None:
    records, context = await journal(Words(length=4), bash=False, epochs=3)
    found, left_out = rows("rac", records, context)
    assert sorted((one["epoch"], one["correction"]) for one in found) == [
        (epoch, correction) for epoch in range(3) for correction in (False, True)
    ]
    assert not left_out


async def test_right_answers_are_kept_or_left_out_by_the_flag() -> None:
    knobs: dict[str, Any] = {"bash": False, "share": 1.0}
    for keep in (True, False):
        records, context = await journal(Words(length=3, text="100 7  102"), keep_right=keep, **knobs)
        found, left_out = rows("rac", records, context)
        assert [one["right"] for one in found] == [True] * keep
        assert left_out[RIGHT.why] == (not keep)


async def test_what_is_no_row_is_counted_by_reason() -> None:
    cut, context = await journal(Words(length=600), bash=False)
    empty, _ = await journal(Words(length=0), bash=False)
    failed = [{**cut[0], "outcome": "timeout"}, {**cut[0], "output": None}]
    assert rows("rac", [*cut, *empty, *failed], context)[1] == {
        CUT.why: 1,
        NO_DRAFT.why: 1,
        FAILED.why: 2,
        "the same prompt and answer came before": 1,
    }
    assert rows("bash", [*cut, *failed], context) == ([], Counter({NO_BASH.why: 1, FAILED.why: 2}))


@pytest.mark.parametrize("made", KINDS)
def test_the_card_tells_of_every_column(made: Made) -> None:
    told = about(made)
    assert "2410.14655" in told.text[0]
    wanted = {
        "bash": {"input_ids", "labels", "own", "p", "epoch"},
        "rac": {"completion", "correction", "right", "epoch"},
    }
    assert {"prompt", "group", "id", *wanted[made]} <= set(told.meanings)
