"""A real Chromium, driven over the DevTools protocol: open a page, hear what it says, ask it questions."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.engines.browser_environment import find

FLAGS = (
    "--headless",
    "--no-sandbox",  # lanes run as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
SECONDS = 60
LOUD = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")


class Page:
    """A tab.

    Args:
        socket: Its DevTools connection.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._ids = socket, itertools.count(1)
        self.said: list[dict[str, Any]] = []
        self.requested: list[str] = []

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command; what happens meanwhile is kept in `said` and `requested`."""
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(SECONDS):
            while True:
                message: dict[str, Any] = await self._socket.receive_json()
                if message.get("id") == number:
                    assert "error" not in message, message
                    return message["result"]
                self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        if message["method"] in LOUD:
            self.said.append(message)
        elif message["method"] == "Network.requestWillBeSent":
            self.requested.append(message["params"]["request"]["url"])

    async def open(self, url: str) -> None:
        """Load a page, and wait until it is complete."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)
        await self.ask(
            "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', () => done()))"
        )

    async def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression of JavaScript is true, whichever page is there by then."""
        async with asyncio.timeout(SECONDS):
            while True:
                found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
                if found["result"].get("value") is True:
                    return
                await asyncio.sleep(0.05)

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other: a letter, `Enter`, `Escape`, `Tab`."""
        for key in keys:
            named = {"Enter": ("\r", 13), "Escape": ("", 27), "Tab": ("", 9)}
            text, code = named.get(key, (key, ord(key.upper()) if len(key) == 1 else 0))
            told = {"key": key, "windowsVirtualKeyCode": code}
            await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
            await self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    async def size(self, width: int, height: int = 900) -> None:
        """Make the window as wide and high as this, in pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def scheme(self, name: str) -> None:
        """Prefer `light` or `dark`."""
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    async def screenshot(self, *, whole: bool = True) -> bytes:
        """The page as PNG: all of it, or what the window shows."""
        found = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])


@asynccontextmanager
async def chromium(folder: Path) -> AsyncGenerator[Page, None]:
    """A fresh browser with one tab, its profile in `folder`; killed with all its processes at the end."""
    program = find()
    assert program, "no Chromium: the lane installs one"
    process = await asyncio.create_subprocess_exec(
        program,
        *FLAGS,
        f"--user-data-dir={folder}",
        "about:blank",
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        port = await _port(process)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                tabs = await reply.json()
            url = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(url, max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr
    async with asyncio.timeout(SECONDS):
        async for line in process.stderr:
            if line.startswith(b"DevTools listening on ws://"):
                return int(line.split(b":")[2].split(b"/")[0])
    raise AssertionError("Chromium ended before it listened")
