"""The Ray engine over a stand-in for Ray's package; the `ray` lane has the real one."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dikast import jobs
from dikast.agents.models.limits import Limits
from dikast.agents.models.pace import Rates
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.errors import MissingExtraError, ModelUnavailable, SandboxError, UsageError
from dikast.jobs import job
from dikast.jobs.engines import crew, worker
from dikast.jobs.engines import ray as engine
from tests.jobs.engines import small
from tests.jobs.engines.small import Actor, FakeRay, RayActorError, RayError, rows_of, spread
from tests.jobs.graphs import graph_of, lines, same, values


@pytest.fixture
def ray() -> FakeRay:
    small.asked.clear()
    return FakeRay()


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(crew, "LOOK_SECONDS", 0.001)
    for place in (job, worker):  # two thirds of these tests' time
        monkeypatch.setattr(place, "spare_collector", nullcontext)
    return monkeypatch


def reasons(out: Path) -> dict[int, str]:
    """What rows that did not end well say."""
    return {line["input"]["x"]: line["reason"] for line in lines(out) if line["outcome"] != "ok"}


async def test_rows_are_spread_and_the_journal_is_a_local_runs(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    told: list[jobs.Progress] = []
    patch.setattr(job, "PROGRESS_SECONDS", 0.0)
    summary = await spread(ray, patch, tmp_path / "x", rows_of(40), on_progress=told.append)
    assert [now for now in told if now.usage and 0 < now.usage["solver"].calls < 40]
    here = await jobs.run(small.graph, rows_of(40), small.context(), tmp_path / "local")
    assert summary.outcomes == here.outcomes == {"ok": 40}
    assert summary.usage["solver"].calls == here.usage["solver"].calls == 40
    mine, others = ({line["key"]: line["output"] for line in lines(tmp_path / at)} for at in ("x", "local"))
    assert mine == others
    assert {line["worker"] for line in lines(tmp_path / "x")} == {"host/1", "host/2"}
    assert ray.promised == {"num_cpus": 1.0, "num_gpus": 0.0, "max_restarts": 0, "max_concurrency": 68}
    assert all(actor.dead for actor in ray.actors)
    assert ray.joined == 0


async def test_a_ray_that_the_program_has_joined_is_left_as_it_is(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    ray.joined = 1
    await spread(ray, patch, tmp_path / "x", rows_of(3))
    assert ray.joined == 1


async def test_the_least_busy_worker_is_given_the_next_row(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    async def happens(actor: Actor, row: Any) -> None:
        while actor.number == 1 and len(ray.actors[1].rows) < 26:
            await asyncio.sleep(0.001)

    ray.happens["do"] = happens
    await spread(ray, patch, tmp_path / "x", rows_of(30))
    assert [len(actor.rows) for actor in ray.actors] == [4, 26]


async def test_rows_of_a_dead_worker_are_done_elsewhere_one_by_one(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    alone: list[int] = []

    async def happens(actor: Actor, row: Any) -> None:
        await asyncio.sleep(0.01)
        number = row.input["x"]
        if number == 5 and not any(5 in one.rows for one in ray.actors if one is not actor):
            actor.end()
        if ray.actors[0].dead or ray.actors[1].dead:
            alone.append(number)

    ray.happens["do"] = happens
    summary = await spread(ray, patch, tmp_path / "x", rows_of(30))
    assert (summary.outcomes, summary.owed) == ({"ok": 30}, 0)
    assert len({line["key"] for line in lines(tmp_path / "x")}) == len(lines(tmp_path / "x")) == 30
    assert [note for note in summary.notes if note.startswith("1 worker(s) died; their rows were done again")]
    assert len(ray.actors) == 3


async def test_a_row_that_kills_its_worker_three_times_is_an_error(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    beside: list[int] = []

    async def happens(actor: Actor, row: Any) -> None:
        await asyncio.sleep(0.001)
        if row.input["x"] == 3:
            beside.append(len(actor.worker.running))
            actor.end()

    ray.happens["do"] = happens
    summary = await spread(ray, patch, tmp_path / "x", rows_of(20))
    assert summary.outcomes == {"ok": 19, "error": 1}
    assert reasons(tmp_path / "x") == {3: "its worker died 3 times while it was alone there"}
    assert beside[-3:] == [0, 0, 0]
    assert 4 <= len(ray.actors) <= 7


async def test_a_worker_that_does_not_answer_is_ended(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    patch.setattr(crew, "PING_SECONDS", 0.005)
    patch.setattr(crew, "HANG_SECONDS", 0.05)

    async def stands_still(actor: Actor, *_: Any) -> None:
        if actor.number == 1:
            await asyncio.sleep(60)

    ray.happens |= {"do": stands_still, "ping": stands_still}
    summary = await spread(ray, patch, tmp_path / "x", rows_of(20))
    assert summary.outcomes == {"ok": 20}
    assert "worker host/1 did not answer for 0.05 s and was ended" in summary.notes
    assert ray.actors[0].dead


async def test_workers_that_die_before_they_are_ready_end_the_job(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    ray.stillborn = 6
    with pytest.raises(UsageError, match=r"a worker died 3 times before it was ready: The actor died\."):
        await spread(ray, patch, tmp_path / "x", rows_of(5))
    assert lines(tmp_path / "x") == []
    ended = await spread(ray, patch, tmp_path / "x", rows_of(5))
    assert ended.outcomes == {"ok": 5}


async def test_two_deaths_at_the_start_are_no_reason_to_stop(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    ray.stillborn = 2
    assert (await spread(ray, patch, tmp_path / "x", rows_of(5), engine=jobs.Ray(workers=1))).outcomes == {"ok": 5}
    assert len(ray.actors) == 3


async def test_a_worker_that_finds_another_fingerprint_says_where(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    async def other(actor: Actor) -> None:
        actor.facts.parts["samples"] = 7

    ray.happens["start"] = other
    with pytest.raises(UsageError, match=r"the worker on host: samples is 7 there and 1 here"):
        await spread(ray, patch, tmp_path / "x", rows_of(5))
    assert lines(tmp_path / "x") == []


async def test_a_worker_of_another_version_says_so(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    async def other(actor: Actor) -> None:
        actor.facts.versions["dikast"] = "9"

    ray.happens["start"] = other
    with pytest.raises(UsageError, match=r"the worker on host: has dikast 9, and this is .*install the same version"):
        await spread(ray, patch, tmp_path / "x", rows_of(5))


async def test_a_worker_that_raises_something_of_its_own_ends_the_job(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    async def bug(actor: Actor) -> None:
        error = RayError("ray::Worker.start() (pid=1)\nTraceback")
        vars(error)["cause"] = OSError("no such device")  # as Ray's errors of tasks have it
        raise error

    ray.happens["start"] = bug
    with pytest.raises(UsageError, match="a worker cannot start: OSError: no such device"):
        await spread(ray, patch, tmp_path / "x", rows_of(5))


async def test_a_row_whose_message_ray_refuses_is_an_error(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    async def refuse(actor: Actor, row: Any) -> None:
        if row.input["x"] == 2:
            raise RayError("too large\nmore")

    ray.happens["do"] = refuse
    summary = await spread(ray, patch, tmp_path / "x", rows_of(5))
    assert (summary.outcomes, reasons(tmp_path / "x")) == ({"ok": 4, "error": 1}, {2: "Ray: too large"})


async def test_a_reply_that_was_lost_with_its_node_is_made_again(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    lost: list[int] = []

    async def lose(actor: Actor, row: Any) -> None:
        if row.input["x"] == 2 and not lost:
            lost.append(2)
            raise small.ObjectLostError("its node is gone")

    ray.happens["do"] = lose
    assert (await spread(ray, patch, tmp_path / "x", rows_of(9))).outcomes == {"ok": 9}


@pytest.mark.parametrize("calls", [1, 7, 20])
async def test_a_limit_of_calls_is_exact_over_all_workers(tmp_path: Path, ray: FakeRay, patch: Any, calls: int) -> None:
    summary = await spread(ray, patch, tmp_path / "x", rows_of(30), limits=Limits(calls=calls))
    assert (len(small.asked), summary.done, summary.owed) == (calls, calls, 30 - calls)
    assert f"the run's limit of {calls} calls is used up" in summary.stopped
    ended = await spread(ray, patch, tmp_path / "x", rows_of(30))
    assert (ended.outcomes, len(small.asked)) == ({"ok": 30}, 30)


async def test_what_one_worker_has_not_spent_another_is_granted(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    async def stay(actor: Actor, row: Any) -> None:
        tries = 0
        while actor.number == 1 and len(actor.rows) > 1 and len(small.asked) < 20 and tries < 1000:
            tries += 1
            await asyncio.sleep(0.001)

    ray.happens["do"] = stay
    summary = await spread(ray, patch, tmp_path / "x", rows_of(60), limits=Limits(calls=20))
    assert (len(small.asked), summary.done) == (20, 20)
    assert [line["worker"] for line in lines(tmp_path / "x")].count("host/1") == 1


async def test_what_a_worker_had_not_spent_when_it_died_is_granted_again(
    tmp_path: Path, ray: FakeRay, patch: Any
) -> None:
    """Its death is found by asking it to give back; else others would be told that nothing is left."""

    async def stay(actor: Actor, row: Any) -> None:
        while actor.number == 1 and len(actor.rows) > 1:
            await asyncio.sleep(0.001)

    async def die(actor: Actor) -> None:
        if actor.number == 1:
            actor.end()
            await asyncio.sleep(60)

    ray.happens |= {"do": stay, "give_back": die}
    summary = await spread(ray, patch, tmp_path / "x", rows_of(60), limits=Limits(calls=20))
    assert len(small.asked) == 20
    assert {line["outcome"] for line in lines(tmp_path / "x")} == {"ok"}
    assert summary.stopped.startswith("the run's limit of 20 calls is used up")


async def test_a_limit_of_tokens_holds_but_for_what_is_in_flight(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    whole = await jobs.run(small.graph, rows_of(40), small.context(), tmp_path / "local")
    each = sum(usage.input_tokens + usage.output_tokens for usage in whole.usage.values()) / 40
    limits = Limits(tokens=int(each * 10))
    summary = await spread(ray, patch, tmp_path / "x", rows_of(40), limits=limits, concurrency=1)
    assert 9 <= summary.done <= 13
    assert "tokens is used up" in summary.stopped


async def test_a_cancelled_job_ends_its_workers_and_goes_on_later(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    async def stay(actor: Actor, row: Any) -> None:
        if row.input["x"] >= 4:
            await asyncio.sleep(60)

    ray.happens["do"] = stay
    going = asyncio.create_task(spread(ray, patch, tmp_path / "x", rows_of(40)))
    while not (tmp_path / "x" / "rows.jsonl").exists() or len(lines(tmp_path / "x")) < 4:
        await asyncio.sleep(0.001)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert all(actor.dead for actor in ray.actors)
    ray.happens.clear()
    assert (await spread(ray, patch, tmp_path / "x", rows_of(40))).outcomes == {"ok": 40}


async def test_a_server_that_is_away_ends_the_job_as_it_does_without_ray(
    tmp_path: Path, ray: FakeRay, patch: Any
) -> None:
    away = small.context(solver="server:http://127.0.0.1:1/v1#m?retries=0")
    with pytest.raises(ModelUnavailable, match=r"^the worker on host: .*127\.0\.0\.1:1"):
        await spread(ray, patch, tmp_path / "x", rows_of(5), context=away)
    assert lines(tmp_path / "x") == []


async def test_a_worker_without_a_sandbox_says_on_which_host(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    with pytest.raises(SandboxError, match=r"^the worker on host: no sandbox here"):
        await spread(
            ray,
            patch,
            tmp_path / "x",
            rows_of(5),
            context=small.context(solver="scripted:tests.jobs.engines.small:boxless"),
        )
    assert lines(tmp_path / "x") == []


async def test_workers_without_room_are_told(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    async def waits(actor: Actor) -> None:
        if actor.number == 2:
            await asyncio.sleep(60)

    patch.setattr(crew, "OTHERS_SECONDS", 0.05)
    ray.happens["start"] = waits
    summary = await spread(ray, patch, tmp_path / "x", rows_of(5))
    assert summary.outcomes == {"ok": 5}
    assert "1 of 2 workers never found room in the cluster" in summary.notes


async def test_no_worker_at_all_is_told(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    async def waits(actor: Actor) -> None:
        await asyncio.sleep(60)

    patch.setattr(crew, "START_SECONDS", 0.05)
    patch.setattr(crew, "OTHERS_SECONDS", 0.01)
    ray.happens["start"] = waits
    with pytest.raises(UsageError, match=r"no worker was ready after 0\.05 s"):
        await spread(ray, patch, tmp_path / "x", rows_of(5))


async def test_as_many_workers_as_there_is_room_for(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    ray.resources = {"CPU": 5.0, "GPU": 3.0}
    await spread(ray, patch, tmp_path / "x", rows_of(9), engine=jobs.Ray(worker_cpus=1.5, worker_gpus=0.5))
    assert len(ray.actors) == 3
    with pytest.raises(UsageError, match="the Ray cluster has 5 CPU, 3 GPU in all; a worker is to have 8 CPU"):
        await spread(ray, patch, tmp_path / "y", rows_of(9), engine=jobs.Ray(worker_cpus=8))


@dataclass
class Plain:
    value: int = 0


def unnamed(request: Request) -> str:
    return "x"


async def test_what_no_worker_could_make_is_refused_before_any_starts(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    nameless = small.context(solver=load_solver(ScriptedModel(unnamed)))
    with pytest.raises(UsageError, match=r"context\.solver is a Python object without a spec"):
        await spread(ray, patch, tmp_path / "a", rows_of(1), context=nameless)
    with pytest.raises(UsageError, match="a context of type Plain cannot go to a Ray worker"):
        await spread(ray, patch, tmp_path / "b", rows_of(1), context=Plain())
    with pytest.raises(UsageError, match=r"the graph 'anything' stands in no module.*Ray\(graph='module:name'\)"):
        await spread(ray, patch, tmp_path / "c", values(1), graph=graph_of(same), context=None)
    assert ray.actors == []


async def test_the_place_of_a_graph_may_be_said(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    copied = small.build().compile(checkpointer=False, name="small")
    there = jobs.Ray(workers=1, graph="tests.jobs.engines.small:graph")
    assert (await spread(ray, patch, tmp_path / "x", rows_of(3), graph=copied, engine=there)).outcomes == {"ok": 3}


async def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(engine, "import_module", absent)
    monkeypatch.delenv(engine.HUSH, raising=False)
    with pytest.raises(MissingExtraError) as refused:
        await jobs.run(small.graph, rows_of(1), small.context(), tmp_path / "x", engine=jobs.Ray())
    assert str(refused.value) == "ray is not installed (pip install 'dikast[ray]')"
    assert engine.HUSH not in engine.os.environ
    assert engine.os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


async def test_a_cluster_that_cannot_be_joined_is_told(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    def refuse(**given: Any) -> None:
        assert given["address"] == "auto"
        raise ConnectionError("Could not find any running Ray instance.\nmore")

    patch.setattr(ray, "init", refuse)
    with pytest.raises(UsageError, match="no Ray cluster at auto: Could not find any running Ray instance"):
        await spread(ray, patch, tmp_path / "x", rows_of(1), engine=jobs.Ray("auto"))


@pytest.mark.parametrize("address", ["ray://127.0.0.1:{}", "127.0.0.1:{}"])
async def test_an_address_where_nobody_listens_is_told_at_once(
    tmp_path: Path, ray: FakeRay, patch: Any, address: str
) -> None:
    """Ray 2.60 waits for longer than ten minutes, deaf to signals."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert (await spread(ray, patch, tmp_path / "x", rows_of(1), engine=jobs.Ray(address.format(port)))).owed == 0
    with pytest.raises(UsageError, match=f"no Ray cluster at {address.format(port)}: .*refused"):
        await spread(ray, patch, tmp_path / "y", rows_of(1), engine=jobs.Ray(address.format(port)))


def test_what_the_stand_in_raises_is_what_ray_does() -> None:
    assert issubclass(RayActorError, RayError)
    assert {name for name in crew.LOST} <= vars(small).keys()


@pytest.mark.parametrize("message", ["do", "ping", "wants"])
async def test_a_cluster_that_goes_ends_the_job_and_rows_stay_owed(
    tmp_path: Path, ray: FakeRay, patch: Any, message: str
) -> None:
    patch.setattr(crew, "PING_SECONDS", 0.001)

    async def lose(actor: Actor, *_: Any) -> None:
        raise ConnectionError("Ray client has been disconnected")

    ray.happens[message] = lose
    slow = small.context(wait=0.05)
    with pytest.raises(UsageError, match="the Ray cluster is gone: Ray client has been disconnected"):
        await spread(ray, patch, tmp_path / "x", rows_of(50), limits=Limits(calls=60), context=slow)
    assert not [line for line in lines(tmp_path / "x") if line["outcome"] != "ok"]
    assert all(actor.dead for actor in ray.actors)


async def test_an_interrupted_start_does_not_wait_for_workers(tmp_path: Path, ray: FakeRay, patch: Any) -> None:
    import signal

    async def waits(actor: Actor) -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    ray.happens["start"] = waits
    summary = await asyncio.wait_for(spread(ray, patch, tmp_path / "x", rows_of(5)), 10)
    assert (summary.stopped, summary.exit_code, summary.owed) == ("interrupted", 130, 5)
    assert json.loads((tmp_path / "x" / "manifest.json").read_text())["attempts"][0]["stopped"] == "interrupted"


def test_a_graph_of_the_program_itself_is_found_in_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """multiprocessing gives the program a second name, under which no worker has it."""
    made = graph_of(same)
    for name in ("__mp_main__", "somebodys_graphs"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        vars(sys.modules[name])["graph"] = made
    assert engine.reference_of(made) == "somebodys_graphs:graph"


async def test_each_worker_has_its_share_of_what_may_be_spent_a_minute(
    tmp_path: Path, ray: FakeRay, patch: Any
) -> None:
    await spread(ray, patch, tmp_path / "x", rows_of(4), rates=Rates(rpm=60_000, tpm=8_000_000))
    assert [actor.worker.order.rates for actor in ray.actors] == [Rates(rpm=30_000, tpm=4_000_000)] * 2
