from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from dikast.jobs.exports import LeftOut
from dikast.training.exports import (
    HELD_OUT,
    LEAK,
    PROVENANCE,
    REPEAT,
    Candidate,
    Origin,
    about,
    sift,
)
from dikast.training.rows import KINDS, PROBLEMS, Kind
from dikast.training.splits import split_of

TRAINED = [str(n) for n in range(200) if split_of(str(n)) == "train"]
HELD = [str(n) for n in range(200) if split_of(str(n)) == "test"]


def sifted(
    candidates: Iterable[Candidate | LeftOut], kind: Kind = "sft", **more: Any
) -> tuple[list[tuple[str, dict[str, Any]]], Counter[str]]:
    rows: list[tuple[str, dict[str, Any]]] = []
    left_out = Counter[str]()
    for one in sift(candidates, kind, **more):
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            rows.append(one)
    return rows, left_out


def row(prompt: str, completion: str = "yes") -> dict[str, Any]:
    return {"prompt": prompt, "completion": completion}


def test_columns_come_in_one_order_with_provenance_last() -> None:
    origin = Origin.of(7, "k", {"model": "m", "seed": 3, "prompt": "solve@1", "sample": 0})
    [(split, found)], _ = sifted([Candidate({"own": 1, "completion": "b", "prompt": "a"}, TRAINED[0], origin)])
    assert split == "train"
    assert list(found) == ["prompt", "completion", "own", *PROVENANCE]
    assert found == {
        **{"prompt": "a", "completion": "b", "own": 1, "group": TRAINED[0], "id": "7", "key": "k"},
        **{"model": "m", "seed": 3, "made_with": "solve@1"},
    }


def test_everything_asked_is_a_row_or_counted() -> None:
    candidates = [
        Candidate(row("a"), TRAINED[0]),
        Candidate(row("A "), HELD[0]),
        Candidate(row("a"), TRAINED[1]),
        Candidate(row("a", "no"), TRAINED[1]),
        Candidate(row("b", ""), TRAINED[0]),
        Candidate(row("c" * 50), TRAINED[0]),
        LeftOut("a tie"),
    ]
    rows, left_out = sifted(candidates, longest=40)
    assert [(split, found["prompt"], found["completion"]) for split, found in rows] == [
        ("train", "a", "yes"),
        ("train", "a", "no"),
    ]
    assert left_out == {LEAK: 1, REPEAT: 1, PROBLEMS["empty"]: 1, PROBLEMS["long"]: 1, "a tie": 1}
    assert len(rows) + left_out.total() == len(candidates)


def test_a_completion_under_two_labels_is_kept_once() -> None:
    both = [Candidate({**row("a"), "label": label}, TRAINED[0]) for label in (True, False)]
    rows, left_out = sifted(both, "unpaired")
    assert [found["label"] for _, found in rows] == [True]
    assert left_out == {REPEAT: 1}


def test_one_split_alone() -> None:
    rows, left_out = sifted([Candidate(row("a"), TRAINED[0]), Candidate(row("b"), HELD[0])], only="train")
    assert [split for split, _ in rows] == ["train"]
    assert left_out == {HELD_OUT: 1}


def test_no_prompt_and_no_group_is_in_two_splits() -> None:
    candidates = [Candidate(row(f"p{n % 37}", str(n)), str(n % 90)) for n in range(900)]
    rows, left_out = sifted(candidates)
    assert left_out[LEAK] > 0
    for name in ("prompt", "group"):
        splits: dict[str, set[str]] = {}
        for split, found in rows:
            splits.setdefault(found[name], set()).add(split)
        assert all(len(one) == 1 for one in splits.values()), name


def test_a_card_says_what_every_column_is() -> None:
    for kind in KINDS:
        said = about(kind, "What these are.", {"own": "mine"})
        assert f"`{kind}`" in said.text[1]
        assert {"prompt", "own", *PROVENANCE} <= said.meanings.keys()


def test_rows_of_another_epoch_are_no_repeats() -> None:
    given = [Candidate({"prompt": "2 + 2?", "completion": "4", "epoch": epoch}, "g") for epoch in (0, 1, 1)]
    found = list(sift(given, "sft"))
    assert [one[1]["epoch"] for one in found if not isinstance(one, LeftOut)] == [0, 1]
    assert [one for one in found if isinstance(one, LeftOut)] == [LeftOut(REPEAT)]


def test_rows_of_tokens_are_told_apart_by_what_is_read() -> None:
    rows = [{"prompt": "2 + 2?", "input_ids": ids, "labels": [4]} for ids in ([4], [5], [5])]
    found = list(sift([Candidate(row, "g") for row in rows], "tokens"))
    assert [one[1]["input_ids"] for one in found if not isinstance(one, LeftOut)] == [[4], [5]]
