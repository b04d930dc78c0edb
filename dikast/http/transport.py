"""HTTP to one or several equal servers: the one retry layer of the `server` engine.

    transport = Transport(["http://a:8000/v1", "http://b:8000/v1"], timeout=600, retries=5)
    answer = await transport.post("chat/completions", body, headers)

Bare aiohttp, with one session per event loop, closed with its loop (or by `aclose`). A request goes to the server that
has least in flight. A failure that another attempt may mend (429, 5xx, a connection refused, reset or closed half-way)
is tried again, elsewhere at once or after a pause; nothing else is. A server that failed rests for a while, then is
tried by one request at a time until it answers.

Not here: what a body means. Proxies and `.netrc` are not read, redirects are not followed, bodies are not unpacked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from time import monotonic

import aiohttp
from yarl import URL

from dikast.errors import ModelError, ModelTimeout, ModelUnavailable
from dikast.http.server_errors import excerpt
from dikast.http.throttle import throttled

CONNECT_SECONDS = 10.0
"""To open a connection. Longer ones mean a dead host, and another server or attempt may do."""
KEEP_ALIVE_SECONDS = 4.0
"""Below the 5 s after which uvicorn, and so `vllm serve`, closes idle connections under a client's feet."""
BACKOFF_SECONDS = 0.5
"""First pause, doubled with each attempt; the OpenAI client's value."""
LONGEST_PAUSE_SECONDS = 60.0
"""Neither backoff nor a server's Retry-After holds a request for longer."""
LARGEST_BODY_BYTES = 64 * 2**20
"""A reply with 64 samples of 512 tokens, 20 alternatives each, is about 40 MB."""
LARGE_REQUEST_BYTES = 2**20
"""aiohttp warns about larger ones that are given as bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer of any status: where from, its status, its whole body, its Retry-After header."""

    url: URL
    status: int
    content: bytes
    retry_after: str = ""

    @property
    def passing(self) -> bool:
        """Whether another attempt may mend it."""
        if self.status == 429:
            return b"insufficient_quota" not in self.content
        return self.status >= 500 and self.status != 501


@dataclass(slots=True)
class Endpoint:
    """One server as seen from one event loop."""

    url: URL
    in_flight: int = 0
    failures: int = 0
    rests_until: float = 0.0

    @property
    def available(self) -> bool:
        """Whether it may be given a request; one that failed is probed by one request at a time."""
        return self.failures == 0 or (self.in_flight == 0 and monotonic() >= self.rests_until)

    def failed(self, pause: float) -> None:
        """Let it rest."""
        self.failures += 1
        self.rests_until = monotonic() + pause


@dataclass(slots=True)
class Pool:
    """What a transport holds on one event loop."""

    session: aiohttp.ClientSession
    endpoints: list[Endpoint]
    gate: asyncio.Semaphore
    keeper: AsyncGenerator[None, None] | None = field(default=None)

    def pick(self) -> Endpoint:
        """The available server with least in flight; the one that has rested longest if none is available."""
        available = [endpoint for endpoint in self.endpoints if endpoint.available]
        if available:
            return min(available, key=lambda endpoint: endpoint.in_flight)
        return min(self.endpoints, key=lambda endpoint: endpoint.rests_until)


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

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post JSON until a server gives an answer that no further attempt may mend, or attempts run out.

        Raises:
            ModelUnavailable: No attempt reached a server.
            ModelTimeout: An attempt took too long; there is no second one, which would take as long.
            ModelError: A server answered something that is no HTTP, or too much of it.
        """
        attempt = 0
        while True:
            pool = await self._pool()
            endpoint = pool.pick()
            outcome = await self._attempt(pool, endpoint, "POST", path, body, headers)
            if isinstance(outcome, Answer) and not outcome.passing:
                endpoint.failures = 0
                return outcome
            pause = pause_before(attempt + 1, outcome.retry_after if isinstance(outcome, Answer) else "")
            endpoint.failed(pause)
            if isinstance(outcome, Answer) and outcome.status in (429, 503):
                throttled()
            if attempt == self.retries:
                return final(outcome, attempt + 1)
            attempt += 1
            if not any(other.available for other in pool.endpoints):
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
    ) -> Answer | ModelUnavailable:
        """One attempt: an answer, or the failure to get one, returned where another attempt may mend it."""
        endpoint.in_flight += 1
        try:
            async with pool.gate:
                return await self._exchange(pool.session, endpoint.url, method, path, body, headers)
        except aiohttp.ConnectionTimeoutError:
            return ModelUnavailable(f"{endpoint.url}: no connection within {CONNECT_SECONDS:g} s")
        except TimeoutError as error:
            endpoint.failed(BACKOFF_SECONDS)
            raise ModelTimeout(f"{endpoint.url}: no reply within {self.timeout:g} s", hint="?timeout=") from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            return ModelUnavailable(f"{endpoint.url}: {type(error).__name__}: {excerpt(error)}")
        except aiohttp.ClientError as error:
            raise ModelError(f"{endpoint.url}: not an HTTP answer: {excerpt(error)}") from error
        finally:
            endpoint.in_flight -= 1

    async def _exchange(
        self, session: aiohttp.ClientSession, base: URL, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        data = BytesIO(body) if len(body) > LARGE_REQUEST_BYTES else body or None
        url = base.join(URL(path))
        async with session.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
            content = await read_bounded(response)
            return Answer(base, response.status, content, response.headers.get("Retry-After", ""))

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


def final(outcome: Answer | ModelUnavailable, attempts: int) -> Answer:
    """The last attempt's answer.

    Raises:
        ModelUnavailable: It had none.
    """
    if isinstance(outcome, Answer):
        return outcome
    raise ModelUnavailable(f"{outcome.message} ({attempts} attempts)", hint="is the server up, and the address right?")


async def read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """The whole body.

    Raises:
        ModelError: It is larger than `LARGEST_BODY_BYTES`.
    """
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LARGEST_BODY_BYTES:
            response.close()
            raise ModelError(f"{response.url.origin()}: the reply is larger than {LARGEST_BODY_BYTES >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


def pause_before(attempt: int, retry_after: str = "") -> float:
    """Seconds to wait before an attempt (1 = the first retry): what the server asks for, else backoff with jitter."""
    asked = seconds_of(retry_after)
    if asked is not None:
        return min(asked, LONGEST_PAUSE_SECONDS)
    backoff = min(BACKOFF_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    # Half fixed, half random: attempts that failed together do not come back together.
    return backoff * (0.5 + random.random() / 2)


def seconds_of(retry_after: str) -> float | None:
    """A Retry-After header as seconds from now (RFC 9110, 10.2.3: seconds or a date); `None` if it is neither."""
    text = retry_after.strip()
    try:
        return max(float(text), 0.0) if float(text) < float("inf") else None
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max((date - datetime.now(UTC)).total_seconds(), 0.0)
