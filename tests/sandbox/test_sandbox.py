from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dikast.errors import SandboxError, UsageError
from dikast.sandbox import ErrorClass, Policy, Sandbox, Status, Table, Tier, cgroup, launch, selftest
from dikast.sandbox.worker import Worker, WorkerLost

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).resolve().parents[2]
FRAME = pd.DataFrame({"name": ["a", "b", None], "x": [1, 2, 3]})


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ("answer = int(df['x'].sum())", 6),
        ("df['x'].max()", 3),
        ("answer = 1\nanswer + 1", 1),
        ("df[df['x'] > 1]['name']", ["b", None]),
        ("df", [["a", 1], ["b", 2], [None, 3]]),
        ("answer = [num('1,234'), str(date('1999').date()), norm(' A ')]", [1234.0, "1999-01-01", "a"]),
        ("df.loc[0, 'x'] = 9\ndf['x'].tolist()", [9, 2, 3]),
        ("df.query('x > 1').shape[0]", 2),
        ("df.to_string(index=False).split()[0]", "name"),
        ("df.describe().shape[0]", 8),
        ("import datetime\ndatetime.datetime.strptime('3 May 2001', '%d %B %Y').month", 5),
        ("str(pd.Timestamp('2001-01-01 12:00', tz='UTC').time())", "12:00:00"),
        ("print('noise')\nanswer = 5", 5),
        ("np.random.rand() == 0.5488135039273248", True),
        ("import random\nrandom.random() == 0.8444218515250481", True),
    ],
)
async def test_an_honest_program_gets_its_answer(box: Sandbox, program: str, answer: Any) -> None:
    result = await box.run(program, table=FRAME)
    assert (result.status, result.answer) == (Status.OK, answer)
    assert 0 < result.cpu_s < box.policy.cpu_s
    assert result.cpu_s < 2 * result.wall_s < 2 * box.policy.wall_s


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("answer = df[df['x'] > 5]", Status.EMPTY),
        ("answer = None", Status.EMPTY),
        ("x = 1", Status.NO_ANSWER),
        ("", Status.NO_ANSWER),
        ("print(5)", Status.NO_ANSWER),
        ("answer = object()", Status.BAD_ANSWER),
        ("answer = float('inf')", Status.BAD_ANSWER),
        ("answer = [[[[[[[[[[1]]]]]]]]]]", Status.BAD_ANSWER),
        ("answer = [0] * 12_000", Status.BAD_ANSWER),
        ("answer = 'x' * 70_000", Status.OUTPUT),
        ("np.ones(1 << 30)", Status.MEMORY),
        ("x = 'x' * (1 << 29)", Status.MEMORY),
        ("import ctypes\nctypes.string_at(0)", Status.CRASH),
        ("import os\nos._exit(3)", Status.CRASH),
        ("import os\nos._exit(0)", Status.CRASH),
        ("#" * 70_000, Status.REFUSED),
    ],
)
async def test_every_other_end_has_its_status(box: Sandbox, program: str, status: Status) -> None:
    result = await box.run(program, table=FRAME)
    assert result.status is status
    assert result.answer in (None, [])
    assert (await box.run("answer = 1")).answer == 1


@pytest.mark.parametrize(
    ("program", "error", "line"),
    [
        ("x = 1\ndf['no']", ErrorClass.KEY, 2),
        ("def f():\n    1 / 0\nf()", ErrorClass.ZERO_DIVISION, 2),
        ("answer = (", ErrorClass.SYNTAX, 1),
        ("import scipy", ErrorClass.IMPORT, 1),
        ("open('/etc/passwd')", ErrorClass.OS, 1),
        ("answer = nothing", ErrorClass.NAME, 1),
        ("raise type('Secret42', (Exception,), {})", ErrorClass.OTHER, 1),
        ("raise type('Secret42', (KeyError,), {})", ErrorClass.KEY, 1),
        ("def f(): f()\nf()", ErrorClass.RECURSION, 1),
        ("a\0b", ErrorClass.SYNTAX, None),
        ("'\ud800' and 1 / 0", ErrorClass.VALUE, None),
    ],
)
async def test_an_error_is_a_class_and_a_line_and_no_text(
    box: Sandbox, program: str, error: ErrorClass, line: int | None
) -> None:
    result = await box.run(program, table=FRAME)
    assert (result.status, result.error, result.line) == (Status.ERROR, error, line)
    assert "Secret42" not in repr(result)


async def test_inputs_are_names_inside_and_stay_there(box: Sandbox) -> None:
    result = await box.run("answer = prev[0] + df['x'].sum()", table=FRAME, inputs={"prev": [10]})
    assert result.answer == 16
    assert (await box.run("answer = prev")).error is ErrorClass.NAME


@pytest.mark.parametrize(
    "inputs", [{"a b": 1}, {"for": 1}, {"x": float("nan")}, {"x": object()}], ids=["name", "keyword", "nan", "object"]
)
async def test_inputs_that_cannot_be_are_refused(box: Sandbox, inputs: Any) -> None:
    with pytest.raises(UsageError):
        await box.run("1", inputs=inputs)


async def test_a_program_leaves_nothing_behind(box: Sandbox) -> None:
    await box.run("import builtins\npd.Series.sum = None\nbuiltins.len = None\nnp.random.seed(5)", table=FRAME)
    result = await box.run(
        "answer = [int(df['x'].sum()), len(df), np.random.rand() == 0.5488135039273248]", table=FRAME
    )
    assert result.answer == [6, 3, True]


async def test_a_shared_table_is_the_same_for_all_and_stays_as_it_is(box: Sandbox) -> None:
    with Table.of(FRAME) as table:
        before = os.pread(table.descriptor, table.size, 0)
        programs = [f"df['x'] = df['x'] * {i}\nanswer = int(df['x'].sum())" for i in range(20)]
        results = await asyncio.gather(*(box.run(program, table=table) for program in programs))
        assert [result.answer for result in results] == [6 * i for i in range(20)]
        assert os.pread(table.descriptor, table.size, 0) == before


async def test_a_table_closed_while_its_program_waits_is_an_error(box: Sandbox) -> None:
    """The number of a closed descriptor is soon that of another file, which the program must not get."""
    lost = box.lost
    table = Table.of(FRAME)
    games = [asyncio.create_task(box.run("import time\ntime.sleep(0.2)", table=FRAME)) for _ in range(4)]
    late = asyncio.create_task(box.run("len(df)", table=table))
    await _busy(box)
    table.close()
    secret = Table.of(pd.DataFrame({"secret": [1] * 5}))
    with pytest.raises(UsageError, match="this table is closed"):
        await late
    secret.close()
    assert all(result.status is Status.NO_ANSWER for result in await asyncio.gather(*games))
    assert (await box.run("1")).answer == 1
    assert box.lost == lost


async def test_time_is_measured_from_outside_and_processor_time_by_the_kernel(box: Sandbox) -> None:
    async with Sandbox(Policy(tier=box.tier, wall_s=2.0, cpu_s=1, workers=2)) as hasty:
        asleep, busy = await asyncio.gather(hasty.run("import time\ntime.sleep(60)"), hasty.run("while True: pass"))
        assert asleep.status is busy.status is Status.TIMEOUT
        assert 2.0 <= asleep.wall_s < 5
        assert asleep.cpu_s < 1
        assert busy.cpu_s < 2.5
        assert (await hasty.run("1")).answer == 1
        assert hasty.lost == 0


async def test_no_more_programs_run_at_once_than_the_policy_says(box: Sandbox) -> None:
    begun = time.monotonic()
    await asyncio.gather(*(box.run("import time\ntime.sleep(0.2)\n1") for _ in range(3 * box.policy.concurrency)))
    assert time.monotonic() - begun >= 0.6


async def test_a_killed_zygote_costs_nobody_an_answer(box: Sandbox) -> None:
    lost = box.lost
    games = [asyncio.create_task(box.run(f"import time\ntime.sleep(0.3)\n{i}")) for i in range(6)]
    for worker in await _busy(box):
        await _child_of(worker.zygote_pid)
        os.kill(worker.zygote_pid, signal.SIGKILL)
    assert [(await game).answer for game in games] == list(range(6))
    assert box.lost > lost


async def test_bubblewrap_killed_while_it_runs_costs_nobody_an_answer(box: Sandbox) -> None:
    game = asyncio.create_task(box.run("import time\ntime.sleep(0.3)\n5"))
    (worker,) = await _busy(box)
    await _child_of(worker.zygote_pid)
    worker._process.kill()
    assert (await game).answer == 5


async def test_zygotes_killed_while_idle_are_replaced(box: Sandbox) -> None:
    await asyncio.gather(*(box.run("1") for _ in range(4)))
    for worker in box._idle[False]:
        worker._process.kill()
        worker._process.wait()
    assert len(box._idle[False]) == box.policy.concurrency
    assert (await box.run("5")).answer == 5
    results = await asyncio.gather(*(box.run(str(i)) for i in range(4)))
    assert [result.answer for result in results] == [0, 1, 2, 3]


async def test_a_zygote_that_stops_is_given_up(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dikast.sandbox.worker._PROTOCOL_S", 0.5)
    await box.run("1")
    lost = box.lost
    os.kill(box._idle[False][-1].zygote_pid, signal.SIGSTOP)
    assert (await box.run("1")).answer == 1
    assert box.lost == lost + 1


async def test_a_cancelled_program_is_killed_and_its_place_is_free(box: Sandbox) -> None:
    game = asyncio.create_task(box.run("while True: pass"))
    (worker,) = await _busy(box)
    await _cancel(game)
    assert worker._process.poll() is not None
    results = await asyncio.gather(*(box.run(str(i)) for i in range(box.policy.concurrency)))
    assert [result.answer for result in results] == list(range(box.policy.concurrency))


async def test_a_program_dies_with_its_zygote(box: Sandbox) -> None:
    game = asyncio.create_task(box.run("import time\ntime.sleep(60)"))
    (worker,) = await _busy(box)
    pidfd = os.pidfd_open(await _child_of(worker.zygote_pid))
    os.kill(worker.zygote_pid, signal.SIGKILL)
    try:
        await asyncio.wait_for(_ended(pidfd), 10)
    finally:
        os.close(pidfd)
        await _cancel(game)


async def test_what_the_kernel_says_of_a_running_program(box: Sandbox) -> None:
    """Seen from outside: filtered, without privileges or a way to them, in namespaces of its own under bubblewrap."""
    game = asyncio.create_task(box.run("import time\ntime.sleep(60)"))
    (worker,) = await _busy(box)
    process = Path(f"/proc/{await _child_of(worker.zygote_pid)}")
    while "Seccomp:\t2" not in (status := (process / "status").read_text()):
        await asyncio.sleep(0.01)
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert told["NoNewPrivs"] == "1"
    assert told["Threads"] == "1"
    assert {int(told[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    if box.tier is Tier.LANDLOCK:
        assert "0" not in told["Uid"].split()
    limits = {line[:25].strip(): line[25:].split() for line in (process / "limits").read_text().splitlines()}
    for name in ("Max open files", "Max file size", "Max processes", "Max core file size", "Max locked memory"):
        assert limits[name][:2] == ["0", "0"], name
    assert limits["Max cpu time"][:2] == [str(box.policy.cpu_s), str(box.policy.cpu_s + 1)]
    for name in ("Max address space", "Max data size"):
        assert box.policy.memory_bytes < int(limits[name][1]) < box.policy.memory_bytes + (1 << 30), name
    if os.getuid() == 0:
        assert list((process / "fd").iterdir()) == []
        for kind in ("user", "pid", "net", "ipc", "uts", "mnt"):
            own_space = (process / "ns" / kind).readlink() != Path(f"/proc/self/ns/{kind}").readlink()
            assert own_space == (box.tier is Tier.BWRAP), kind
    await _cancel(game)


async def _busy(box: Sandbox) -> list[Worker]:
    """The workers that run something, once there is one."""
    while not box._busy:
        await asyncio.sleep(0.01)
    return list(box._busy)


async def _child_of(zygote: int) -> int:
    children = Path(f"/proc/{zygote}/task/{zygote}/children")
    while not (found := children.read_text().split()):
        await asyncio.sleep(0.01)
    return int(found[0])


async def _cancel(game: asyncio.Task[Any]) -> None:
    game.cancel()
    with pytest.raises(asyncio.CancelledError):
        await game


async def test_the_environment_is_made_from_nothing(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "canary-51c0")
    async with Sandbox(Policy(tier=box.tier, workers=1)) as own:
        result = await own.run("import os, sys\n[dict(os.environ), sys.argv, sys.orig_argv]")
    assert isinstance(result.answer, list)
    assert isinstance(result.answer[0], dict)
    assert "canary-51c0" not in str(result.answer)
    assert set(result.answer[0]) - {"PWD"} == set(launch._ENVIRONMENT)
    assert result.answer[1:] == [[""], []]


async def test_leaving_kills_what_still_runs(box: Sandbox) -> None:
    async with Sandbox(Policy(tier=box.tier, workers=1)) as own:
        (worker,) = own._idle[False]
        pidfd = os.pidfd_open(worker.zygote_pid)
    try:
        await asyncio.wait_for(_ended(pidfd), 10)
    finally:
        os.close(pidfd)
    with pytest.raises(SandboxError, match="not open"):
        await own.run("1")


async def test_leaving_while_programs_run_ends_them_at_once(box: Sandbox) -> None:
    """The one that runs, and the one that waits for its place."""
    own = await Sandbox(Policy(tier=box.tier, wall_s=60.0, workers=1)).__aenter__()
    games = [asyncio.create_task(own.run("import time\ntime.sleep(60)")) for _ in range(2)]
    (worker,) = await _busy(own)
    await _child_of(worker.zygote_pid)
    begun = time.monotonic()
    await own.__aexit__()
    ends = await asyncio.gather(*games, return_exceptions=True)
    assert all(isinstance(end, SandboxError) and "not open" in str(end) for end in ends), ends
    assert time.monotonic() - begun < 10
    assert worker._process.poll() is not None


async def test_a_start_that_is_cancelled_leaves_nothing_running(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    testing, workers = asyncio.Event(), list[Worker]()
    start = Worker.start

    async def noted(*arguments: Any, **options: Any) -> Worker:
        workers.append(await start(*arguments, **options))
        return workers[0]

    async def never(*_: Any, **__: Any) -> list[str]:
        testing.set()
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(Worker, "start", noted)
    monkeypatch.setattr(selftest, "failures", never)
    opening = asyncio.create_task(Sandbox(Policy(tier=box.tier)).__aenter__())
    await testing.wait()
    await _cancel(opening)
    assert workers[0]._process.poll() is not None


async def test_starts_that_are_cancelled_leave_no_process(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Field report F16: bubblewrap's fork waited for ever for its parent, which had been killed."""
    mark = f"mark-{uuid.uuid4().hex}"
    command = launch._command

    def marked(orders: Any) -> list[str]:
        return [*command(orders), mark]

    monkeypatch.setattr(launch, "_command", marked)
    async with Sandbox(Policy(tier=box.tier, workers=1)) as own:
        for turn in range(20):
            game = asyncio.create_task(own.run("import time\ntime.sleep(60)"))
            for _ in range(turn):
                await asyncio.sleep(0.004)
            await _cancel(game)
    assert [process for process in Path("/proc").glob("[0-9]*") if mark in _command_line(process)] == []


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""


def _no_group(*_: Any) -> cgroup.Group:
    return cgroup.Group((), "none")


PAGES = """
import ctypes
libc = ctypes.CDLL(None)
libc.syscall.restype = ctypes.c_long
for at in range(64000):
    page = libc.syscall(*map(ctypes.c_long, (9, (1 << 40) + (at << 30), 4096, PROTECTION, 0x22, -1, 0)))
    if page < 0:
        break
    if PROTECTION == 1:
        ctypes.string_at(page, 1)
    else:
        ctypes.memset(page, 1, 1)
import time
time.sleep(600)
"""
"""One page every gigabyte: each takes two page tables."""


@pytest.mark.parametrize("protection", [1, 3], ids=["read", "written"])
async def test_page_tables_count_as_memory(box: Sandbox, monkeypatch: pytest.MonkeyPatch, protection: int) -> None:
    """Field report F14: 500 MB of them beyond a limit of 256 MB, where there is no cgroup."""
    monkeypatch.setattr(cgroup, "make", _no_group)
    async with Sandbox(Policy(tier=box.tier, wall_s=300, cpu_s=60, memory_bytes=48 << 20, workers=1)) as own:
        result = await own.run(PAGES.replace("PROTECTION", str(protection)), table=FRAME)
        assert result.status is Status.MEMORY
        assert result.peak_bytes > 40 << 20
        assert (await own.run("answer = 1")).answer == 1
        assert own.lost == 0


async def test_a_loop_that_is_held_lets_no_program_run_on(box: Sandbox) -> None:
    """The zygote ends a program whose time is up, and says so; nothing of the host has to run for it."""
    async with Sandbox(Policy(tier=box.tier, wall_s=0.5, cpu_s=60, workers=1)) as hasty:
        game = asyncio.create_task(hasty.run("import time\ntime.sleep(600)"))
        (worker,) = await _busy(hasty)
        pidfd = os.pidfd_open(await _child_of(worker.zygote_pid))
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        assert poll.poll(120_000)  # the whole event loop stands still here
        os.close(pidfd)
        assert (await game).status is Status.TIMEOUT
        assert hasty.lost == 0


async def test_a_message_that_came_while_the_loop_was_held_counts() -> None:
    """Field reports F01 and fence_redos_neighbour: an honest neighbour's program, long done, was told "timeout"."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    here.setblocking(False)
    worker = Worker(subprocess.Popen(["true"]), here, Policy())
    there.send(b"exit")
    assert await worker._expect(0.0) == (b"exit", [])
    with pytest.raises(WorkerLost, match="said nothing for 0 s"):
        await worker._expect(0.0)
    there.close()
    await worker.close()


async def test_a_close_that_is_cancelled_before_it_has_a_thread_reaps_the_process_all_the_same() -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    worker = Worker(process, here, Policy())

    async def close_and_cancel() -> None:
        free = threading.Event()
        executor = ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(executor)
        executor.submit(free.wait)
        closing = asyncio.create_task(worker.close())
        await asyncio.sleep(0)
        await _cancel(closing)
        free.set()

    with there:
        await asyncio.to_thread(asyncio.run, close_and_cancel())  # a loop of its own, whose executor is full
    assert process.returncode == -signal.SIGKILL


async def test_when_the_host_is_killed_nothing_of_the_sandbox_lives_on(box: Sandbox) -> None:
    script = f"""
import asyncio, os
from dikast.sandbox import Policy, Sandbox, Tier
async def main():
    async with Sandbox(Policy(tier=Tier({box.tier.value!r}), workers=1)) as box:
        (worker,) = box._idle[False]
        print(worker.zygote_pid, flush=True)
        await box.run("import time; time.sleep(60)")
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        zygote = int(host.stdout.readline())
        pidfd = os.pidfd_open(zygote)
        host.kill()
        try:
            await asyncio.wait_for(_ended(pidfd), 10)
        finally:
            os.close(pidfd)


async def _ended(pidfd: int) -> None:
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    loop.add_reader(pidfd, gone.set_result, None)
    await gone
    loop.remove_reader(pidfd)


async def test_the_manifest_says_what_held(box: Sandbox) -> None:
    manifest = box.manifest()
    assert manifest["tier"] == box.tier
    assert manifest["landlock_abi"] >= 1
    assert manifest["refused"] == []
    assert manifest["probes"] == len(selftest.PROBES)
    assert manifest["cgroup"] in ("v2", "v1", "none")
    assert ("bwrap" in manifest) == (box.tier is Tier.BWRAP)
    assert manifest["policy"]["wall_s"] == box.policy.wall_s


async def test_a_zygote_is_in_a_cgroup_where_one_can_be_made(box: Sandbox) -> None:
    await box.run("1")
    groups = Path(f"/proc/{box._idle[False][0].zygote_pid}/cgroup").read_text()
    with subprocess.Popen(["sleep", "60"]) as other:
        possible = cgroup.make(other.pid, 1 << 30)
        other.kill()
    possible.remove()
    assert box.manifest()["cgroup"] == possible.version
    assert ("/dikast-" in groups) == (possible.version != "none")


@pytest.mark.usefixtures("landlock_tier")
async def test_the_best_tier_that_holds_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_bwraps", lambda: iter(()))
    launch.bwrap.cache_clear()
    try:
        async with Sandbox(Policy(workers=1)) as own:
            assert own.tier is Tier.LANDLOCK
            (why,) = own.manifest()["refused"]
            assert why.startswith("bubblewrap 0.8 or newer is not installed")
    finally:
        launch.bwrap.cache_clear()


async def test_without_a_sandbox_no_program_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no namespaces here' >&2\nexit 1\n")
    broken.chmod(0o755)

    def command(orders: object) -> list[str]:
        return [str(broken)]

    monkeypatch.setattr(launch, "_command", command)
    monkeypatch.setattr(launch, "bwrap", lambda: (broken, "0.9"))
    with pytest.raises(SandboxError) as caught:
        await Sandbox(Policy()).__aenter__()
    told = str(caught.value)
    assert "no sandbox, so no program is run" in told
    assert told.count("no namespaces here") == 2
    assert "apt install bubblewrap" in told
    assert "\n" not in told


async def test_a_box_that_fails_its_self_test_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tier by tier: a zygote that locks nothing in is found out by the probes."""
    start = launch.start

    def unlocked(tier: Tier, **options: Any) -> Any:
        del tier
        return start(Tier.NONE, **options)

    monkeypatch.setattr("dikast.sandbox.worker.launch.start", unlocked)
    with pytest.raises(SandboxError, match="self-test failed: read a file"):
        await Sandbox(Policy()).__aenter__()


async def test_most_probes_find_the_way_out_where_there_is_one() -> None:
    """A probe that cannot fail proves nothing; those that cannot succeed here are named."""
    worker = await Worker.start(Tier.NONE, Policy(), arrow=False)
    own = Sandbox(Policy(tier=Tier.NONE))
    try:

        async def run(program: str, table: Table) -> Any:
            from dikast.sandbox.sandbox import _job

            return own._result(await worker.run(_job(program, {}), table), program)

        found = set(await selftest.failures(run, arrow=False))
    finally:
        await worker.close()
    impossible = {"use a descriptor", "see the environment", "more memory than allowed"}  # the zygote sees to these
    depends_on_kernel = {"x32 call", "io_uring", "bpf", "keyring", "new user namespace"}
    assert set(selftest.PROBES) - impossible - depends_on_kernel <= found


async def test_no_isolation_must_be_asked_for_by_name() -> None:
    async with Sandbox(Policy(tier=Tier.NONE, workers=1)) as own:
        assert own.tier is Tier.NONE
        assert own.manifest()["tier"] == "none"
        assert (await own.run("import os\nos.path.exists('/usr')")).answer is True


async def test_arrow_tables_have_a_box_of_their_own(box: Sandbox) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    pytest.importorskip("duckdb", reason="needs duckdb")
    source = pa.table({"x": list(range(1000)), "g": [str(i % 3) for i in range(1000)], "d": [None, 1.5] * 500})
    with Table.of(source) as table:
        for program, answer in (
            ("answer = int(df['x'].max())", 999),
            ("sql('select sum(x) as s from df').iloc[0, 0]", 499500),
            ("sql('select g, count(*) as n from df group by g order by g')", [["0", 334], ["1", 333], ["2", 333]]),
            ("df.groupby('g')['x'].count().tolist()", [334, 333, 333]),
            ("table.num_rows", 1000),
            ("import pyarrow.compute as pc\npc.sum(table['d']).as_py()", 750.0),
        ):
            result = await box.run(program, table=table)
            assert (result.status, result.answer) == (Status.OK, answer), program
        for program in (
            "sql(\"select * from read_csv('/etc/passwd')\")",
            "sql(\"copy df to '/tmp/stolen.csv'\")",
            "sql('install httpfs')",
            "sql(\"attach '/tmp/x.db'\")",
            "sql('set threads = 4')",
            "sql('set enable_external_access = true')",
            "open('/etc/passwd')",
            "import threading\nthreading.Thread(target=int).start()",
        ):
            assert (await box.run(program, table=table)).status is Status.ERROR, program
        assert (await box.run("sql('create table kept as select 1')\n1", table=table)).answer == 1
        assert (await box.run("sql('select * from kept')", table=table)).status is Status.ERROR
