"""The request cache's place: what is wrong with it is told before anything is spent."""

from __future__ import annotations

from pathlib import Path

import pytest

from dikast import RequestCache, jobs, recording
from dikast.agents.models.request import Reply
from dikast.errors import DataError
from tests.jobs.graphs import Heard, graph, run_one_call, speaking


def impossible(tmp_path: Path) -> list[Path]:
    file = tmp_path / "file.txt"
    file.write_text("not a data base, and not a folder either " * 10)
    return [file, file / "cache.sqlite", tmp_path, Path("/proc/nowhere/cache.sqlite"), Path("/dev/null")]


@pytest.mark.parametrize("place", range(5))
async def test_an_impossible_place_is_told_before_anything_is_asked(tmp_path: Path, place: int) -> None:
    heard = Heard()
    with pytest.raises(DataError, match="not usable as a request cache") as caught:
        await run_one_call(tmp_path / "run", 3, heard, cache=RequestCache(impossible(tmp_path)[place]))
    assert "--cache" in caught.value.hint
    assert heard.queries == []
    assert not (tmp_path / "run" / "rows.jsonl").exists()


@pytest.mark.parametrize("place", range(5))
def test_a_ledger_tells_it_too(tmp_path: Path, place: int) -> None:
    with pytest.raises(DataError), recording(cache=RequestCache(impossible(tmp_path)[place])):
        pass


async def test_a_retry_tells_it_too(tmp_path: Path) -> None:
    await run_one_call(tmp_path / "run", 1, Heard())
    with pytest.raises(DataError, match="request cache"):
        await jobs.retry(graph, speaking(Heard()), tmp_path / "run", cache=RequestCache(tmp_path))


def test_half_surrogates_do_not_cost_the_reply(tmp_path: Path) -> None:
    cache = RequestCache(tmp_path / "cache.sqlite")
    reply = Reply("a\ud83d", "stop", 1, 1)
    cache.put("k", reply)
    assert cache.get("k") == reply
    cache.close()
