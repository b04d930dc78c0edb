"""Parts of a job, each in a folder of its own, and the folders as one run again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dikast import jobs
from dikast.errors import DataError, ResumeMismatchError, UsageError
from dikast.jobs.manifest import read_manifest
from dikast.jobs.merge import merge
from dikast.jobs.shards import Shard
from dikast.records import Outcome
from tests.jobs.graphs import Heard, graph, speaking

QUERIES = [{"query": text} for text in ("a", "b", "a", "c", "d", "a", "e")]


def answers(folder: Path) -> list[tuple[int, int, str, str, str]]:
    return [
        (row["row"], row["sample"], row["key"], row["outcome"], json.dumps(row["output"]))
        for row in jobs.Run.open(folder).rows()
    ]


async def part(folder: Path, text: str, say: Any = None, rows: Sequence[object] = QUERIES, samples: int = 1) -> Path:
    heard = Heard() if say is None else say
    await jobs.run(graph, rows, speaking(heard), folder, shard=Shard.parse(text), samples=samples)
    return folder


@pytest.mark.parametrize(("count", "samples"), [(1, 1), (3, 1), (2, 3), (9, 1)])
async def test_parts_merged_are_the_whole(tmp_path: Path, count: int, samples: int) -> None:
    whole = await jobs.run(graph, QUERIES, speaking(Heard()), tmp_path / "whole", samples=samples)
    folders = [await part(tmp_path / f"x{n}", f"{n}/{count}", samples=samples) for n in range(1, count + 1)]
    assert sum(jobs.Run.open(folder).summary().finished for folder in folders) == len(QUERIES) * samples
    merged = merge(folders[::-1], tmp_path / "merged")
    assert (merged.asked, merged.finished, merged.owed, merged.exit_code) == (len(QUERIES) * samples,) * 2 + (0, 0)
    assert merged.notes == ()
    assert answers(tmp_path / "merged") == answers(tmp_path / "whole")
    assert (tmp_path / "merged/input.keys").read_bytes() == (tmp_path / "whole/input.keys").read_bytes()
    assert [usage.calls for usage in merged.usage.values()] == [usage.calls for usage in whole.usage.values()]
    assert jobs.Run.open(tmp_path / "merged").standing().outcomes == merged.outcomes
    heard = Heard()
    again = await jobs.run(graph, QUERIES, speaking(heard), tmp_path / "merged", samples=samples)
    assert (again.done, heard.queries, again.notes) == (0, [], ())


async def test_a_part_that_is_missing_is_told_and_owed(tmp_path: Path) -> None:
    folders = [await part(tmp_path / f"x{n}", f"{n}/3") for n in (1, 3)]
    merged = merge(folders, tmp_path / "merged")
    assert merged.notes == ("parts 2 of 3 are not among them; the run's command, without --shard, does their rows",)
    assert [row[0] for row in answers(tmp_path / "merged")] == [1, 3, 4, 6, 7]
    heard = Heard()
    done = await jobs.run(graph, QUERIES, speaking(heard), tmp_path / "merged")
    assert (heard.queries, done.finished, done.owed) == (["b", "d"], 7, 0)


async def test_a_row_that_two_folders_have_is_taken_once_and_the_better_end_of_it(tmp_path: Path) -> None:
    def failing(query: str) -> str:
        raise ValueError(query)

    one = await part(tmp_path / "one", "1/1", failing, QUERIES[:2])
    two = await part(tmp_path / "two", "1/1", None, QUERIES[:3])
    for folders in ([one, two], [two, one]):
        out = tmp_path / f"merged-{folders[0].name}"
        merged = merge(folders, out)
        assert merged.outcomes == {Outcome.OK: 3}
        assert "2 rows were finished in several folders" in merged.notes[0]
        assert not (out / "errors.jsonl").exists()
        assert len((out / "rows.jsonl").read_text().splitlines()) == 3


async def test_what_failed_can_be_done_again_in_the_merged_folder(tmp_path: Path) -> None:
    def failing(query: str) -> str:
        if query == "b":
            raise ValueError(query)
        return query

    folders = [await part(tmp_path / f"x{n}", f"{n}/2", failing) for n in (1, 2)]
    merged = merge(folders, tmp_path / "merged")
    assert merged.outcomes == {Outcome.OK: 6, Outcome.ERROR: 1}
    run = jobs.Run.open(tmp_path / "merged")
    assert "ValueError" in run.trace(next(run.rows({"error"}))["key"])
    assert (await jobs.retry(graph, speaking(Heard()), tmp_path / "merged")).outcomes == {Outcome.OK: 7}


async def test_rows_that_left_a_parts_input_are_left_behind(tmp_path: Path) -> None:
    folder = await part(tmp_path / "x", "1/1")
    await part(folder, "1/1", None, QUERIES[:4])
    merged = merge([folder], tmp_path / "merged")
    assert (merged.asked, merged.finished, merged.foreign) == (4, 4, 0)
    assert [row[0] for row in answers(tmp_path / "merged")] == [1, 2, 3, 4]


async def test_a_folder_is_of_one_part(tmp_path: Path) -> None:
    folder = await part(tmp_path / "x", "1/2")
    assert read_manifest(folder).shard == "1/2"
    with pytest.raises(UsageError, match="has part 1/2 of its input, and is to have part 2/2"):
        await part(folder, "2/2")
    with pytest.raises(UsageError, match="and is to have all of it"):
        await jobs.run(graph, QUERIES, speaking(Heard()), folder)
    await jobs.retry(graph, speaking(Heard()), folder)
    assert read_manifest(folder).shard == "1/2"
    whole = tmp_path / "whole"
    await jobs.run(graph, QUERIES, speaking(Heard()), whole)
    with pytest.raises(UsageError, match="has all of its input, and is to have part 1/2"):
        await part(whole, "1/2")


async def test_files_of_a_method_come_along_and_folders_are_told(tmp_path: Path) -> None:
    folders = [await part(tmp_path / f"x{n}", f"{n}/2") for n in (1, 2)]
    for folder in folders:
        (folder / "withheld.jsonl").write_text(f'{{"of":"{folder.name}"}}\n{{"torn":')
        (folder / "withheld.jsonl").chmod(0o600)
    (folders[0] / "first").mkdir()
    merged = merge(folders, tmp_path / "merged")
    kept = tmp_path / "merged/withheld.jsonl"
    assert kept.read_text() == '{"of":"x1"}\n{"of":"x2"}\n'
    assert kept.stat().st_mode & 0o777 == 0o600
    assert merged.notes == (f"left where it is: {folders[0] / 'first'}",)


async def test_what_cannot_be_merged(tmp_path: Path) -> None:
    one = await part(tmp_path / "one", "1/2")
    other = tmp_path / "other"
    await jobs.run(graph, QUERIES, speaking(Heard()), other, samples=2)
    unnamed = tmp_path / "unnamed"
    await jobs.run(graph, QUERIES, speaking(Heard()), unnamed)
    (unnamed / "input.keys").unlink()
    with pytest.raises(UsageError, match="is there already"):
        merge([one], other)
    with pytest.raises(UsageError, match="named twice"):
        merge([one, tmp_path / "x/../one"], tmp_path / "merged")
    with pytest.raises(UsageError, match="nothing to merge"):
        merge([], tmp_path / "merged")
    with pytest.raises(DataError, match="no such run folder"):
        merge([one, tmp_path / "none"], tmp_path / "merged")
    with pytest.raises(DataError, match="is not written down"):
        merge([one, unnamed], tmp_path / "merged")
    with pytest.raises(ResumeMismatchError, match="made with other settings"):
        merge([one, other], tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other", "unnamed"]


@pytest.mark.parametrize("text", ["", "0/3", "4/3", "1", "1/0", "a/b", "-1/3", "1/3/4", "1.0/3"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(UsageError, match="no part of an input"):
        Shard.parse(text)


def test_every_row_is_in_one_part() -> None:
    for count in (1, 2, 7, 16):
        shards = [Shard(number, count) for number in range(1, count + 1)]
        for row in range(1, 40):
            assert sum(shard.has(row) for shard in shards) == 1
        assert sorted(row for shard in shards for row in shard.of(range(20))) == list(range(20))
