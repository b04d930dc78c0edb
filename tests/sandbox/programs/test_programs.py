"""Commands in boxes: what comes out, what is not in, and every limit."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from dikast.errors import DikastError, MissingExtraError, SandboxError, UsageError
from dikast.sandbox import launch
from dikast.sandbox.programs import Layout, Limits, Mount, Programs, Ran, Status
from dikast.sandbox.programs.gate import Gate

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits(wall_s=20, processes=24, memory_bytes=256 << 20, disk_bytes=16 << 20, file_bytes=8 << 20)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def box() -> AsyncIterator[Programs]:
    async with Programs(LIMITS, workers=2) as programs:
        yield programs


async def shell(box: Programs, script: str, limits: Limits = LIMITS, layout: Layout | None = None) -> Ran:
    return await box.run(["/bin/sh", "-c", script], limits=limits, layout=layout)


async def test_a_command_gets_files_and_input_and_gives_what_it_printed(box: Programs) -> None:
    ran = await box.run(["/work/say", "word"], files={"/work/say": "#!/bin/sh\ncat; echo $1; echo no >&2; exit 3\n"},
                        stdin=b"read ")  # fmt: skip
    assert (ran.status, ran.code, ran.stdout, ran.stderr) == (Status.OK, 3, b"read word\n", b"no\n")
    assert not ran.ok
    assert ran.wall_s > 0


async def test_the_end_of_long_output_is_kept_and_the_rest_counted(box: Programs) -> None:
    ran = await shell(box, "seq 1 100000", replace(LIMITS, output_bytes=10))
    assert (ran.stdout, ran.stdout_bytes) == (b"99\n100000\n", 588895)


@pytest.mark.parametrize(
    ("script", "limits", "status"),
    [
        ("sleep 30", {"wall_s": 0.5}, Status.TIMEOUT),
        ("sleep 30 & setsid sleep 30 & exit 0", {"wall_s": 15}, Status.OK),
        ("while :; do :; done", {"cpu_s": 1}, Status.TIMEOUT),
        ("yes", {"printed_bytes": 1 << 20}, Status.OUTPUT),
        ("head -c 9000000 /dev/zero > /tmp/long", {}, Status.OUTPUT),
        ("head -c 2000000000 /dev/zero | tail", {}, Status.MEMORY),
        ("kill -9 $$", {}, Status.OK),
    ],
)
async def test_a_limit_ends_it(box: Programs, script: str, limits: dict[str, float], status: Status) -> None:
    begun = time.monotonic()
    ran = await box.run(["/bin/bash", "-c", f"{script}; exit"], limits=replace(LIMITS, **limits))
    if "cpu_s" in limits:  # the shell within is killed, and its status says by what
        assert ran.code in (128 + 24, 128 + 9)
    elif "9000000" in script:
        assert ran.code != 0 or ran.status is Status.OUTPUT
    else:
        assert ran.status is status, ran
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("ls /root /home /var /run /sys /etc/shadow 2>/dev/null", b""),
        ("touch /x /usr/x /etc/x /dev/x 2>/dev/null; ls /x /usr/x /etc/x /dev/x 2>/dev/null", b""),
        ("id -u; id -g", b"65534\n65534\n"),
        ("grep -c : /proc/net/dev", b"1\n"),
        ("unshare -U echo out 2>/dev/null; unshare -n echo out 2>/dev/null; mount -t tmpfs x /tmp 2>/dev/null", b""),
        ("for n in 1 2 3; do head -c 8000000 /dev/zero > /tmp/$n; done 2>/dev/null; du -m /tmp | cut -f 1", b"16\n"),
        ("kill -9 1; echo alive", b"alive\n"),
        ("env | sed 's/=.*//' | sort | tr '\\n' ' '", b"HOME LC_ALL PATH PWD TMPDIR TZ USER "),
        ("ls -l /proc/self/fd | grep -c ' [0-9]* -> '", b"4\n"),
        ("grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status | tr -d '\\t'",
         b"CapEff:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n"),
    ],
)  # fmt: skip
async def test_what_is_in_the_box(box: Programs, script: str, printed: bytes) -> None:
    assert (await shell(box, script)).stdout == printed


async def test_processes_are_counted(box: Programs) -> None:
    ran = await shell(box, "for n in $(seq 100); do sleep 5 & done 2>/dev/null; jobs -p | wc -l; kill $(jobs -p)")
    assert ran.stdout == b"" or int(ran.stdout) < 40


async def test_vsock_and_other_families_are_refused(box: Programs) -> None:
    script = "import socket\nfor family in (40, 17, 29, 38):\n    try:\n        socket.socket(family, 2)\n" \
        "    except OSError as error:\n        print(error.errno)\nprint(int(socket.socket(2, 1).family))"  # fmt: skip
    assert (await box.run(["/usr/bin/python3", "-c", script])).stdout == b"1\n" * 4 + b"2\n"


async def test_memory_is_watched_where_there_is_no_cgroup(box: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "cgroup", False)
    assert (await shell(box, "head -c 600000000 /dev/zero | tail; sleep 5")).status is Status.MEMORY


async def test_the_loopback_is_its_own(box: Programs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = "import socket, sys\nsocket.create_connection(('127.0.0.1', int(sys.argv[1])), 2)\nprint('out')"
        ran = await box.run(["/usr/bin/python3", "-c", script, str(listener.getsockname()[1])])
    assert b"refused" in ran.stderr
    assert not ran.stdout
    own = (
        "import socket\ns = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(s.getsockname())\nprint(1)"
    )
    assert (await box.run(["/usr/bin/python3", "-c", own])).stdout == b"1\n"


async def test_a_mount_is_read_only(box: Programs, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    layout = Layout((Mount(tmp_path, "/given"),))
    ran = await shell(box, "cat /given/file; echo new > /given/file; rm /given/file", layout=layout)
    assert ran.stdout == b"old"
    assert (tmp_path / "file").read_text() == "old"


async def test_leaving_ends_what_runs(tmp_path: Path) -> None:
    async with Programs(LIMITS, workers=2) as programs:
        waiting = asyncio.create_task(programs.run(["/bin/sleep", "30"]))
        await asyncio.sleep(0.5)
    assert (await asyncio.wait_for(waiting, 10)).status is Status.KILLED


async def test_a_cancelled_run_leaves_no_process(box: Programs) -> None:
    waiting = asyncio.create_task(box.run(["/bin/sleep", "27.182"]))
    await asyncio.sleep(0.5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(b"27.182" in line for line in lines)


async def test_without_bubblewrap_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> tuple[Path, str]:
        raise MissingExtraError("bubblewrap 0.8 or newer", hint="apt install bubblewrap")

    monkeypatch.setattr(launch, "bwrap", none)
    with pytest.raises(SandboxError, match="no sandbox for programs"):
        async with Programs(LIMITS):
            pass


async def test_a_box_that_does_not_hold_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dikast.sandbox.programs.programs._PROBES", {"a way out": "false"})
    with pytest.raises(SandboxError, match="a-way-out"):
        async with Programs(LIMITS):
            pass


async def test_root_without_a_cgroup_runs_nothing(box: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(wanted: object, process: object) -> tuple[Path, ...]:
        return ()

    monkeypatch.setattr("dikast.sandbox.cgroup._make", none)
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(box, "cgroup", True)
    with pytest.raises(SandboxError, match="cgroup"):
        await box.run(["/bin/true"])


async def test_who_is_not_open_runs_nothing() -> None:
    with pytest.raises(DikastError, match="not open"):
        await Programs(LIMITS).run(["/bin/true"])


async def test_a_limit_is_positive() -> None:
    with pytest.raises(UsageError, match="wall_s"):
        Limits(wall_s=0)


async def test_alone_is_alone() -> None:
    gate, log = Gate(2), list[str]()

    async def work(name: str, *, alone: bool = False) -> None:
        async with gate.enter(alone=alone):
            log.append(f"+{name}")
            await asyncio.sleep(0.01)
            log.append(f"-{name}")

    await asyncio.gather(work("a"), work("b"), work("c", alone=True), work("d"), work("e"))
    where = log.index("+c")
    assert log[where + 1] == "-c"
    assert set(log[:where]) == {"+a", "-a", "+b", "-b"}
