"""Run folders that the viewer's tests look at, and a client that looks."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from dikast.jobs.files import encode
from dikast.jobs.manifest import Attempt, Manifest, write_manifest
from dikast.viewer.guards import Guard
from dikast.viewer.server import application
from dikast.viewer.shelf import Shelf
from dikast.viewer.telling import finder

TOKEN = "the-token"


def row(number: int, outcome: str = "ok", **changed: Any) -> dict[str, Any]:
    """A line of a journal."""
    key = hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()
    usage = {"calls": 1, "input_tokens": 10, "output_tokens": number, "seconds": 0.5}
    made: dict[str, Any] = {
        "key": key,
        "row": number,
        "ordinal": 0,
        "sample": 0,
        "attempt": 1,
        "outcome": outcome,
        "reason": "" if outcome == "ok" else f"because of {outcome}",
        "seconds": number / 10,
        "usage": {"solver": usage},
        "input": {"id": f"q{number}", "query": f"question number {number}"},
        "output": {"score": number / 100, "right": number % 2 == 0, "said": f"answer{number}"}
        if outcome == "ok"
        else None,
        "calls": [call(f"answer{number}")],
    }
    return made | changed


def call(reply: str, prompt: str = "Say something.") -> dict[str, Any]:
    """A call of a model, as a journal has it."""
    source = {"model": "m", "prompt": "p", "seed": 0, "sample": 0, "finish_reason": "stop", "cached": False}
    return {
        "role": "solver",
        "messages": [{"role": "user", "content": prompt}],
        "reply": reply,
        "reasoning": "",
        "outcome": "ok",
        "reason": "",
        "usage": {"calls": 1},
        "provenance": source,
    }


def write(folder: Path, rows: Sequence[dict[str, Any]], *, asked: int | None = None, **manifest: Any) -> Path:
    """A run folder with these lines in its journal."""
    folder.mkdir(parents=True, exist_ok=True)
    attempt = Attempt(
        started="2026-11-30T12:00:00+00:00",
        finished="2026-11-30T12:01:00+00:00",
        asked=len(rows) if asked is None else asked,
        input_hash="0" * 32,
    )
    told: dict[str, Any] = {"graph": "one_call", "samples": 1, "fingerprint": {}, "attempts": [attempt], **manifest}
    write_manifest(folder, Manifest(**told))
    (folder / "rows.jsonl").write_bytes(b"".join(map(encode, rows)))
    return folder


def append(folder: Path, data: bytes) -> None:
    """Write to a journal's end."""
    with (folder / "rows.jsonl").open("ab") as file:
        file.write(data)


def prints(folder: Path) -> dict[str, tuple[str, int]]:
    """What is in a folder: each file's hash and time."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


Client = TestClient[Any, Any]


@asynccontextmanager
async def looking(folders: Iterable[Path], own: Sequence[str] = (), *, reveal: bool = False) -> AsyncGenerator[Client]:
    """A client of a viewer, with the token's cookie."""
    guard = Guard(TOKEN, (), addresses=True)
    app = application(Shelf(tuple(folders), finder(own)), guard, own=own, reveal=reveal)
    async with TestClient(TestServer(app), cookies={guard.cookie: TOKEN}) as client:
        yield client


async def page(client: Client, address: str, status: int = 200) -> str:
    """A page's HTML."""
    async with client.get(address) as reply:
        text = await reply.text()
        assert reply.status == status, text[:500]
        return text
