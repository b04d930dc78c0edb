"""`vllm:` without vLLM: specs, fingerprints, and the engine's life, over a stand-in for the library."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any

import pytest

from dikast.agents.models.load import load_model
from dikast.agents.models.request import Message, Reply, Request, Sampling
from dikast.agents.models.vllm import engine as vllm_engine
from dikast.agents.models.vllm import guard as vllm_guard
from dikast.agents.models.vllm import model as vllm_module
from dikast.agents.models.vllm.ask import Ask
from dikast.agents.models.vllm.engine import Engine, Key
from dikast.agents.models.vllm.model import VllmModel
from dikast.agents.models.weights import digest_of
from dikast.errors import MissingExtraError, ModelTimeout, ModelUnavailable, UsageError

REQUEST = Request((Message(role="user", content="Say one."),), Sampling(max_tokens=4))
SLOW = Request((Message(role="user", content="slow"),), Sampling(max_tokens=4))
FATAL = Request((Message(role="user", content="die"),), Sampling(max_tokens=4))


class StandIn:
    """What `vllm_requests.Asker` is to an engine."""

    opened: list[StandIn]
    opening = Event()
    wrong: BaseException | None = None

    def __init__(self, model: str, arguments: dict[str, str], lora: bool) -> None:
        self.model, self.arguments, self.lora = model, arguments, lora
        self.unfinished = 0
        self.end = Event()

    @classmethod
    def open(cls, model: str, arguments: dict[str, str], *, lora: bool) -> StandIn:
        assert cls.opening.wait(10)
        if cls.wrong is not None:
            raise cls.wrong
        cls.opened.append(cls(model, arguments, lora))
        return cls.opened[-1]

    async def ask(self, ask: Ask) -> list[Reply]:
        self.unfinished += 1
        try:
            if ask.request == SLOW:
                await asyncio.Event().wait()
            if ask.request == FATAL:
                raise ModelUnavailable("vllm: the engine died")
            return [Reply(ask.request.messages[-1]["content"], "stop", 3, 1)]
        finally:
            self.unfinished -= 1

    @property
    def ended(self) -> bool:
        return self.end.is_set()

    def shutdown(self) -> None:
        self.end.set()


def found(name: str) -> str:
    return name


def not_found(name: str) -> None:
    return None


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[StandIn]]:
    """A library in which engines open at once, all ended afterwards."""
    module = ModuleType("dikast.agents.models.vllm.requests")
    setattr(module, "Asker", StandIn)  # noqa: B010 # a module made here has no such name for the type checker
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(vllm_module, "find_spec", found)
    monkeypatch.setattr(vllm_engine, "guard", lambda: None)
    monkeypatch.setattr(StandIn, "opened", [], raising=False)
    StandIn.opening.set()
    yield StandIn
    StandIn.opening.set()
    for engine in list(vllm_engine._engines.values()):
        engine.close()
    # One that died is ended by its own thread, which may be a moment behind.
    for opened in StandIn.opened:
        assert opened.end.wait(10)


def load(spec: str) -> VllmModel:
    model = load_model(spec)
    assert isinstance(model, VllmModel)
    return model


def test_missing_library_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_module, "find_spec", not_found)
    with pytest.raises(MissingExtraError, match=r"dikast\[vllm\]"):
        load_model("vllm:ORG/MODEL")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("priority=high", "'priority' must be a whole number"),
        ("timeout=-1", "'timeout' must be a number above 0"),
        ("template=[1]", "'template' must be a JSON object"),
        ("lora=name", "must be NAME=FOLDER"),
        ("lora=name=/no/such/folder", "must be NAME=FOLDER"),
        ("temperature=hot", "'temperature'"),
    ],
)
def test_wrong_option_is_told_when_the_spec_is_read(library: type[StandIn], option: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_model(f"vllm:ORG/MODEL?{option}")


async def test_arguments_reach_the_engine_with_underscores(library: type[StandIn]) -> None:
    model = load("vllm:ORG/MODEL?tensor-parallel-size=2&temperature=1&seed=3&priority=-1")
    assert (await model.complete(REQUEST))[0].text == "Say one."
    [opened] = library.opened
    assert (opened.model, opened.arguments) == ("ORG/MODEL", {"tensor_parallel_size": "2"})
    assert model.sampling.seed == 3
    assert model.priority == -1


def test_fingerprint_is_of_what_changes_replies() -> None:
    def told(**fields: Any) -> dict[str, object]:
        return VllmModel(spec="vllm:M", model="ORG/MODEL", **fields).fingerprint()

    plain = told(arguments={"dtype": "float32"})
    assert told(arguments={"dtype": "float32", "max_num_seqs": "8"}, timeout=1.0, priority=3) == plain
    assert told(arguments={"dtype": "bfloat16"}) != plain
    assert told(arguments={"dtype": "float32"}, template={"enable_thinking": False}) != plain
    assert told(arguments={"dtype": "float32"}, sampling=Sampling(temperature=1.0)) != plain


def test_fingerprint_of_a_folder_is_of_its_files_and_names_no_place(tmp_path: Path) -> None:
    prints: list[dict[str, object]] = []
    for place, weights in (("a", b"1" * 3_000_000), ("b", b"1" * 3_000_000), ("c", b"1" * 2_999_999 + b"2")):
        folder = tmp_path / place / "model"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(weights)
        prints.append(VllmModel(spec="vllm:M", model=str(folder)).fingerprint())
    assert prints[0] == prints[1] != prints[2]
    assert str(tmp_path) not in repr(prints)
    (tmp_path / "a" / "model" / "config.json").write_text("{}")
    assert digest_of(tmp_path / "a" / "model") != digest_of(tmp_path / "b" / "model")


async def test_equal_models_share_an_engine_until_the_last_lets_go(library: type[StandIn]) -> None:
    one, other = load("vllm:M?dtype=half&seed=1&block_size=16"), load("vllm:M?block_size=16&dtype=half&priority=2")
    third = load("vllm:M?dtype=float32")
    for model in (one, other, third):
        await model.complete(REQUEST)
    shared, alone = library.opened
    await one.aclose()
    assert not shared.ended
    await other.aclose()
    assert shared.ended
    assert not alone.ended
    assert (await one.complete(REQUEST))[0].text
    assert len(library.opened) == 3


def test_an_engine_serves_one_event_loop_after_another(library: type[StandIn]) -> None:
    model = load("vllm:M")
    for _ in range(2):
        assert asyncio.run(model.complete(REQUEST))[0].text == "Say one."
    assert len(library.opened) == 1


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_cancelling_a_caller_ends_its_request_alone(library: type[StandIn]) -> None:
    model = load("vllm:M")
    doomed, other = (asyncio.create_task(model.complete(SLOW)) for _ in range(2))
    await until(lambda: model.held == 2)
    doomed.cancel()
    await until(lambda: model.held == 1)
    with pytest.raises(asyncio.CancelledError):
        await doomed
    assert not other.done()
    other.cancel()
    await asyncio.wait([other])


async def test_who_gives_up_while_it_opens_does_not_stop_the_opening(library: type[StandIn]) -> None:
    library.opening.clear()
    model = load("vllm:M")
    impatient, patient = (asyncio.create_task(model.complete(REQUEST)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    library.opening.set()
    assert (await patient)[0].text == "Say one."


async def test_timeout_of_the_spec_is_a_model_timeout(library: type[StandIn]) -> None:
    model = load("vllm:M?timeout=0.01")
    with pytest.raises(ModelTimeout, match=r"within 0\.01 s"):
        await model.complete(SLOW)
    assert model.held == 0


async def test_callers_own_timeout_stays_a_timeout(library: type[StandIn]) -> None:
    model = load("vllm:M")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await model.complete(SLOW)
    await until(lambda: model.held == 0)


async def test_closing_ends_what_is_in_flight_as_an_error(library: type[StandIn]) -> None:
    model = load("vllm:M")
    waiting = asyncio.create_task(model.complete(SLOW))
    await until(lambda: model.held == 1)
    await model.aclose()
    with pytest.raises(ModelUnavailable, match="was closed"):
        await waiting


async def test_dead_engine_is_told_to_its_only_caller(library: type[StandIn]) -> None:
    with pytest.raises(ModelUnavailable):
        await asyncio.wait_for(load("vllm:M").complete(FATAL), 10)


async def test_dead_engine_is_left_for_a_new_one(library: type[StandIn]) -> None:
    model = load("vllm:M")
    beside = asyncio.create_task(model.complete(SLOW))
    await until(lambda: model.held == 1)
    with pytest.raises(ModelUnavailable):
        await model.complete(FATAL)
    with pytest.raises(ModelUnavailable):
        await asyncio.wait_for(beside, 10)
    assert (await model.complete(REQUEST))[0].text == "Say one."
    assert len(library.opened) == 2
    assert library.opened[0].ended


@pytest.mark.parametrize("wrong", [UsageError("no engine argument is called 'x'"), ValueError("no GPU"), SystemExit(1)])
async def test_engine_that_cannot_open_is_told_to_each_caller(
    library: type[StandIn], monkeypatch: pytest.MonkeyPatch, wrong: BaseException
) -> None:
    monkeypatch.setattr(StandIn, "wrong", wrong)
    model = load("vllm:M")
    ended = await asyncio.gather(*(model.complete(REQUEST) for _ in range(3)), return_exceptions=True)
    kind = UsageError if isinstance(wrong, UsageError) else ModelUnavailable
    assert [type(end) for end in ended] == [kind] * 3
    monkeypatch.setattr(StandIn, "wrong", None)
    assert (await model.complete(REQUEST))[0].text == "Say one."


async def test_adapter_needs_an_engine_opened_for_one(library: type[StandIn], tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    base, adapted = load("vllm:M"), load(f"vllm:M?lora=mine={tmp_path}")
    await base.complete(REQUEST)
    with pytest.raises(UsageError, match="enable_lora=true"):
        await adapted.complete(REQUEST)
    await base.aclose()
    await adapted.aclose()
    assert (await adapted.complete(REQUEST))[0].text
    assert (await base.complete(REQUEST))[0].text
    assert [opened.lora for opened in library.opened] == [False, True]


async def test_asking_a_closed_engine_is_told(library: type[StandIn]) -> None:
    engine = Engine(Key.of("M", {}))
    await engine.ask(Ask(REQUEST))
    await engine.aclose()
    with pytest.raises(ModelUnavailable, match="was closed"):
        await engine.ask(Ask(REQUEST))


def test_guard_ends_what_a_killed_parent_leaves() -> None:
    """A parent with a marked child and a guard is killed; the child goes, a process without the mark stays."""
    mark = f"DIKAST_TEST_MARK={os.getpid()}"
    script = f"""
import os, subprocess, sys, time
forever = [sys.executable, "-c", "import time; time.sleep(600)"]
marked = subprocess.Popen(forever, env=os.environ | {{"DIKAST_TEST_MARK": "{os.getpid()}"}}, start_new_session=True)
other = subprocess.Popen(forever, start_new_session=True)
command = [sys.executable, "-I", "-S", {vllm_guard.__file__!r}, str(os.getpid()), "{mark}"]
guard = subprocess.Popen(command, start_new_session=True)
print(marked.pid, other.pid, guard.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    marked, other, guard = map(int, parent.stdout.readline().split())
    try:
        assert vllm_guard.marked(mark) == [marked]
        parent.kill()
        parent.wait()
        assert ends(marked)
        assert ends(guard)
        assert not ends(other, seconds=0)
    finally:
        os.kill(other, signal.SIGKILL)
        parent.stdout.close()


def ends(process: int, seconds: float = 20) -> bool:
    """Whether a process, which is not a child of ours, ends in time."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)
