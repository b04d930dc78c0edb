"""One run of a task's tests in a box: what the runner says over its socket, and the clock of each case.

The socket is whole messages of a kind that no path leads to, and each carries a token that is drawn here, so that
nothing that a candidate writes, prints or leaves is read as a verdict.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from dikast.graphs.cweval.stage import ROOT, Stage
from dikast.sandbox.programs import Limits, Programs, Ran, Running, Status

START_S = 60.0
"""Seconds until the runner speaks, between two cases, and to end: a busy machine's Python takes some."""

_MESSAGE = 1 << 20


@dataclass
class Session:
    """What was heard.

    Args:
        cases: The cases that there are, with their marks; only where they were asked for.
        ended: Case to whether it passed, its seconds and the reason why not.
        current: The case that had begun and not ended.
        broken: Why the test file could not be imported.
        tampered: Cases in which the candidate sent what is no answer; the empty name is its import.
        timed_out: Whether a clock had run out.
        loaded: Whether the test file, and so the candidate, was imported.
        done: Whether the runner said that all was said.
        ran: The box's end.
    """

    cases: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    ended: dict[str, tuple[bool, float, str]] = field(default_factory=dict[str, tuple[bool, float, str]])
    current: str | None = None
    broken: str | None = None
    tampered: dict[str, str] = field(default_factory=dict[str, str])
    timed_out: bool = False
    loaded: bool = False
    done: bool = False
    ran: Ran = field(default_factory=lambda: Ran(Status.KILLED, 0))

    def hear(self, message: Mapping[str, Any]) -> None:
        """Note one message."""
        match message["event"]:
            case "case":
                self.cases.append((message["case"], message["marks"]))
            case "collected":
                self.loaded = True
            case "broken":
                self.broken = message["reason"]
            case "start":
                self.current = message["case"]
            case "end":
                self.ended[message["case"]] = (message["passed"], message["seconds"], message["reason"])
                self.current = None
            case "tampered":
                self.tampered[self.current or ""] = message["reason"]
            case "done":
                self.done = True
            case _:
                pass


async def run(
    programs: Programs,
    stage: Stage,
    limits: Limits,
    cases: Sequence[str],
    seconds: Mapping[str, float],
    *,
    import_s: float,
    collect: bool = False,
) -> Session:
    """Run cases of one test file.

    Args:
        programs: Where.
        stage: What is in the box.
        limits: Of the whole box; its wall clock is set here.
        cases: Names of cases.
        seconds: How long each may take.
        import_s: How long the import of test and candidate may take.
        collect: Whether to tell which cases there are, with no candidate.

    Raises:
        SandboxError: No box can be made.
    """
    session, token = Session(), secrets.token_hex(16)
    host, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    host.setblocking(False)
    orders = {"token": token, "collect": collect, "cases": list(cases), "module": stage.module, "test": stage.test}
    orders |= {"root": ROOT, "candidate": "/box/bin/candidate"}
    with host:
        with inside:
            opened = programs.open(
                [*stage.runner, str(inside.fileno())], files=stage.files, layout=stage.layout, limits=limits,
                pass_fds=[inside.fileno()],
            )  # fmt: skip
            running = await opened.__aenter__()
        try:
            host.send(json.dumps(orders).encode())
            await _listen(host, token, session, running, seconds, import_s)
        finally:
            await opened.__aexit__(None, None, None)
    return session


async def _listen(
    host: socket.socket, token: str, session: Session, running: Running, seconds: Mapping[str, float], import_s: float
) -> None:
    ending = asyncio.create_task(running.wait())
    loop, allowed = asyncio.get_running_loop(), START_S
    try:
        while not session.done:
            try:
                async with asyncio.timeout(allowed):
                    data = await loop.sock_recv(host, _MESSAGE)
            except TimeoutError:
                session.timed_out = True
                break
            except OSError:
                break
            message = _message(data, token)
            if message is None:
                break
            session.hear(message)
            event = message["event"]
            allowed = import_s if event == "loading" else START_S
            if event == "start" or (event == "tampered" and session.current is not None):
                allowed = seconds.get(message.get("case", session.current), START_S)
    finally:
        if not session.done:
            running.stop(Status.TIMEOUT if session.timed_out else Status.KILLED)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                session.ran = await ending


def _message(data: bytes, token: str) -> dict[str, Any] | None:
    """One message of the runner; `None` at the end, and for what is none."""
    try:
        message = json.loads(data) if data else None
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    told = cast(dict[str, Any], message)
    return told if secrets.compare_digest(str(told.get("token")), token) else None
