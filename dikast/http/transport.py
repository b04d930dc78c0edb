"""HTTP to one or several equal servers: the one retry layer of the `server` engine.

    transport = Transport(["http://a:8000/v1", "http://b:8000/v1"], timeout=600, retries=5)
    answer = await transport.post("chat/completions", body, headers)

Bare aiohttp, with one session per event loop, closed with its loop (or by `aclose`). A request goes to the server that
has least in flight. A failure that another attempt may mend (408, 409, 425, 429, 5xx, a connection reset or closed
half-way, a body that the caller finds broken) is tried again, elsewhere at once or after a pause. Any other failure is
put to another server, which shows whether the first one is sick or the request is wrong (`rounds.py`). A connection
refused is tried again only where some server has answered before: else nobody is there.

A sick server rests for a while, longer each time, then is tried by one request at a time until it answers (a circuit
breaker: `endpoints.py`).

Not here: what a body means. Proxies and `.netrc` are not read, redirects are not followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import aiohttp
from yarl import URL

from dikast.errors import ModelError, ModelTimeout, ModelUnavailable
from dikast.http import answers
from dikast.http.answers import OVERLOADED, Answer, too_large, unpacked, wait_asked
from dikast.http.endpoints import Endpoint
from dikast.http.rounds import NobodyThere, Outcome, Round, final
from dikast.http.server_errors import excerpt
from dikast.http.throttle import throttled

CONNECT_SECONDS = 10.0
"""To open a connection. Longer ones mean a dead host, and another server or attempt may do."""
KEEP_ALIVE_SECONDS = 4.0
"""Below the 5 s after which uvicorn, and so `vllm serve`, closes idle connections under a client's feet."""
LARGE_REQUEST_BYTES = 2**20
"""aiohttp warns about larger ones that are given as bytes."""


def never(answer: Answer) -> bool:
    """For callers to whom every body is a whole one."""
    return False


@dataclass(slots=True)
class Pool:
    """What a transport holds on one event loop."""

    session: aiohttp.ClientSession
    endpoints: list[Endpoint]
    gate: asyncio.Semaphore
    keeper: AsyncGenerator[None, None] | None = field(default=None)


class Transport:
    """Requests to equal servers.

    Args:
        urls: Base URLs, each ending in the API's root, such as `http://host:8000/v1`.
        timeout: Seconds for one attempt, from its start on the wire; waiting for a free connection is not part of it.
        retries: Attempts after the first.
        connections: Requests in flight per server and event loop; more wait for their turn.
        sleep: How to pause.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout: float,
        retries: int,
        connections: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.urls = [URL(url.rstrip("/") + "/") for url in urls]
        self.timeout, self.retries, self.connections, self.sleep = timeout, retries, connections, sleep
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._met = False
        """Whether any server has ever answered."""

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str], broken: Callable[[Answer], bool] = never
    ) -> Answer:
        """Post JSON until a server gives an answer that no further attempt may mend, or attempts run out.

        Args:
            path: Below the base URLs.
            body: The JSON.
            headers: Beside the content type.
            broken: Whether a 200's body is none that was agreed, so that another attempt may mend it.

        Raises:
            ModelUnavailable: No attempt reached a server.
            ModelTimeout: An attempt took too long, and on another server too, if there is one that is well.
            ModelError: A server answered something that is no HTTP, or too much of it.
        """
        way = Round(self.retries, broken)
        while True:
            pool = await self._pool()
            endpoint = way.pick(pool.endpoints)
            outcome = await self._attempt(pool, endpoint, "POST", path, body, headers)
            pause = way.pause_after(endpoint, outcome, pool.endpoints, met=self._met)
            if pause is None:
                return final(outcome, way.attempts)
            if pause:
                await self.sleep(pause)

    async def get(self, base: URL, path: str, headers: Mapping[str, str]) -> Answer:
        """Get from one of the servers, in one attempt.

        Raises:
            ModelError: As for `post`.
        """
        pool = await self._pool()
        endpoint = next(endpoint for endpoint in pool.endpoints if endpoint.url == base)
        return final(await self._attempt(pool, endpoint, "GET", path, b"", headers), 1)

    async def _attempt(
        self, pool: Pool, endpoint: Endpoint, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Outcome:
        """One attempt: an answer, or the failure to get one."""
        endpoint.in_flight += 1
        try:
            async with pool.gate:
                answer = await self._exchange(pool.session, endpoint.url, method, path, body, headers)
        except aiohttp.ConnectionTimeoutError:
            return NobodyThere(f"{endpoint.url}: no connection within {CONNECT_SECONDS:g} s")
        except TimeoutError:
            return ModelTimeout(f"{endpoint.url}: no reply within {self.timeout:g} s", hint="?timeout=")
        except aiohttp.ClientConnectorError as error:
            return NobodyThere(f"{endpoint.url}: {type(error).__name__}: {excerpt(error)}")
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            return ModelUnavailable(f"{endpoint.url}: {type(error).__name__}: {excerpt(error)}")
        except aiohttp.ClientError as error:
            return ModelError(f"{endpoint.url}: not an HTTP answer: {excerpt(error)}")
        except ModelError as error:
            return error
        finally:
            endpoint.in_flight -= 1
        self._met = True
        if answer.status in OVERLOADED and answer.passing:
            throttled()
        return answer

    async def _exchange(
        self, session: aiohttp.ClientSession, base: URL, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        data = BytesIO(body) if len(body) > LARGE_REQUEST_BYTES else body or None
        url = base.join(URL(path))
        async with session.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
            content = unpacked(await read_bounded(response), response.headers.get("Content-Encoding", ""), base)
            return Answer(base, response.status, content, wait_asked(response.headers))

    async def _pool(self) -> Pool:
        """The running loop's pool, opened at its first request."""
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            self._forget_closed_loops()
            gate = asyncio.Semaphore(self.connections * len(self.urls))
            pool = Pool(self._session(), [Endpoint(url) for url in self.urls], gate)
            pool.keeper = self._keep(loop, pool.session)
            self._pools[loop] = pool
            await anext(pool.keeper)
        return pool

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # The gate bounds connections, so that waiting for one is not counted into an attempt's time.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=self.timeout, sock_connect=CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity", "Content-Type": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
            # A small packed body may unpack to any size.
            auto_decompress=False,
        )

    async def _keep(
        self, loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession
    ) -> AsyncGenerator[None, None]:
        """Close the session when the loop ends: a loop closes its generators last (`shutdown_asyncgens`)."""
        try:
            yield
        finally:
            self._pools.pop(loop, None)
            await session.close()

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in self._pools if loop.is_closed()]:
            self._pools.pop(loop, None)

    async def aclose(self) -> None:
        """Close the running loop's connections; the next request opens new ones."""
        pool = self._pools.get(asyncio.get_running_loop())
        if pool is not None and pool.keeper is not None:
            await pool.keeper.aclose()


async def read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """The whole body.

    Raises:
        ModelError: It is larger than `LARGEST_BODY_BYTES`.
    """
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > answers.LARGEST_BODY_BYTES:
            response.close()
            raise too_large(response.url.origin())
        parts.append(part)
    return b"".join(parts)
