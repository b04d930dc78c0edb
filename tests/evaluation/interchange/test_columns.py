from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dikast.errors import DataError, DikastError, UsageError
from dikast.evaluation.axes import Axes
from dikast.evaluation.interchange import columns
from dikast.evaluation.items import Pair
from dikast.files import write_json, write_jsonl
from dikast.graphs.astral.suite import read_plan
from dikast.optional import needs
from dikast.verdicts import PairVerdict
from tests.packing import packed

TEXTS = st.text(st.characters(codec="utf-8"))
PAIRS = st.lists(
    st.builds(
        Pair,
        id=st.uuids().map(str),
        instruction=TEXTS,
        response_1=TEXTS,
        response_2=TEXTS,
        gold=st.sampled_from(["1", "2", "tie", None]),
        reference=TEXTS,
        group=TEXTS,
    ),
    min_size=1,
    max_size=5,
)
IN_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@IN_ONE_FOLDER
@given(PAIRS)
def test_pairs_survive_jsonl_and_json(tmp_path: Path, pairs: list[Pair]) -> None:
    write_jsonl(tmp_path / "pairs.jsonl", columns.pairs_as_rows(pairs))
    assert columns.read_pairs(tmp_path / "pairs.jsonl") == pairs
    write_json(tmp_path / "pairs.json", columns.pairs_as_rows(pairs))
    assert columns.read_pairs(tmp_path / "pairs.json") == pairs


@IN_ONE_FOLDER
@given(PAIRS)
def test_pairs_survive_csv(tmp_path: Path, pairs: list[Pair]) -> None:
    rows = columns.pairs_as_rows(pairs)
    with (tmp_path / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", "instruction", "response_1", "response_2", "gold", "reference", "group"])
        writer.writeheader()
        writer.writerows(rows)
    read = columns.read_pairs(tmp_path / "pairs.csv")

    def plain(pair: Pair) -> list[str | None]:
        return [pair.id, pair.gold, pair.instruction, pair.response_1, pair.response_2, pair.reference, pair.group]

    assert [plain(pair) for pair in read] == [plain(pair) for pair in pairs]


@IN_ONE_FOLDER
@given(st.binary(max_size=60), st.sampled_from([".jsonl", ".json", ".csv", ".tsv"]))
def test_any_bytes_are_read_or_refused_with_the_files_name(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(data)
    refusal = path.name
    try:
        columns.read_pairs(path)
    except DikastError as error:
        refusal = str(error)
    assert path.name in refusal


def test_a_users_own_column_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("question\ta\tb\tbetter\nWhy?\tno\tyes\tB\nHow?\tx\ty\t\n")
    pairs = columns.read_pairs(
        path, {"instruction": "question", "response_1": "a", "response_2": "b", "gold": "better"}
    )
    assert [(pair.id, pair.response_2, pair.gold) for pair in pairs] == [("1", "yes", "2"), ("2", "y", None)]
    with pytest.raises(UsageError, match="no column of ours is called 'question'"):
        columns.read_pairs(path, {"question": "instruction"})


def test_a_users_own_scores_and_verdicts(tmp_path: Path) -> None:
    scores = columns.read_scores(
        lines(tmp_path / "s.jsonl", {"id": 7, "rating": "4.5", "group": "d"}), {"score": "rating"}
    )
    assert (scores[0].id, scores[0].scores, scores[0].group) == ("7", {"score": 4.5}, "d")
    verdicts = [PairVerdict("a", "1", None), PairVerdict("b", "tie", "2")]
    write_jsonl(tmp_path / "v.jsonl", columns.verdicts_as_rows(verdicts))
    assert columns.read_verdicts(tmp_path / "v.jsonl") == verdicts


GOOD: dict[str, Any] = {"id": "x", "instruction": "q", "response_1": "a", "response_2": "b", "gold": 1}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [GOOD, {**GOOD, "id": "y", "gold": "left"}],
            r"p.jsonl:2: field 'gold': not a verdict: 'left' \(write 1, 2 or tie",
        ),
        ([{"id": "x", "instruction": "q", "response_1": "a"}], r"p.jsonl:1: field 'response_2': missing"),
        ([{**GOOD, "instruction": None}], r"p.jsonl:1: field 'instruction': not text: None"),
        ([{**GOOD, "response_1": ["a"]}], r"p.jsonl:1: field 'response_1': message 1 has the role None"),
        ([{**GOOD, "response_1": {"a": 1}}], r"p.jsonl:1: field 'response_1': not text"),
        ([GOOD, GOOD], r"p.jsonl:2: field 'id': 'x' already stands on line 1"),
        ([GOOD, 3], r"p.jsonl:2: not a JSON object but a number"),
        ([{**GOOD, "gold": True}], r"field 'gold': not a verdict"),
        ([{**GOOD, "gold": 3}], r"field 'gold': not a verdict: 3"),
    ],
)
def test_a_bad_record_is_named_by_file_line_and_field(tmp_path: Path, rows: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        columns.read_pairs(lines(tmp_path / "p.jsonl", *rows))


@pytest.mark.parametrize("read", [columns.read_pairs, columns.read_scores, columns.read_verdicts])
def test_a_file_may_hold_no_row_but_not_nothing(tmp_path: Path, read: Callable[[Path], list[object]]) -> None:
    (tmp_path / "e.json").write_text("[]")
    assert read(tmp_path / "e.json") == []
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(DataError, match=r"e\.csv: the file is empty"):
        read(tmp_path / "e.csv")


@pytest.mark.parametrize("read", [columns.read_pairs, columns.read_scores, columns.read_verdicts])
def test_a_mapped_column_that_is_not_there_is_refused(
    tmp_path: Path, read: Callable[[Path, dict[str, str]], list[object]]
) -> None:
    (tmp_path / "p.csv").write_text("id,ab,ba,instruction,response_1,response_2,score\n")
    with pytest.raises(DataError, match=r"p\.csv: field 'number': no such column, wanted as 'id'"):
        read(tmp_path / "p.csv", {"id": "number"})


def test_an_error_says_the_files_own_name(tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", {"q": "q", "a": "a", "b": "b", "best": "left"})
    ours = {"instruction": "q", "response_1": "a", "response_2": "b", "gold": "best"}
    with pytest.raises(DataError, match=r"p\.jsonl:1: field 'best': not a verdict: 'left'"):
        columns.read_pairs(path, ours)


@pytest.mark.parametrize("name", ["s.json", "s.json.gz", "s.jsonl.zst"])
def test_suites_in_other_forms(tmp_path: Path, name: str) -> None:
    rows, path = [{"text": "Say hello.", "kind": "a"}, {"text": "Say bye.", "benign": True}], tmp_path / name
    text = "".join(json.dumps(row) + "\n" for row in rows) if ".jsonl" in name else json.dumps(rows)
    path.write_bytes(packed(text.encode(), path))
    plan = read_plan(path, axes=Axes({"kind": ("a", "b")}), columns={"prompt": "text"})
    assert [case.get("prompt") for case in plan.cases] == ["Say hello.", "Say bye."]
    assert (plan.cases[0].get("cell"), plan.cases[1].get("benign")) == ({"kind": "a"}, True)


def test_pairs_out_of_parquet(tmp_path: Path) -> None:
    texts = {"response_1": "a", "response_2": "b"}
    rows: list[dict[str, object]] = [{"question": "q", **texts, "best": 2.0}, {"question": "p", **texts, "best": None}]
    needs("pyarrow.parquet").write_table(needs("pyarrow").Table.from_pylist(rows), tmp_path / "p.parquet")
    pairs = columns.read_pairs(tmp_path / "p.parquet", {"instruction": "question", "gold": "best"})
    assert [(pair.id, pair.instruction, pair.gold) for pair in pairs] == [("1", "q", "2"), ("2", "p", None)]
    rows[1]["best"] = 7.0
    needs("pyarrow.parquet").write_table(needs("pyarrow").Table.from_pylist(rows), tmp_path / "p.parquet")
    with pytest.raises(DataError, match=r"p\.parquet: row 2: field 'best': not a verdict: 7\.0"):
        columns.read_pairs(tmp_path / "p.parquet", {"instruction": "question", "gold": "best"})


def test_chosen_and_rejected_stand_in_place_of_the_responses(tmp_path: Path) -> None:
    """Which is response 1 depends on the texts alone, and is about as often the one as the other."""
    rows = [{"instruction": f"q{n}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(200)]
    pairs = columns.read_pairs(lines(tmp_path / "p.jsonl", *rows))
    for pair in pairs:
        better = pair.response_1 if pair.gold == "1" else pair.response_2
        assert better.startswith("good")
    assert 70 < sum(pair.gold == "1" for pair in pairs) < 130
    assert [pair.gold for pair in columns.read_pairs(lines(tmp_path / "r.jsonl", *rows[::-1]))] == [
        pair.gold for pair in pairs[::-1]
    ]
    mapped = lines(tmp_path / "m.jsonl", {"instruction": "q0", "best": "good 0", "worst": "bad 0"})
    [pair] = columns.read_pairs(mapped, {"chosen": "best", "rejected": "worst"})
    assert (pair.response_1, pair.gold) == (pairs[0].response_1, pairs[0].gold)


def test_a_pair_that_has_both_keeps_its_own_responses(tmp_path: Path) -> None:
    [pair] = columns.read_pairs(lines(tmp_path / "p.jsonl", {**GOOD, "gold": 2, "chosen": "x", "rejected": "y"}))
    assert (pair.response_1, pair.gold) == ("a", "2")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"chosen": "x"}, r"field 'rejected': missing"),
        ({"chosen": "x", "rejected": "y", "gold": 1}, r"field 'gold': a label beside chosen and rejected"),
        ({"chosen": "x", "rejected": "y", "response_1": "z"}, None),
        ({"chosen": "x", "rejected": "y", "gold": ""}, None),
    ],
)
def test_a_preference_has_two_texts_and_no_second_label(
    tmp_path: Path, row: dict[str, Any], message: str | None
) -> None:
    path = lines(tmp_path / "p.jsonl", {"instruction": "q", **row})
    if message is None:
        assert columns.read_pairs(path)[0].gold in ("1", "2")
    else:
        with pytest.raises(DataError, match=message):
            columns.read_pairs(path)
