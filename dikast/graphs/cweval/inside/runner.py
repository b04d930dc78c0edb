"""The test's process: pytest with the candidate elsewhere, and verdicts over a socket that nobody else holds.

    python runner.py FD

The host sends its orders over the socket first, and gets back: `case` for each collected case with its marks, `start`
and `end` for each that ran, and `done`. Each message carries the token of the orders, which is in this process's memory
only. Nothing that is printed, no exit status and no file is read as a verdict.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shlex
import socket
import subprocess
import sys
import time
from importlib import import_module
from typing import Any

import pytest

proxy: Any = import_module("proxy")  # lies beside this file in the box, where there is no package

_PR_SET_DUMPABLE = 4
_ROOM = 200_000  # bytes of the orders; a message of this kind of socket is whole or not at all
_REASON = 1000


class Report:
    """The way out."""

    def __init__(self, connection: socket.socket, token: str) -> None:
        self._connection, self._token = connection, token

    def send(self, event: str, **more: Any) -> None:
        """Tell the host."""
        self._connection.send(json.dumps({"token": self._token, "event": event, **more}).encode())


class Plugin:
    """Tells the cases, their starts and their ends.

    Args:
        report: The way out.
        orders: What the host asks for.
    """

    def __init__(self, report: Report, orders: dict[str, Any]) -> None:
        self._report, self._orders = report, orders
        self._outcomes: dict[str, list[tuple[str, str]]] = {}
        self._names: dict[str, str] = {}
        self._begun = 0.0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what was asked for, or tell what there is."""
        self._names = _names([item.nodeid for item in items])
        for item in items if self._orders["collect"] else ():
            marks = [name for name in ("functionality", "security") if item.get_closest_marker(name)]
            self._report.send("case", case=self._names[item.nodeid], marks=marks)
        wanted = set(self._orders["cases"])
        items[:] = [item for item in items if self._names[item.nodeid] in wanted]
        self._report.send("collected", number=len(items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported."""
        if report.failed:
            self._report.send("broken", reason=_short(report.longreprtext))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A case begins."""
        self._begun = time.monotonic()
        self._outcomes[nodeid] = []
        self._report.send("start", case=self._names[nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A part of a case has ended."""
        outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        self._outcomes[report.nodeid].append((outcome, _short(report.longreprtext)))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A case has ended: it passed if setup, call and teardown did, and nothing else is a pass."""
        parts = self._outcomes[nodeid]
        passed = len(parts) == 3 and all(outcome == "passed" for outcome, _ in parts)
        reason = "" if passed else next((f"{o}: {r}" for o, r in parts if o != "passed"), "did not run")
        took = time.monotonic() - self._begun
        self._report.send("end", case=self._names[nodeid], passed=passed, seconds=took, reason=reason)


def main() -> None:
    """Take the orders, run, and say that all was said."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # so that a command of a test's shell reads nothing of it
    os.popen = _popen
    os.set_inheritable(int(sys.argv[1]), False)
    connection = socket.socket(fileno=int(sys.argv[1]))
    orders = json.loads(connection.recv(_ROOM))
    report = Report(connection, orders["token"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["pytest"]
    if orders["module"] and orders["collect"]:
        proxy.install(proxy.Anything(orders["module"]))
    elif orders["module"]:
        proxy.install(proxy.Finder(orders["module"], lambda: _start(orders, report)))
    arguments = [*("-p", "no:cacheprovider", "-p", "no:terminal", "-c", "/dev/null", "--rootdir", orders["root"])]
    arguments += ["--basetemp", "/tmp/cases", "--noconftest", "-W", "ignore", "-s"]
    arguments += ["-o", "markers=functionality: works\nsecurity: is safe", "-o", "tmp_path_retention_policy=none"]
    report.send("loading")
    pytest.main([*arguments, orders["test"]], plugins=[Plugin(report, orders)])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    report.send("done", cpu=used.ru_utime + used.ru_stime)
    os._exit(0)


def _start(orders: dict[str, Any], report: Report) -> Any:
    """The candidate, in its own box."""

    def tampered(why: str) -> None:
        report.send("tampered", reason=why)

    return proxy.Candidate(lambda: _open(orders), tampered)


def _open(orders: dict[str, Any]) -> Any:
    mine, theirs = socket.socketpair()
    with theirs:
        command = [orders["candidate"], str(theirs.fileno()), orders["module"]]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    return mine, process.kill


def _popen(cmd: str, mode: str = "r", buffering: int = -1) -> Any:
    """`os.popen` for reading, without a shell: a test may put a candidate's answer into the command."""
    process = subprocess.Popen(shlex.split(cmd), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    return process.stdout


def _names(nodeids: list[str]) -> dict[str, str]:
    """A name for each case: its function, and which set of parameters, by number.

    Pytest's own names have the parameters in them, which may be a page long, or the time of day.
    """
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for nodeid in nodeids:
        function, bracket, _ = nodeid.partition("::")[2].partition("[")
        number = counts[function] = counts.get(function, -1) + 1
        names[nodeid] = f"{function}[{number}]" if bracket else function
    return names


def _short(text: str) -> str:
    return text[-_REASON:]


if __name__ == "__main__":
    main()
