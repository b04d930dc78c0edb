from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.one_call import graph, queries
from dikast import jobs
from dikast.agents.models.limits import Limits
from dikast.errors import DataError, ModelTimeout, ModelUnavailable, ResumeMismatchError
from dikast.records import Usage
from tests.jobs.graphs import Heard, graph_of, lines, run_one_call, same, speaking, values


async def test_a_preview_is_the_first_rows_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    heard = Heard()
    rows = await jobs.preview(graph, iter(queries(100)), speaking(heard), 3)
    assert [row["output"]["text"] for row in rows] == [query["query"][::-1] for query in queries(3)]
    assert rows[0]["calls"][0]["reply"] == rows[0]["output"]["text"]
    assert sorted(heard.queries) == [query["query"] for query in queries(3)]
    assert list(tmp_path.iterdir()) == []


async def test_a_preview_shows_failures_and_tracebacks() -> None:
    async def node(value: int) -> float:
        if value == 2:
            raise ModelTimeout("late")
        return 1 / value

    rows = await jobs.preview(graph_of(node), values(3), None)
    assert [row["outcome"] for row in rows] == ["error", "ok", "timeout"]
    assert "ZeroDivisionError" in rows[0]["trace"]
    assert "trace" not in rows[2]


async def test_a_preview_raises_what_no_row_can_work_with() -> None:
    def say(query: str) -> str:
        raise ModelUnavailable("nobody there")

    with pytest.raises(ModelUnavailable):
        await jobs.preview(graph, queries(2), speaking(say))
    with pytest.raises(DataError, match="row 1"):
        await jobs.preview(graph, [{}], speaking(say))


async def test_an_estimate_is_the_average_times_what_is_owed(tmp_path: Path) -> None:
    context, limits = speaking(lambda query: "one two"), Limits(price_output=1_000_000)
    nothing = jobs.estimate(graph, queries(10), context, tmp_path, samples=2)
    assert (nothing.asked, nothing.owed, nothing.seen, nothing.usage, nothing.cost) == (20, 20, 0, None, None)
    previewed = await jobs.preview(graph, queries(3), context)
    by_preview = jobs.estimate(graph, queries(10), context, previewed=previewed, limits=limits)
    assert (by_preview.owed, by_preview.seen, by_preview.cost) == (10, 3, 20)
    await jobs.run(graph, queries(4), context, tmp_path)
    by_journal = jobs.estimate(graph, queries(10), context, tmp_path, limits=limits)
    assert (by_journal.asked, by_journal.owed, by_journal.seen, by_journal.cost) == (10, 6, 4, 12)
    assert by_journal.usage is not None
    spent = by_journal.usage["solver"]
    assert (spent.calls, spent.input_tokens, spent.output_tokens) == (6, 30, 12)
    assert len(lines(tmp_path)) == 4


async def test_an_estimate_finds_bad_rows_and_other_settings(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 2"):
        jobs.estimate(graph, [*queries(1), {}], speaking(Heard()))
    await run_one_call(tmp_path, 1, Heard())
    with pytest.raises(ResumeMismatchError):
        jobs.estimate(graph_of(same), values(1), None, tmp_path)


def test_an_estimate_is_json() -> None:
    found = jobs.Estimate(2, 1, 1, {"solver": Usage(calls=1)}, None)
    assert found.as_dict() == {"asked": 2, "owed": 1, "seen": 1, "usage": {"solver": {"calls": 1}}, "cost": None}
