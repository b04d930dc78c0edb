"""Pairs of right and wrong answers as corrections, whichever method's they are."""

from __future__ import annotations

import pytest

from dikast.graphs import load_method
from dikast.graphs.method import RAC
from dikast.jobs.exports import LeftOut
from dikast.training.corrections import CUE, PLAIN_PAIR, correction, corrections_of
from dikast.training.rows import problem_of

ASKED = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "2 + 2?"}]
WRONG, RIGHT = ([{"role": "assistant", "content": text}] for text in ("5", "4"))
PAIR = {"prompt": ASKED, "chosen": RIGHT, "rejected": WRONG, "margin": 1.0, "group": "g", "id": "7"}


def test_a_pair_is_a_correction_of_the_rejected_answer_to_the_chosen_one() -> None:
    [(split, row)] = [one for one in corrections_of([("train", PAIR)]) if not isinstance(one, LeftOut)]
    assert split == "train"
    assert row["prompt"] == [*ASKED, *WRONG, {"role": "user", "content": CUE}]
    assert row["completion"] == RIGHT
    assert (row["margin"], row["group"], row["id"]) == (1.0, "g", "7")
    assert problem_of(row, "sft") is None
    assert not {"chosen", "rejected"} & set(row)


def test_what_was_left_out_stays_left_out_and_plain_pairs_are_counted() -> None:
    plain = {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}
    assert list(corrections_of([LeftOut("a tie"), ("train", plain)])) == [LeftOut("a tie"), PLAIN_PAIR]


def test_a_correction_may_have_another_cue() -> None:
    assert correction(ASKED, WRONG, RIGHT, "Again.")["prompt"][-1] == {"role": "user", "content": "Again."}


@pytest.mark.parametrize("name", ["hidden_tables", "cweval"])
def test_methods_that_know_right_from_wrong_make_corrections(name: str) -> None:
    told = load_method(name).exports[RAC].about()
    assert "2410.14655" in told.text[0]
    assert len(told.text) > 1
    assert {"prompt", "completion", "group"} <= set(told.meanings)
    assert not {"chosen", "rejected"} & set(told.meanings)


@pytest.mark.parametrize("name", ["genqr", "reviseval", "astral"])
def test_methods_that_know_only_better_from_worse_make_none(name: str) -> None:
    assert RAC not in load_method(name).exports
