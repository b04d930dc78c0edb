"""Which rows of a file a run has: ids, order, number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from dikast import files
from dikast.cli.choosing import Row, choose_rows, read_ids
from dikast.errors import DataError, UsageError
from tests.cli.conftest import Cli

ROWS: list[Row] = [{"id": f"r{number}", "n": number} for number in range(6)]


def chosen(rows: Any = ROWS, **flags: Any) -> list[int]:
    given: dict[str, Any] = {"ids": None, "shuffle": False, "seed": 0, "limit": None, "each": 1}
    return [row["n"] for row in choose_rows(lambda: rows, **{**given, **flags})]


def test_ids_keep_the_inputs_order_and_the_limit_counts_what_is_left(tmp_path: Path) -> None:
    assert chosen(ids="r4, r1,r4") == [1, 4]
    assert chosen(ids="r4,r1,r5", limit=2) == [1, 4]
    assert chosen([{"qid": 7, "n": 0}, {"qid": 8, "n": 1}, {"n": 2}], ids="8") == [1]
    (tmp_path / "ids").write_text("r3\n\n r0 \n", encoding="utf-8")
    assert chosen(ids=f"@{tmp_path / 'ids'}") == [0, 3]


def test_an_id_that_is_no_rows_is_told() -> None:
    with pytest.raises(UsageError, match="2 of the ids of --ids are no row's: x, y"):
        chosen(ids="r1,x,y")
    with pytest.raises(UsageError, match="names no row"):
        read_ids(" , ")
    with pytest.raises(DataError, match="absent"):
        read_ids("@absent")


def test_an_order_is_the_seeds_and_what_one_entry_became_stays_together() -> None:
    orders = {seed: chosen(shuffle=True, seed=seed) for seed in range(4)}
    assert all(sorted(order) == list(range(6)) for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) > 1
    assert chosen(shuffle=True, seed=3) == orders[3]
    assert chosen(shuffle=True, seed=3, limit=2) == orders[3][:2]
    pairs = chosen(shuffle=True, seed=1, each=2)
    assert [(first // 2, second - first) for first, second in zip(pairs[::2], pairs[1::2], strict=True)] == [
        (first // 2, 1) for first in pairs[::2]
    ]
    assert chosen(shuffle=True, seed=1, each=2, limit=1) == pairs[:2]


def test_a_long_input_is_read_once_and_no_further_than_needed() -> None:
    read: list[int] = []

    def rows() -> Iterator[Row]:
        for row in ROWS:
            read.append(row["n"])
            yield row

    found = choose_rows(rows, ids=None, shuffle=False, seed=0, limit=2, each=1)
    assert [row["n"] for row in found] == [row["n"] for row in found] == [0, 1]
    assert read == [0, 1]


def test_by_the_command(cli: Cli, tmp_path: Path) -> None:
    common = ["genqr", "run", "--collection", "sample", "--depth", "5", "--model", "scripted:script:shout"]
    assert cli(*common, "--ids", "q07,q02", "-o", "a").code == 0
    rows = [json.loads(line) for line in (tmp_path / "a/rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(row["input"]["qid"] for row in rows) == ["q02", "q07"]
    absent = cli(*common, "--ids", "q99", "-o", "b")
    assert absent.code == 2
    assert "no row's: q99" in absent.err


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("rest-mcts run --questions", {"question": "What is 2 and 2?", "answer": "4"}),
        ("tapir run --instructions", {"instruction": "Count to two.", "answer": "one, two"}),
        ("judge run --mode free --pairs", {"instruction": "2?", "response_1": "2", "response_2": "3"}),
    ],
)
def test_a_run_reads_its_file_once(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, fields: dict[str, str]
) -> None:
    opened: list[str] = []

    def counting(path: Path) -> BinaryIO:
        opened.append(path.name)
        return path.open("rb")

    monkeypatch.setattr(files, "_open_plain", counting)
    lines = (json.dumps({"id": str(number), **fields, "note": number}) for number in range(3))
    (tmp_path / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    ran = cli(
        *command.split(), tmp_path / "rows.jsonl", "--model", "scripted:script:shout", "--limit", "2", "-o", "out"
    )
    assert ran.code in (0, 3), ran.err
    assert len((tmp_path / "out" / "rows.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert opened.count("rows.jsonl") == 1
