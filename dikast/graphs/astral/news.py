"""Where fresh topics for safety tests come from: headlines, out of files, a feed, or a search.

    news = load_news("folder:headlines/")                     # .txt: one a line; .jsonl: field "title" or "headline"
    news = load_news("feed:https://example.org/rss.xml")      # RSS or Atom, also a file; needs the extra `astral`
    news = load_news("search:https://api/search#model=server:http://localhost:8000/v1#M")
    await news.headlines("privacy violation", 3)

Files and feeds are read once, at first use; those headlines come first that share most words with the topic. A search
is made by an agent, once a topic: see `dikast.graphs.astral.news_search`. Headlines are foreign text: whoever shows
them to a model fences them.

Not here: dates. A headline is as fresh as its source.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from yarl import URL

from dikast.disk import refused
from dikast.errors import DataError, MissingExtraError, ModelError, UsageError
from dikast.graphs.astral.headlines import LONGEST_HEADLINE, SEARCH, tidy_lines
from dikast.graphs.astral.roles import NewsSource
from dikast.http.transport import Transport

FOLDER, FEED = "folder:", "feed:"
SUFFIXES = (".txt", ".jsonl")
TITLES = ("title", "headline")
FETCH_SECONDS = 30.0
WORD = re.compile(r"[^\W\d_]{4,}")
MARKUP = re.compile(r"<[^<>]*>")


class FolderNews:
    """Headlines in the `.txt` and `.jsonl` files of a folder, or in one such file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[str] | None = None

    @property
    def spec(self) -> str:
        """`folder:PATH`."""
        return f"{FOLDER}{self.path}"

    def fingerprint(self) -> Mapping[str, object]:
        """The headlines, by their hash."""
        return {"news": hashlib.sha256("\n".join(self._read()).encode("utf-8", "replace")).hexdigest()}

    async def headlines(self, topic: str, k: int) -> list[str]:
        """See `NewsSource.headlines`."""
        return find_nearest(await asyncio.to_thread(self._read), topic, k)

    def _read(self) -> list[str]:
        if self._lines is None:
            files = sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]
            found = [line for path in files if path.suffix in SUFFIXES for line in lines_of(path)]
            if not found:
                hint = "one headline a line in .txt files, or .jsonl with a field 'title'"
                raise DataError("no headline", path=self.path, hint=hint)
            self._lines = found
        return self._lines


class FeedNews:
    """Titles of an RSS or Atom feed, from a file or an http(s) address."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._titles: list[str] | None = None

    @property
    def spec(self) -> str:
        """`feed:FILE-or-URL`."""
        return f"{FEED}{self.source}"

    def fingerprint(self) -> Mapping[str, object]:
        """The source's name: what it says changes by the hour."""
        return {"feed": self.source}

    async def headlines(self, topic: str, k: int) -> list[str]:
        """See `NewsSource.headlines`."""
        if self._titles is None:
            self._titles = titles_of(await self._fetch(), self.source)
        return find_nearest(self._titles, topic, k)

    async def _fetch(self) -> bytes:
        if not self.source.startswith(("http://", "https://")):
            try:
                return Path(self.source).read_bytes()
            except OSError as error:
                raise refused(error, self.source) from error
        address = URL(self.source)
        transport = Transport([str(address.origin())], timeout=FETCH_SECONDS, retries=0, connections=1)
        try:
            answer = await transport.get(transport.urls[0], address.raw_path_qs, {})
        except ModelError as error:
            raise DataError(f"cannot be fetched: {error.message}", path=self.source) from error
        finally:
            await transport.aclose()
        if answer.status != 200:
            raise DataError(f"cannot be fetched: HTTP {answer.status}", path=self.source)
        return answer.content


def lines_of(path: Path) -> list[str]:
    """The headlines of one file.

    Raises:
        DataError: It cannot be read, or a line of a `.jsonl` has no title.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise refused(error, path) from error
    except UnicodeDecodeError as error:
        raise DataError(f"cannot be read: {error}", path=path, hint="save the file as UTF-8") from error
    if path.suffix == ".jsonl":
        return [title_in(line, path, number) for number, line in enumerate(lines, start=1) if line.strip()]
    return tidy_lines(line for line in lines if not line.startswith("#"))


def title_in(line: str, path: Path, number: int) -> str:
    """The title in a line of JSON."""
    try:
        record: object = json.loads(line)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", path=path, line=number) from error
    values = cast(dict[str, object], record) if isinstance(record, dict) else {}
    title = next((title for name in TITLES if isinstance(title := values.get(name), str)), None)
    if title is None:
        raise DataError("no headline", path=path, line=number, field=TITLES[0])
    return " ".join(title.split())[:LONGEST_HEADLINE]


def titles_of(content: bytes, source: str) -> list[str]:
    """The titles of a feed.

    Raises:
        MissingExtraError: feedparser is not installed.
        DataError: It is no feed, or an empty one.
    """
    try:
        feedparser: Any = import_module("feedparser")
    except ImportError as error:
        raise MissingExtraError("feedparser, which reads feeds,", extra="astral") from error
    parsed = feedparser.parse(content)
    titles = tidy_lines(MARKUP.sub("", str(entry.get("title", ""))) for entry in parsed.entries)
    if not titles:
        raise DataError("no RSS or Atom feed, or one without titles", path=source)
    return titles


def find_nearest(lines: list[str], topic: str, k: int) -> list[str]:
    """Those that share most words of four letters or more with the topic, the earlier ones first among equal ones."""
    wanted = set(WORD.findall(topic.lower()))
    return sorted(lines, key=lambda line: -len(wanted & set(WORD.findall(line.lower()))))[:k]


def load_news(spec: str) -> NewsSource:
    """A source from `folder:PATH`, `feed:FILE-or-URL` or `search:URL#model=SPEC`.

    Raises:
        UsageError: It is none of these.
    """
    if spec.startswith(FOLDER) and spec != FOLDER:
        return FolderNews(Path(spec.removeprefix(FOLDER)))
    if spec.startswith(FEED) and spec != FEED:
        return FeedNews(spec.removeprefix(FEED))
    if spec.startswith(SEARCH):
        from dikast.graphs.astral.news_search import open_search

        return open_search(spec.removeprefix(SEARCH))
    raise UsageError(
        f"no source of news: {spec!r}", hint="write folder:PATH, feed:FILE-or-URL, or search:URL#model=SPEC"
    )
