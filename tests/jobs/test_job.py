from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt

from benchmarks.one_call import graph, queries
from dikast import jobs
from dikast.agents.ledger import recording
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.limits import Limits
from dikast.agents.models.pace import Rates
from dikast.agents.models.request import Reply
from dikast.errors import (
    DataError,
    MissingExtraError,
    ModelContextOverflow,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    ResumeMismatchError,
    UsageError,
)
from dikast.http.throttle import throttled
from dikast.jobs.driver import UNREACHABLE_IN_A_ROW
from dikast.records import Outcome
from tests.jobs.graphs import Heard, errors, graph_of, lines, run_one_call, same, speaking, values


async def test_a_job_runs_every_row_and_says_so(tmp_path: Path) -> None:
    summary = await run_one_call(tmp_path / "x", 20, lambda query: query[::-1], settings={"limit": 20})
    assert (summary.asked, summary.finished, summary.owed, summary.done) == (20, 20, 0, 20)
    assert summary.outcomes == {Outcome.OK: 20}
    assert summary.exit_code == 0
    assert summary.usage["solver"].calls == 20
    rows = sorted(lines(tmp_path / "x"), key=lambda row: row["row"])
    assert [row["output"]["text"] for row in rows] == [query["query"][::-1] for query in queries(20)]
    assert rows[4]["input"] == {"query": "question number 4"}
    assert rows[4]["calls"][0]["messages"] == [{"role": "user", "content": "Keywords for: question number 4"}]
    assert rows[4]["usage"]["solver"]["calls"] == 1
    manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
    assert manifest["settings"] == {"limit": 20}
    assert manifest["attempts"][0]["finished"] >= manifest["attempts"][0]["started"]
    assert manifest["attempts"][0]["versions"]["langgraph"]
    assert manifest["fingerprint"]["context.solver"]["sampling"]["temperature"] == 0.0


async def test_the_same_call_again_does_what_is_owed_and_no_more(tmp_path: Path) -> None:
    heard = Heard()
    await run_one_call(tmp_path, 5, heard)
    summary = await run_one_call(tmp_path, 8, heard)
    assert sorted(heard.queries) == [query["query"] for query in queries(8)]
    assert (summary.asked, summary.finished, summary.done) == (8, 8, 3)
    assert summary.usage["solver"].calls == 8
    assert [row["attempt"] for row in lines(tmp_path)] == [1] * 5 + [2] * 3


async def test_equal_rows_are_rows_of_their_own(tmp_path: Path) -> None:
    heard = Heard()
    rows = [{"query": "a"}] * 3
    await jobs.run(graph, rows[:2], speaking(heard), tmp_path)
    await jobs.run(graph, rows, speaking(heard), tmp_path)
    assert heard.queries == ["a"] * 3
    assert len({row["key"] for row in lines(tmp_path)}) == 3


async def test_rows_that_left_the_input_are_kept_and_told(tmp_path: Path) -> None:
    await run_one_call(tmp_path, 5, Heard())
    summary = await run_one_call(tmp_path, 2, Heard())
    assert (summary.asked, summary.finished, summary.owed, summary.foreign) == (2, 2, 0, 3)
    assert "3 finished rows are not in this input; they are kept, and in no report" in summary.notes


async def test_samples_are_rows_of_their_own_and_not_one_cached_reply(tmp_path: Path) -> None:
    heard = Heard()
    cache = RequestCache(tmp_path / "cache.sqlite")
    summary = await run_one_call(tmp_path / "x", 2, heard, samples=3, cache=cache)
    assert (summary.asked, summary.finished, len(heard.queries)) == (6, 6, 6)
    again = await run_one_call(tmp_path / "y", 2, heard, samples=3, cache=cache)
    assert (len(heard.queries), again.usage["solver"].cached_calls) == (6, 6)
    cache.close()


async def test_an_iterator_is_gone_through_once(tmp_path: Path) -> None:
    summary = await jobs.run(graph, iter(queries(10)), speaking(Heard()), tmp_path)
    assert (summary.asked, summary.owed, summary.done) == (10, 0, 10)
    again = await jobs.run(graph, iter(queries(12)), speaking(Heard()), tmp_path)
    assert (again.asked, again.owed, again.done) == (12, 0, 2)


async def test_a_bad_row_is_told_before_anything_runs(tmp_path: Path) -> None:
    heard = Heard()
    with pytest.raises(DataError, match="field 'query': row 3: Field required"):
        await jobs.run(graph, [*queries(2), {"text": "x"}], speaking(heard), tmp_path / "x")
    assert heard.queries == []
    assert not (tmp_path / "x").exists()


async def test_a_bad_row_of_an_iterator_ends_the_job_after_what_is_in_flight(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 3"):
        await jobs.run(graph, iter([*queries(2), {"text": "x"}, *queries(5)]), speaking(Heard()), tmp_path)
    assert len(lines(tmp_path)) == 2


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ModelTimeout("late"), Outcome.TIMEOUT),
        (ModelRefused("no"), Outcome.FILTERED),
        (ModelContextOverflow("long"), Outcome.LIMIT),
        (ModelError("what"), Outcome.ERROR),
        (TimeoutError("late"), Outcome.TIMEOUT),
    ],
)
async def test_a_models_failure_is_an_outcome(tmp_path: Path, error: Exception, outcome: Outcome) -> None:
    def say(query: str) -> str:
        if query.endswith("1"):
            raise error
        return "fine"

    summary = await run_one_call(tmp_path, 3, say)
    assert summary.outcomes == {Outcome.OK: 2, outcome: 1}
    assert summary.exit_code == (3 if outcome.failed else 0)
    (bad,) = (row for row in lines(tmp_path) if row["outcome"] != "ok")
    assert str(error) in bad["reason"]
    assert bad["calls"][0]["outcome"] == outcome
    assert errors(tmp_path) == []


async def test_the_graphs_own_outcome_is_the_rows(tmp_path: Path) -> None:
    summary = await run_one_call(tmp_path, 3, lambda query: Reply("", "stop", 1, 0) if query.endswith("1") else "fine")
    assert summary.outcomes == {Outcome.OK: 2, Outcome.EMPTY: 1}
    assert summary.exit_code == 0
    (empty,) = (row for row in lines(tmp_path) if row["outcome"] == "empty")
    assert empty["reason"] == "no text (finish reason 'stop')"


async def test_a_bug_is_an_error_with_its_traceback(tmp_path: Path) -> None:
    async def node(value: int) -> int:
        return 1 // (value - 1)

    summary = await jobs.run(graph_of(node), values(3), None, tmp_path)
    assert summary.outcomes == {Outcome.OK: 2, Outcome.ERROR: 1}
    (told,) = errors(tmp_path)
    (bad,) = (row for row in lines(tmp_path) if row["outcome"] == "error")
    assert (told["key"], bad["reason"]) == (bad["key"], "ZeroDivisionError: integer division or modulo by zero")
    assert "return 1 // (value - 1)" in told["trace"]
    assert jobs.Run.open(tmp_path).trace(bad["key"]) == told["trace"]


@pytest.mark.parametrize("result", [object(), {1, object()}, {"x": lambda: None}])
async def test_output_that_is_not_json_is_an_error_not_a_crash(tmp_path: Path, result: object) -> None:
    async def node(value: int) -> object:
        return result if value else 0

    summary = await jobs.run(graph_of(node), values(2), None, tmp_path)
    assert summary.outcomes == {Outcome.OK: 1, Outcome.ERROR: 1}
    assert "output is not JSON" in sorted(lines(tmp_path), key=lambda row: row["row"])[1]["reason"]


async def test_hostile_text_is_only_text(tmp_path: Path) -> None:
    texts = ["\ud83d", "\x00\x1b[31m", "\n{}\n", "\u2028", '"}\n{"key":"', "é" * 10]
    summary = await run_one_call(tmp_path, 6, lambda query: texts[int(query[-1])])
    assert summary.finished == 6
    said = [text.replace("\ud83d", "\ufffd") for text in texts]  # a reply is UTF-8
    assert [row["output"]["text"] for row in jobs.Run.open(tmp_path).rows()] == said


async def test_a_graph_that_asks_a_person_is_an_error(tmp_path: Path) -> None:
    async def node(value: int) -> object:
        return interrupt("well?")

    summary = await jobs.run(graph_of(node), values(1), None, tmp_path)
    assert summary.outcomes == {Outcome.ERROR: 1}


async def test_a_graph_that_cancels_itself_is_an_error(tmp_path: Path) -> None:
    async def node(value: int) -> object:
        raise asyncio.CancelledError

    summary = await jobs.run(graph_of(node), values(2), None, tmp_path)
    assert summary.outcomes == {Outcome.ERROR: 2}


async def test_retry_does_what_failed_and_only_that(tmp_path: Path) -> None:
    down = True
    heard: list[str] = []

    def say(query: str) -> str:
        heard.append(query)
        if down and query[-1] in "13":
            raise ModelTimeout("late")
        return "" if query.endswith("2") else "fine"

    context = speaking(say)
    summary = await jobs.run(graph, queries(5), context, tmp_path)
    assert summary.outcomes == {Outcome.OK: 2, Outcome.EMPTY: 1, Outcome.TIMEOUT: 2}
    assert (await jobs.run(graph, queries(5), context, tmp_path)).done == 0
    down, before = False, len(heard)
    summary = await jobs.retry(graph, context, tmp_path)
    assert sorted(query[-1] for query in heard[before:]) == ["1", "3"]
    assert summary.outcomes == {Outcome.OK: 4, Outcome.EMPTY: 1}
    assert (summary.asked, summary.done, summary.exit_code) == (5, 2, 0)
    assert len(lines(tmp_path)) == 7
    assert [row["outcome"] for row in jobs.Run.open(tmp_path).rows()] == ["ok", "ok", "empty", "ok", "ok"]
    await jobs.retry(graph, context, tmp_path, outcomes=[Outcome.EMPTY])
    assert len(lines(tmp_path)) == 8


async def test_retry_refuses_other_settings_and_other_folders(tmp_path: Path) -> None:
    await run_one_call(tmp_path / "x", 1, Heard())
    with pytest.raises(ResumeMismatchError, match="graph was 'one_call', is now 'anything'"):
        await jobs.retry(graph_of(same), None, tmp_path / "x")
    with pytest.raises(DataError, match="no such run folder"):
        await jobs.retry(graph, speaking(Heard()), tmp_path / "y")
    assert not (tmp_path / "y").exists()


async def test_the_runs_limit_drains_and_leaves_the_rest_owed(tmp_path: Path) -> None:
    heard = Heard()
    summary = await run_one_call(tmp_path, 30, heard, limits=Limits(calls=12), concurrency=4)
    assert (summary.finished, summary.owed, summary.exit_code) == (12, 18, 3)
    assert summary.stopped == "the run's limit of 12 calls is used up (12 spent)"
    assert {row["outcome"] for row in lines(tmp_path)} == {"ok"}
    again = await run_one_call(tmp_path, 30, heard, limits=Limits(calls=12), concurrency=4)
    assert (again.done, len(heard.queries)) == (0, 12)
    more = await run_one_call(tmp_path, 30, heard, limits=Limits(calls=20), concurrency=4)
    assert (more.finished, len(heard.queries)) == (20, 20)
    assert (await run_one_call(tmp_path, 30, heard)).exit_code == 0


async def test_a_rows_limit_is_the_rows(tmp_path: Path) -> None:
    summary = await run_one_call(tmp_path, 3, Heard(), row_limits=Limits(calls=0))
    assert summary.outcomes == {Outcome.LIMIT: 3}
    assert (summary.owed, summary.exit_code) == (0, 3)
    assert "the row's limit of 0 calls" in lines(tmp_path)[0]["reason"]


async def test_costs_are_told_at_the_limits_prices(tmp_path: Path) -> None:
    summary = await run_one_call(tmp_path, 4, lambda query: "one two", limits=Limits(price_output=500_000))
    assert summary.cost == 4 * 2 * 0.5
    assert jobs.Run.open(tmp_path).summary().cost == summary.cost


async def test_a_model_that_cannot_be_reached_stops_the_job_with_everything_owed(tmp_path: Path) -> None:
    calls = 0

    def say(query: str) -> str:
        nonlocal calls
        calls += 1
        raise ModelUnavailable("nobody there")

    with pytest.raises(ModelUnavailable, match="nobody there"):
        await run_one_call(tmp_path, 100, say, concurrency=4)
    assert UNREACHABLE_IN_A_ROW <= calls <= UNREACHABLE_IN_A_ROW + 4
    assert lines(tmp_path) == []
    assert (await run_one_call(tmp_path, 100, Heard())).finished == 100


async def test_a_few_rows_that_reach_nobody_stop_a_small_job_too(tmp_path: Path) -> None:
    def say(query: str) -> str:
        raise ModelUnavailable("nobody there")

    with pytest.raises(ModelUnavailable):
        await run_one_call(tmp_path, 2, say)
    assert lines(tmp_path) == []


async def test_a_single_unreachable_moment_is_a_row_that_failed(tmp_path: Path) -> None:
    def say(query: str) -> str:
        if int(query.split()[-1]) % 10 == 5:
            raise ModelUnavailable("a moment")
        return "fine"

    summary = await run_one_call(tmp_path, 200, say)
    assert summary.outcomes == {Outcome.OK: 180, Outcome.ERROR: 20}
    assert summary.exit_code == 3


@pytest.mark.parametrize("error", [MissingExtraError("openvino-genai", extra="cpu"), UsageError("no JSON schema")])
async def test_a_setting_that_no_row_can_work_with_stops_the_job(tmp_path: Path, error: UsageError) -> None:
    heard: list[str] = []

    def say(query: str) -> str:
        heard.append(query)
        raise error

    with pytest.raises(type(error), match=error.message):
        await run_one_call(tmp_path, 300, say, concurrency=4)
    assert len(heard) <= 4
    assert lines(tmp_path) == []


async def test_other_settings_are_refused_by_field_and_both_values(tmp_path: Path) -> None:
    class Wording:
        def __init__(self, temperature: float) -> None:
            self.temperature = temperature

        def fingerprint(self) -> dict[str, object]:
            return {"temperature": self.temperature}

    run = graph_of(same)
    await jobs.run(run, values(2), {"solver": Wording(0.0)}, tmp_path / "x")
    before = (tmp_path / "x" / "rows.jsonl").read_bytes()
    with pytest.raises(ResumeMismatchError, match=r"context\.solver\.temperature was 0\.0, is now 0\.7.*--force-new"):
        await jobs.run(run, values(2), {"solver": Wording(0.7)}, tmp_path / "x")
    with pytest.raises(ResumeMismatchError, match=r"samples was 1, is now 2"):
        await jobs.run(run, values(2), {"solver": Wording(0.0)}, tmp_path / "x", samples=2)
    summary = await jobs.run(run, values(2), {"solver": Wording(0.7)}, tmp_path / "x", force_new=True)
    assert summary.done == 2
    assert (tmp_path / "x.old-1" / "rows.jsonl").read_bytes() == before
    assert summary.notes == (f"the run that was there is now {tmp_path / 'x.old-1'}",)
    await jobs.run(run, values(2), None, tmp_path / "x", force_new=True)
    assert (tmp_path / "x.old-2" / "manifest.json").exists()


async def test_starting_over_with_a_bad_row_leaves_the_old_run_in_its_place(tmp_path: Path) -> None:
    await run_one_call(tmp_path / "x", 2, Heard())
    with pytest.raises(DataError):
        await jobs.run(graph, [{}], speaking(Heard()), tmp_path / "x", force_new=True)
    assert len(lines(tmp_path / "x")) == 2


@pytest.mark.parametrize("force_new", [False, True])
async def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, force_new: bool) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"not a run folder: it holds 'thesis\.tex'"):
        await run_one_call(tmp_path, 1, Heard(), force_new=force_new)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


async def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    refused: list[str] = []

    async def node(value: int) -> int:
        for force_new in (False, True):
            with pytest.raises(UsageError) as caught:
                await jobs.run(run, values(1), None, tmp_path, force_new=force_new)
            refused.append(str(caught.value))
        assert jobs.Run.open(tmp_path).active
        return value

    run = graph_of(node)
    await jobs.run(run, values(1), None, tmp_path)
    assert len(refused) == 2
    assert "is being written by process" in refused[0]
    assert not jobs.Run.open(tmp_path).active


async def test_a_changed_package_version_is_told_not_refused(tmp_path: Path) -> None:
    await run_one_call(tmp_path, 1, Heard())
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["attempts"][0]["versions"]["langgraph"] = "0.0.1"
    path.write_text(json.dumps(manifest))
    summary = await run_one_call(tmp_path, 2, Heard())
    assert "langgraph 0.0.1 -> " in summary.notes[0]


LATER = '{"format":2,"graph":"g","samples":1,"fingerprint":{},"attempts":[{"started":""}]}'
NEVER = '{"format":1,"graph":"g","samples":1,"fingerprint":{},"attempts":[]}'


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', LATER, NEVER])
async def test_a_damaged_manifest_is_told(tmp_path: Path, text: str) -> None:
    await run_one_call(tmp_path, 1, Heard())
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json"):
        await run_one_call(tmp_path, 1, Heard())


async def test_a_journal_without_its_manifest_is_not_built_upon(tmp_path: Path) -> None:
    await run_one_call(tmp_path, 1, Heard())
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"not a run folder: manifest\.json"):
        await run_one_call(tmp_path, 1, Heard())


async def test_a_graph_with_a_checkpointer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="checkpointer=False"):
        await jobs.run(graph_of(same, checkpointer=InMemorySaver()), values(1), None, tmp_path / "x")


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"concurrency": 0}])
async def test_arguments_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        await run_one_call(tmp_path / "x", 1, Heard(), **wrong)


async def test_no_more_rows_are_under_way_than_allowed_and_no_more_are_taken(tmp_path: Path) -> None:
    under_way = most = taken = 0

    async def node(value: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        assert taken - value <= 40
        await asyncio.sleep(0)
        under_way -= 1
        return value

    def rows() -> Any:
        nonlocal taken
        for row in values(300):
            taken += 1
            yield row

    await jobs.run(graph_of(node), rows(), None, tmp_path, concurrency=20)
    assert most == 20


async def test_a_throttling_server_gets_fewer_rows_at_a_time(tmp_path: Path) -> None:
    seen: list[int] = []

    async def node(value: int) -> int:
        if value >= 100:
            throttled()
        return value

    await jobs.run(graph_of(node), values(300), None, tmp_path, on_progress=lambda now: seen.append(now.allowed))
    assert seen[-1] == 1


async def test_progress_counts_up_and_ends_with_all(tmp_path: Path) -> None:
    seen: list[jobs.Progress] = []
    await run_one_call(tmp_path, 50, Heard(), on_progress=seen.append)
    assert [now.finished for now in seen] == sorted(now.finished for now in seen)
    assert (seen[-1].finished, seen[-1].asked, seen[-1].in_flight) == (50, 50, 0)
    assert seen[-1].usage["solver"].calls == 50


async def test_a_progress_bar_with_a_bug_ends_the_job_with_it(tmp_path: Path) -> None:
    def broken(now: jobs.Progress) -> None:
        raise ZeroDivisionError("bar")

    with pytest.raises(ZeroDivisionError, match="bar"):
        await run_one_call(tmp_path, 5, Heard(), on_progress=broken)


async def test_cancelling_the_job_keeps_what_finished_and_lets_go_of_the_folder(tmp_path: Path) -> None:
    finished = asyncio.Event()

    async def node(value: int) -> int:
        if value >= 5:
            await asyncio.Event().wait()
        return value

    def tell(now: jobs.Progress) -> None:
        if now.in_flight:
            finished.set()

    job = asyncio.create_task(jobs.run(graph_of(node), values(10), None, tmp_path, on_progress=tell))
    await finished.wait()
    while len(asyncio.all_tasks()) < 5:
        await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert asyncio.all_tasks() == {asyncio.current_task()}
    kept = len(lines(tmp_path))

    summary = await jobs.run(graph_of(same), values(10), None, tmp_path)
    assert (summary.finished, summary.done) == (10, 10 - kept)


async def test_rows_are_flushed_to_the_disk_in_batches_off_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: dict[str, list[int]] = {}
    real = os.fsync

    def fsync(handle: int) -> None:
        name = Path(f"/proc/self/fd/{handle}").readlink().name
        flushed.setdefault(name, []).append(threading.get_ident())
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    await run_one_call(tmp_path / "x", 100, Heard())
    assert 1 <= len(flushed["rows.jsonl"]) <= 50
    assert threading.get_ident() not in flushed["rows.jsonl"]
    assert flushed.keys() >= {"manifest.json.new", "x"}


async def test_a_job_counts_against_the_limits_around_it(tmp_path: Path) -> None:
    with recording(limits=Limits(calls=100)) as around:
        await run_one_call(tmp_path, 7, Heard())
    assert around.usage.calls == 7
    assert around.calls == []


async def test_calls_of_a_run_wait_for_their_turn(tmp_path: Path) -> None:
    """Ten calls at 1,200 a minute: nine gaps of .05 seconds, however slow the machine."""
    summary = await run_one_call(tmp_path, 10, lambda query: query, rates=Rates(rpm=1_200))
    assert summary.outcomes == {"ok": 10}
    assert summary.seconds >= 9 * 0.05
