"""The request cache: replies by request key, in one SQLite file that several processes may share.

Keys (`request_key`) cover the model, messages, sampling, structure, prompt hash and sample index, so that n samples
of one prompt are n entries and a changed prompt file misses. Empty, filtered and refused replies are not kept, since
another attempt may do better; replies cut off at `max_tokens` are, since that bound is part of the key. Concurrent
askers of one key wait for the first one's reply instead of calling again.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dikast.agents.models.request import SCORED_REASON, Reply, TokenLogprob
from dikast.disk import cause_of, remedy_of
from dikast.errors import DataError

SCHEMA = "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL) WITHOUT ROWID"
BUSY_SECONDS = 30.0
"""How long a write waits for another process's; writes take well under a millisecond."""
MEMORY = ":memory:"
"""The path of a cache that is no file."""
KEPT_FINISH_REASONS = frozenset({"stop", "length"})


class RequestCache:
    """Replies by request key.

    Args:
        path: The SQLite file; made, with its folder, by `open`, or at first use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._flights: dict[tuple[int, str], asyncio.Future[Reply]] = {}

    @property
    def on_disk(self) -> bool:
        """Whether replies outlive the process."""
        return str(self.path) != MEMORY

    async def get_or_ask(self, key: str, ask: Callable[[], Awaitable[Reply]]) -> tuple[Reply, bool]:
        """The kept reply and True, or a fresh one and False.

        An asker that waited for another's flight gets True, since nothing was spent for it. If that flight fails,
        its error is its own: a waiting asker then makes its own call.
        """
        flight_key = (id(asyncio.get_running_loop()), key)
        while True:
            kept = self.get(key)
            if kept is not None:
                return kept, True
            flight = self._flights.get(flight_key)
            if flight is None:
                return await self._fly(flight_key, key, ask), False
            await asyncio.wait([flight])
            if not flight.cancelled() and flight.exception() is None:
                return flight.result(), True

    async def _fly(self, flight_key: tuple[int, str], key: str, ask: Callable[[], Awaitable[Reply]]) -> Reply:
        flight: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._flights[flight_key] = flight
        try:
            reply = await ask()
        except BaseException:
            flight.cancel()
            raise
        else:
            self.put(key, reply)
            flight.set_result(reply)
            return reply
        finally:
            del self._flights[flight_key]

    def open(self) -> None:
        """Make or open the file, so that what is wrong with its place is told before anything is spent.

        Raises:
            DataError: It is no SQLite data base, cannot be written, or its folder cannot be made.
        """
        self._open()

    def get(self, key: str) -> Reply | None:
        """The reply kept under this key."""
        row = self._open().execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return None if row is None else from_json(json.loads(row[0]))

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply, unless it is one that another attempt may better."""
        # Tokens that are no text are a reply too: a line's end, or the end of a turn behind a given beginning.
        said = reply.finish_reason in KEPT_FINISH_REASONS and (reply.text.strip() or reply.tokens) and not reply.refusal
        if said or reply.finish_reason == SCORED_REASON:
            with self._open() as connection:
                connection.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", (key, json.dumps(asdict(reply))))

    def __len__(self) -> int:
        return int(self._open().execute("SELECT count(*) FROM replies").fetchone()[0])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                hint = remedy_of(error, self.path, "written")
                raise explain_unusable(self.path, cause_of(error), hint) from error
            self._connection = connect(self.path)
        return self._connection


def connect(path: Path) -> sqlite3.Connection:
    """Open or make a cache file.

    Raises:
        DataError: The file is no SQLite data base, or cannot be written.
    """
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    except sqlite3.Error as error:
        raise explain_unusable(path, str(error)) from error
    try:
        # Write-ahead log, no disk flush per reply: a machine's crash may lose the last replies, never the file.
        with closing(connection.execute("PRAGMA journal_mode=WAL")):
            pass
        connection.execute("PRAGMA synchronous=NORMAL")
        with connection:
            connection.execute(SCHEMA)
            # Writes nothing, and fails where nothing can be written.
            connection.execute("DELETE FROM replies WHERE key = ''")
    except sqlite3.Error as error:
        connection.close()
        raise explain_unusable(path, str(error)) from error
    return connection


def explain_unusable(path: Path, why: str, hint: str = "") -> DataError:
    """The error for a place where no cache can be."""
    other = "name another file with --cache"
    return DataError(f"not usable as a request cache: {why}", path=path, hint=f"{hint}; or {other}" if hint else other)


def from_json(fields: dict[str, Any]) -> Reply:
    """A reply from its JSON form."""
    logprobs, ids = fields.pop("logprobs"), fields.pop("tokens", None)
    tokens = None
    if logprobs is not None:
        tokens = tuple(
            TokenLogprob(
                token["token"],
                token["logprob"],
                tuple((text, value) for text, value in token["top"]),
                tuple(token.get("ids", ())),
            )
            for token in logprobs
        )
    return Reply(**fields, logprobs=tokens, tokens=None if ids is None else tuple(ids))
