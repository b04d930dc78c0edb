from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.one_call import graph
from dikast import jobs
from dikast.errors import DataError, ModelTimeout, UsageError
from dikast.jobs.files import decode, encode
from dikast.jobs.reading import find_runs
from dikast.records import Outcome
from tests.jobs.graphs import Heard, graph_of, lines, run_one_call, same, speaking, values


async def backwards(out: Path) -> jobs.Run:
    """A run whose rows finished in another order than that of the input, one of them twice."""
    await run_one_call(out, 6, Heard())
    path = out / "rows.jsonl"
    records = sorted(lines(out), key=lambda row: -row["row"])
    again = {**records[0], "output": {"text": "again", "outcome": "ok", "reason": ""}}
    path.write_text("".join(json.dumps(record) + "\n" for record in [*records, again]))
    return jobs.Run.open(out)


async def test_rows_come_in_the_order_of_the_input_the_last_line_of_each(tmp_path: Path) -> None:
    run = await backwards(tmp_path)
    rows = list(run.rows())
    assert [row["row"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[5]["output"]["text"] == "again"
    assert run.summary().outcomes == {Outcome.OK: 6}


async def test_a_row_is_found_by_its_number_and_its_key(tmp_path: Path) -> None:
    run = await backwards(tmp_path)
    row = run.row("3")
    assert row["row"] == 3
    assert run.row(row["key"]) == run.row(row["key"][:12]) == run.row("3/0") == row


@pytest.mark.parametrize("name", ["7", "0", "", "abcd" * 8, "3/1", "xyz", "-1", "../x"])
async def test_a_row_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    run = await backwards(tmp_path)
    with pytest.raises(UsageError, match=r"no finished row .*; 6 rows are finished"):
        run.row(name)


async def test_a_name_that_several_rows_share_is_told_with_their_names(tmp_path: Path) -> None:
    await run_one_call(tmp_path, 2, Heard(), samples=2)
    run = jobs.Run.open(tmp_path)
    with pytest.raises(UsageError, match=r"'2' names 2 rows: 2/0 \(.*2/1 \("):
        run.row("2")
    assert run.row("2/1")["sample"] == 1


async def test_a_run_reads_while_it_is_worked_on(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def node(value: int) -> int:
        if value == 299:
            run = jobs.Run.open(tmp_path)
            seen.append((run.active, run.summary().asked, len(list(run.rows()))))
        return value

    await jobs.run(graph_of(node), values(300), None, tmp_path, concurrency=4)
    ((active, asked, finished),) = seen
    assert (active, asked) == (True, 300)
    assert 0 <= finished < 300


async def test_a_crashed_runs_summary_says_what_is_owed(tmp_path: Path) -> None:
    finished = await run_one_call(tmp_path, 6, Heard())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["attempts"][0] |= {"finished": None, "outcomes": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    path = tmp_path / "rows.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    summary = jobs.Run.open(tmp_path).summary()
    assert (finished.asked, finished.finished, finished.owed) == (6, 6, 0)
    assert (summary.asked, summary.finished, summary.owed) == (6, 5, 1)


async def test_runs_are_listed_the_latest_first(tmp_path: Path) -> None:
    for name in ("a", "b"):
        await run_one_call(tmp_path / name, 1, Heard())
        manifest = json.loads((tmp_path / name / "manifest.json").read_text())
        manifest["attempts"][0]["started"] = f"2026-01-0{1 + (name == 'b')}T00:00:00+00:00"
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "c").mkdir()
    (tmp_path / "file").touch()
    assert [run.path.name for run in jobs.list_runs(tmp_path)] == ["b", "a"]
    assert [run.path for run in jobs.list_runs(tmp_path / "a")] == [tmp_path / "a"]
    with pytest.raises(DataError, match="no such folder"):
        jobs.list_runs(tmp_path / "d")


@pytest.mark.parametrize("where", ["nowhere", "."])
def test_what_is_no_run_is_told(tmp_path: Path, where: str) -> None:
    with pytest.raises(DataError, match=r"no such run folder|not a run folder"):
        jobs.Run.open(tmp_path / where)


async def test_two_runs_differ_where_outcomes_or_outputs_do(tmp_path: Path) -> None:
    def say(query: str) -> str:
        if query.endswith("1"):
            raise ModelTimeout("late")
        return "other" if query.endswith("2") else query[::-1]

    await run_one_call(tmp_path / "a", 4, Heard())
    await jobs.run(graph, [*({"query": f"question number {n}"} for n in (1, 2, 3)), {"query": "x"}], speaking(say),
                   tmp_path / "b")  # fmt: skip
    a, b = jobs.Run.open(tmp_path / "a"), jobs.Run.open(tmp_path / "b")
    found = [(one.number, one.before is None, one.after is None, one.fields) for one in jobs.diff(a, b)]
    assert found == [
        (1, False, True, ()),
        (2, False, False, ("outcome", "output.text", "output.outcome", "output.reason")),
        (3, False, False, ("output.text",)),
        (4, True, False, ()),
    ]
    assert list(jobs.diff(a, a)) == []


async def test_an_empty_run_has_no_rows(tmp_path: Path) -> None:
    await jobs.run(graph_of(same), [], None, tmp_path / "x")
    run = jobs.Run.open(tmp_path / "x")
    assert list(run.rows()) == []
    (tmp_path / "x" / "rows.jsonl").unlink()
    assert list(jobs.Run.open(tmp_path / "x").rows()) == []


async def test_a_moved_run_is_the_same_run(tmp_path: Path) -> None:
    await run_one_call(tmp_path / "a", 3, Heard())
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert (await run_one_call(tmp_path / "b", 3, Heard())).done == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "extension", "manifest_version": 3}', '{"format": 1}', "\ufeff"])
async def test_a_damaged_or_foreign_manifest_does_not_end_the_list(tmp_path: Path, text: str) -> None:
    await run_one_call(tmp_path / "good", 1, Heard())
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "manifest.json").write_text(text)
    found, damaged = find_runs(tmp_path)
    assert [run.path.name for run in found] == [run.path.name for run in jobs.list_runs(tmp_path)] == ["good"]
    assert len(damaged) == 1
    assert str(tmp_path / "bad") in str(damaged[0])


async def test_how_a_run_stands_is_told_without_its_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def say(query: str) -> str:
        if query.endswith("1"):
            raise ModelTimeout("late")
        return "fine"

    await run_one_call(tmp_path, 4, say)
    run = jobs.Run.open(tmp_path)
    whole = run.summary()
    with monkeypatch.context() as patch:
        patch.setattr("dikast.jobs.summary.read_journal", None)
        assert run.standing() == whole
    with (tmp_path / "rows.jsonl").open("ab") as file:  # another attempt was killed after its first row
        file.write(encode({**lines(tmp_path)[0], "key": "0" * 32}))
    assert run.standing().finished == 5


async def test_one_row_is_found_without_reading_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await jobs.run(graph, [{"query": f"q{n}", "id": f"näme-{n}"} for n in range(50)], speaking(Heard()), tmp_path)
    read: list[bytes] = []

    def counting(line: bytes) -> Any:
        read.append(line)
        return decode(line)

    monkeypatch.setattr("dikast.jobs.reading.decode", counting)
    run = jobs.Run.open(tmp_path)
    assert run.row("33")["input"]["query"] == "q32"
    row = run.row_with_id("näme-7")
    assert row is not None
    assert row["input"]["query"] == "q7"
    assert run.row(row["key"][:12]) == row
    assert len(read) == 3
    assert run.row_with_id("q7") is None


async def test_a_row_is_found_by_its_id_in_its_last_line_only(tmp_path: Path) -> None:
    run = await backwards(tmp_path)
    record = {**lines(tmp_path)[0], "input": {"query": "question number 5", "qid": "a\ud83d"}}
    with (tmp_path / "rows.jsonl").open("ab") as file:
        file.write(encode(record))
    found = run.row_with_id("a\ud83d")
    assert found is not None
    assert found["input"]["qid"] == "a\ud83d"


async def test_a_foreign_line_costs_no_other_row(tmp_path: Path) -> None:
    await run_one_call(tmp_path, 4, Heard())
    path = tmp_path / "rows.jsonl"
    good = path.read_bytes().splitlines(keepends=True)
    damaged = good[1][: len(good[1]) // 2] + b"\n"
    path.write_bytes(good[0] + damaged + b"hello\n" + good[2] + good[3])
    run = jobs.Run.open(tmp_path)
    assert len(list(run.rows())) == 3
    assert len(jobs.export(run, "jsonl").read_bytes().splitlines()) == 3
    (note,) = run.summary().notes
    assert "2 line(s) of rows.jsonl are no rows (line 2, 3)" in note
    with pytest.raises(DataError, match="is no row"):
        run.row(json.loads(good[1])["key"][:16])
    heard = Heard()
    again = await run_one_call(tmp_path, 4, heard)
    assert (again.done, again.finished, len(heard.queries)) == (1, 4, 1)
    assert len(list(jobs.Run.open(tmp_path).rows())) == 4
