from __future__ import annotations

import asyncio
import json
import os
import pickle
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from dikast import errors
from dikast.agents.models.limits import Limits
from dikast.errors import DikastError
from dikast.jobs.engines import worker as worker_module
from dikast.jobs.engines.worker import Order, Worker
from dikast.jobs.fingerprint import fingerprint
from dikast.jobs.keys import Row
from dikast.records import Outcome
from tests.jobs.engines import small

GRAPH, KIND = "tests.jobs.engines.small:graph", "tests.jobs.engines.small:Context"
NO_CALL = Limits(calls=0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "spare_collector", nullcontext)


def order(allowed: Limits | None = None, **fields: Any) -> Order:
    values = small.context().model_dump_json()
    made = Order(GRAPH, KIND, values, 1, None, 2, allowed or Limits(), cache="", rows=4)
    return replace(made, **fields)


def row(number: int) -> Row:
    return Row(key=f"k{number}", number=number, ordinal=0, sample=0, input={"x": number})


@asynccontextmanager
async def working(given: Order) -> AsyncGenerator[Worker]:
    worker = Worker(given)
    facts = await worker.start()
    assert facts.error is None
    try:
        yield worker
    finally:
        await worker.stack.aclose()


async def test_a_row_is_done_as_in_the_jobs_own_process() -> None:
    async with working(order()) as worker:
        told = await worker.do(row(7))
        await worker.ping()
        assert await worker.close() == (replace(told.spent, number=told.spent.number + 1), [])
    line = json.loads(told.line)
    assert (told.outcome, line["output"]["text"], line["attempt"], line["worker"]) == (Outcome.OK, "77", 2, worker.name)
    assert (told.spent.usage.calls, told.throttled, told.limited, told.fatal) == (1, False, False, None)
    assert worker.name.endswith(f"/{os.getpid()}")


async def test_its_fingerprint_is_the_jobs() -> None:
    async with working(order(samples=3)) as worker:
        facts = await worker.start()
    assert facts.parts == fingerprint("small", small.context(), 3)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"graph": "no_such_module:graph"},
            "no_such_module:graph cannot be imported: No module named",
        ),
        ({"graph": "tests.jobs.engines.small:none"}, "has no attribute 'none'"),
        ({"values": '{"solver": "scripted:nowhere.at_all:none"}'}, "cannot import 'nowhere.at_all'"),
        ({"values": '{"solver": "scripted:tests.jobs.engines.small:twice", "wait": "x"}'}, "the context's wait cannot"),
    ],
)
async def test_what_cannot_be_made_is_said_and_not_raised(given: Any, told: str) -> None:
    facts = await Worker(order(**given)).start()
    assert facts.error is not None
    assert told in str(facts.error)


async def test_a_row_that_nobody_waits_for_is_cancelled() -> None:
    slow = small.context(wait=60.0).model_dump_json()
    async with working(order(values=slow)) as worker:
        doing = asyncio.create_task(worker.do(row(1)))
        await asyncio.sleep(0)
        worker.drop("k1")
        worker.drop("another")
        with pytest.raises(asyncio.CancelledError):
            await doing


async def test_closing_ends_rows_and_tells_what_they_spent() -> None:
    slow = small.context(wait=60.0).model_dump_json()
    async with working(order(values=slow)) as worker:
        doing = asyncio.create_task(worker.do(row(1)))
        await asyncio.sleep(0.01)
        spent, notes = await asyncio.wait_for(worker.close(), 5)
        assert (spent.begun, notes) == (0, [])
        with pytest.raises(asyncio.CancelledError):
            await doing


async def test_a_call_waits_for_a_slice_and_ends_its_row_where_nothing_is_left() -> None:
    async with working(order(NO_CALL)) as worker:
        first, second = (asyncio.create_task(worker.do(row(number))) for number in (1, 2))
        assert (await worker.wants()).begun == 0
        assert not first.done()
        worker.grant(Limits(calls=1))
        done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
        (one,) = done
        assert one.result().outcome is Outcome.OK
        assert (await worker.wants()).begun == 1
        worker.grant(None)
        ended = [await first, await second]
    assert {told.outcome for told in ended} == {Outcome.OK, Outcome.LIMIT}
    assert [told.limited for told in ended] == [told.outcome is Outcome.LIMIT for told in ended]


async def test_what_was_given_back_is_not_spent() -> None:
    async with working(order(NO_CALL)) as worker:
        worker.grant(Limits(calls=5))
        await worker.do(row(1))
        assert worker.give_back().begun == 1
        doing = asyncio.create_task(worker.do(row(2)))
        assert (await asyncio.wait_for(worker.wants(), 5)).begun == 1
        assert not doing.done()
        worker.grant(Limits(calls=2))
        assert (await doing).outcome is Outcome.OK


async def test_a_rows_own_limit_waits_for_nothing() -> None:
    async with working(order(Limits(calls=9), row_limits=NO_CALL)) as worker:
        told = await asyncio.wait_for(worker.do(row(1)), 5)
    assert (told.outcome, told.limited) == (Outcome.LIMIT, True)
    assert "the row's limit of 0 calls" in json.loads(told.line)["reason"]


async def test_a_row_whose_own_client_met_the_limit_is_done_again_with_the_next_slice() -> None:
    """Calls past `ask` cannot wait: LangChain's callbacks only raise."""
    async with working(order(NO_CALL, graph="tests.jobs.engines.small:foreign", context="", values="")) as worker:
        doing = asyncio.create_task(worker.do(row(3)))
        await asyncio.wait_for(worker.wants(), 5)
        worker.grant(Limits(calls=1))
        told = await asyncio.wait_for(doing, 5)
    assert (told.outcome, json.loads(told.line)["output"]["text"]) == (Outcome.OK, "33")
    assert told.spent.begun == 1


async def test_relative_paths_are_the_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())  # put back at the end
    async with working(order(folder=str(tmp_path))):
        assert Path.cwd() == tmp_path
    async with working(order(folder=str(tmp_path / "only there"))):
        assert Path.cwd() == tmp_path


def kinds(kind: type[DikastError] = DikastError) -> list[type[DikastError]]:
    return [
        kind,
        *(one for below in kind.__subclasses__() for one in kinds(below) if one.__module__ == errors.__name__),
    ]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_errors_travel_whole(kind: Any) -> None:
    more = {"hint"} & set(signature(kind.__init__).parameters)
    error = kind("what\nis wrong", **dict.fromkeys(more, "so"))
    there = pickle.loads(pickle.dumps(error))
    assert (type(there), str(there), there.hint, vars(there)) == (kind, str(error), error.hint, vars(error))


async def test_an_error_that_ends_the_job_travels() -> None:
    missing = json.dumps({"solver": "server:http://127.0.0.1:1/v1#m?retries=0"})
    async with working(order(values=missing)) as worker:
        told = pickle.loads(pickle.dumps(await worker.do(row(1))))
    assert isinstance(told.fatal, errors.ModelUnavailable)
    assert told.fatal.exit_code == 4


async def test_what_is_redacted_leaves_no_worker() -> None:
    async with working(order(redact="tests.jobs.engines.small:hide")) as worker:
        facts = await worker.start()
        told = await worker.do(row(7))
    line = json.loads(told.line)
    assert (line["output"]["text"], line["calls"][0]["reply"]) == ("[gone]", "[gone]")
    assert facts.parts["redact"]["function"] == "tests.jobs.engines.small:hide"
