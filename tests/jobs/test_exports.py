from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dikast import jobs
from dikast.errors import MissingExtraError, UsageError
from dikast.jobs.exports import Format
from dikast.jobs.parquet import load_pyarrow
from dikast.records import Outcome
from tests.jobs.graphs import graph_of, lines, same, values

RESULTS: list[Any] = [
    {"text": "a", "hits": [["d1", 1.5]], "weights": {"a": 1.0}, "n": 1, "mixed": 1, "empty": None, "names": []},
    {"text": "\ud83d", "hits": [], "weights": {}, "n": 2.5, "mixed": "x", "empty": None, "names": ["é"]},
    {"text": None, "hits": None, "weights": None, "n": None, "mixed": {"deep": [1]}, "names": None, "late": 2**60},
]


async def varied(out: Path) -> jobs.Run:
    async def node(value: int) -> object:
        return 1 // 0 if value == 3 else RESULTS[value]

    await jobs.run(graph_of(node), [{**row, "id": f"q{row['value']}"} for row in values(4)], None, out)
    return jobs.Run.open(out)


def table(path: Path) -> list[dict[str, Any]]:
    _, parquet = load_pyarrow()
    return parquet.read_table(path).to_pylist()


async def test_jsonl_is_each_row_once_in_order(tmp_path: Path) -> None:
    run = await varied(tmp_path)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))) + path.read_bytes())
    out = jobs.export(jobs.Run.open(tmp_path), "jsonl")
    assert out == tmp_path / "export" / "rows.jsonl"
    assert [json.loads(line) for line in out.read_text().splitlines()] == list(run.rows())


async def test_csv_has_a_column_a_field_and_no_formula(tmp_path: Path) -> None:
    texts = ["=1+1", "-1", "@x", 'plain, "quoted"\nline', "\ud83d", -1.5, None, [1, "é"], True]

    async def node(value: int) -> object:
        return texts[value]

    await jobs.run(graph_of(node), values(len(texts)), None, tmp_path)
    with jobs.export(jobs.Run.open(tmp_path), "csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["output_result"] for row in rows] == [
        "'=1+1",
        "'-1",
        "'@x",
        'plain, "quoted"\nline',
        "\\ud83d",
        "-1.5",
        "",
        '[1,"é"]',
        "true",
    ]
    assert [row["input_value"] for row in rows] == [str(number) for number in range(len(texts))]
    assert "calls" not in rows[0]


async def test_parquet_holds_what_the_journal_holds(tmp_path: Path) -> None:
    run = await varied(tmp_path)
    rows = table(jobs.export(run, "parquet"))
    assert [row["input_id"] for row in rows] == ["q0", "q1", "q2", "q3"]
    assert [row["outcome"] for row in rows] == ["ok", "ok", "ok", "error"]
    # The result is an object: free-form, so JSON text.
    assert json.loads(rows[0]["output_result"]) == RESULTS[0]
    assert json.loads(rows[2]["output_result"]) == RESULTS[2]
    assert rows[3]["output_result"] is None
    assert json.loads(rows[0]["calls"]) == []


async def test_half_a_surrogate_pair_becomes_a_replacement_character(tmp_path: Path) -> None:
    async def node(value: int) -> object:
        return "a\ud83d" if value else {"text": "b\ud83d"}

    await jobs.run(graph_of(node), values(2), None, tmp_path)
    one, two = table(jobs.export(jobs.Run.open(tmp_path), "parquet"))
    assert (json.loads(one["output_result"]), json.loads(two["output_result"])) == ({"text": "b?"}, "a?")
    await jobs.run(graph_of(node), values(2)[1:], None, tmp_path / "text")
    (row,) = table(jobs.export(jobs.Run.open(tmp_path / "text"), "parquet"))
    assert row["output_result"] == "a?"


async def test_a_dataset_is_parquet_and_a_card(tmp_path: Path) -> None:
    run = await varied(tmp_path / "run")
    out = jobs.export(run, "datasets", tmp_path / "data set", licence="cc-by-4.0")
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "README.md",
        "data/train-00000-of-00001.parquet",
    ]
    text = (out / "README.md").read_text()
    _, head, body = text.split("---\n", 2)
    card = yaml.safe_load(head)
    assert card["license"] == "cc-by-4.0"
    assert card["size_categories"] == ["n<1K"]
    assert card["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}]
    assert "| `ok` | 3 |" in body
    assert "| `error` | 1 |" in body
    assert '"graph": "anything"' in body
    assert str(run.manifest.attempts[0].input_hash) in body
    assert len(table(next(out.rglob("*.parquet")))) == 4


async def test_hostile_names_stay_within_the_card(tmp_path: Path) -> None:
    await jobs.run(graph_of(same), [{"value": 1, "a | b\n---\n# `x": 1}], None, tmp_path / "run")
    out = jobs.export(jobs.Run.open(tmp_path / "run"), "datasets", licence='"\n---\nx: y')
    text = (out / "README.md").read_text()
    assert yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))["license"] == '"\n---\nx: y'
    assert "| `input_a \\| b --- # 'x` | integer |" in text


async def test_only_the_outcomes_that_are_wanted(tmp_path: Path) -> None:
    run = await varied(tmp_path)
    out = jobs.export(run, "jsonl", tmp_path / "good.jsonl", outcomes=[Outcome.OK])
    assert {row["outcome"] for row in map(json.loads, out.read_text().splitlines())} == {"ok"}
    with pytest.raises(UsageError, match="no finished row has the outcome refused"):
        jobs.export(run, "parquet", tmp_path / "none.parquet", outcomes=[Outcome.REFUSED])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "errors.jsonl", "good.jsonl", "input.keys", "lock", "manifest.json", "rows.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["jsonl", "parquet", "datasets"])
async def test_an_export_replaces_its_own_and_nothing_else(tmp_path: Path, form: Format) -> None:
    run = await varied(tmp_path / "run")
    before = lines(tmp_path / "run")
    assert jobs.export(run, form) == jobs.export(run, form)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data").mkdir()
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "mine", tmp_path / "file", tmp_path / "run" / "rows.jsonl"):
        with pytest.raises(UsageError, match="already there"):
            jobs.export(run, form, place)
    assert lines(tmp_path / "run") == before


async def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await varied(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dikast\[data\]'"):
        jobs.export(run, "parquet")
    assert jobs.export(run, "jsonl").exists()
