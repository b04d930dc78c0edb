from __future__ import annotations

import gc
from pathlib import Path

import pytest

from benchmarks.one_call import graph, queries
from dikast import jobs
from dikast.jobs.heap import spare_collector, starting_command
from dikast.jobs.job import Progress
from tests.jobs.graphs import Heard, speaking


async def test_a_job_leaves_what_was_there_out_of_collection_while_it_runs(tmp_path: Path) -> None:
    counts: list[int] = []

    def seen(now: Progress) -> None:
        counts.append(gc.get_freeze_count())

    await jobs.run(graph, queries(3), speaking(Heard()), tmp_path, on_progress=seen)
    assert max(counts) > 0
    assert gc.get_freeze_count() == 0


def test_a_heap_that_the_application_froze_stays_frozen() -> None:
    gc.freeze()
    try:
        before = gc.get_freeze_count()
        with spare_collector():
            assert gc.get_freeze_count() <= before
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_an_error_thaws_it() -> None:
    with pytest.raises(KeyError), spare_collector():
        raise KeyError
    assert gc.get_freeze_count() == 0


def test_a_command_looks_for_garbage_seldom_and_not_before_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    before, looked = gc.get_threshold(), list[int]()
    monkeypatch.setattr(gc, "collect", lambda: looked.append(gc.get_freeze_count()))
    with starting_command():
        assert gc.get_threshold()[0] > before[0]
        with spare_collector():
            pass
    assert gc.get_threshold() == before
    with spare_collector():
        pass
    assert [bool(frozen) for frozen in looked] == [True, False, True]
