"""Each layer by itself, since together they hide one another: seccomp refuses what Landlock would have refused."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dikast.sandbox.inside import child, landlock, seccomp, zygote
from dikast.sandbox.inside.kernel import PR_SET_NO_NEW_PRIVS, prctl, syscall
from dikast.sandbox.memory import sealed

SHUT, OPEN = 7, 8


def outcome(lock: Callable[[], object], attempt: Callable[[], object]) -> int:
    """Fork, lock, try: `SHUT` if the kernel refused by permission, `OPEN` if not, minus the signal if it killed."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            prctl(PR_SET_NO_NEW_PRIVS, 1)
            lock()
            attempt()
            code = OPEN
        except PermissionError:
            code = SHUT
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def nothing() -> None:
    """No lock."""


def landlocked() -> None:
    landlock.restrict(landlock.deny_all())


def filtered() -> None:
    seccomp.install(seccomp.build())


@pytest.fixture
def attempts(tmp_path: Path) -> dict[str, Callable[[], object]]:
    secret = tmp_path / "secret"
    secret.write_text("x")
    parent = os.getpid()
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    abstract = socket.socket(socket.AF_UNIX)
    name = f"\0dikast-test-{os.getpid()}"
    abstract.bind(name)
    abstract.listen()
    keep.extend([listener, abstract])

    def connect_abstract() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(name)

    return {
        "read": lambda: secret.read_text(),
        "write": lambda: (tmp_path / "new").write_text("x"),
        "truncate": lambda: os.truncate(secret, 0),
        "list": lambda: list(tmp_path.iterdir()),
        "delete": lambda: secret.unlink(),
        "make a folder": lambda: (tmp_path / "folder").mkdir(),
        "link": lambda: (tmp_path / "link").symlink_to("/etc"),
        "connect": lambda: socket.create_connection(address).close(),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)).close(),
        "abstract socket": connect_abstract,
        "signal": lambda: os.kill(parent, 0),
    }


keep: list[socket.socket] = []


@pytest.fixture(autouse=True)
def closed_sockets() -> Any:
    yield
    while keep:
        keep.pop().close()


NAMES = ["read", "write", "truncate", "list", "delete", "make a folder", "link", "connect", "listen", "signal"]
SCOPED = ["abstract socket"]


@pytest.mark.parametrize("name", NAMES + SCOPED)
def test_landlock_alone_refuses(name: str, attempts: dict[str, Callable[[], object]]) -> None:
    version = landlock.abi()
    if version < 6:
        pytest.skip(f"needs Landlock ABI 6 (Linux 6.12) for signals and abstract sockets; this is {version}")
    assert outcome(landlocked, attempts[name]) == SHUT
    assert outcome(nothing, attempts[name]) == OPEN


@pytest.mark.parametrize("name", NAMES + SCOPED)
def test_seccomp_alone_refuses(name: str, attempts: dict[str, Callable[[], object]]) -> None:
    assert outcome(filtered, attempts[name]) == SHUT


def test_another_abi_kills() -> None:
    assert outcome(filtered, lambda: syscall(0x40000000 | 39)) == -signal.SIGSYS


def test_the_filter_lets_a_program_compute() -> None:
    def compute() -> None:
        import time

        block = ctypes.create_string_buffer(1 << 24)
        time.sleep(0.001)
        assert len(block) + time.monotonic() > 0
        os.urandom(8)

    assert outcome(filtered, compute) == OPEN


def test_a_child_gives_up_everything_and_the_filter_last(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    limits: dict[int, tuple[int, int]] = {}

    def note(name: str) -> Callable[..., None]:
        return lambda *_: done.append(name)

    monkeypatch.setattr(child, "prctl", note("death"))
    monkeypatch.setattr(child.landlock, "restrict", note("landlock"))
    monkeypatch.setattr(child.os, "closerange", note("close"))
    monkeypatch.setattr(child.seccomp, "install", note("seccomp"))
    monkeypatch.setattr(child.resource, "setrlimit", limits.__setitem__)
    child._lock(child.LIMITS.pack(1 << 40, 1 << 30, 7, 1.0), child.Cage(3, b""), os.getppid())
    assert done == ["death", "landlock", "close", "seccomp"]
    assert limits == {
        resource.RLIMIT_AS: (1 << 40, 1 << 40),
        resource.RLIMIT_DATA: (1 << 30, 1 << 30),
        resource.RLIMIT_CPU: (7, 8),
        resource.RLIMIT_NOFILE: (0, 0),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NPROC: (0, 0),
    }


PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS = 3, 39


@pytest.mark.parametrize("user", [os.getuid(), 1000])
def test_the_zygote_gives_up_what_it_does_not_need_itself(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really, in a fork, as root and as if it were not; told by the number of the first thing that is not so."""
    monkeypatch.setattr(zygote.os, "getuid", lambda: user)
    process = os.fork()
    if process == 0:
        zygote._lock()
        facts = [
            user != 0 or 0 not in (*os.getresuid(), *os.getresgid(), *os.getgroups()),
            prctl(PR_GET_NO_NEW_PRIVS, 0) == 1,
            prctl(PR_GET_DUMPABLE, 0) == 0,
            {resource.getrlimit(which) for which in zygote._ZERO_LIMITS} == {(0, 0)},
            resource.getrlimit(resource.RLIMIT_STACK) == (zygote._STACK_BYTES, zygote._STACK_BYTES),
            _refused(lambda: list(Path("/usr").iterdir())),
        ]
        os._exit(facts.index(False) + 1 if False in facts else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def test_what_a_child_reads_it_maps_for_itself_alone() -> None:
    """Linux before 6.7 refuses to map a file sealed against writing for sharing, even to a reader."""
    descriptor = sealed("dikast-sealed", b"data")
    with child._readable(descriptor) as mapping:
        os.close(descriptor)
        (line,) = [line for line in Path("/proc/self/maps").read_text().splitlines() if "dikast-sealed" in line]
        assert line.split()[1] == "r--p"
        assert mapping[:] == b"data"


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    return False
