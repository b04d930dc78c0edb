from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs.astral.news import FeedNews, FolderNews, load_news

RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><title>Harvest &lt;b&gt;festival&lt;/b&gt; opens</title></item>
<item><title>New rules for online privacy</title></item></channel></rss>"""
ATOM = b"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><title>Privacy law\nchanges</title></entry></feed>"""


class Site:
    """A site with a feed and a search API, on loopback."""

    def __init__(self) -> None:
        self.queries: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.answer: tuple[int, bytes] = (200, b'{"results": [{"title": "Tea prices rise"}, {"title": "Tea falls"}]}')
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(*((200, RSS) if self.path == "/rss?all=1" else (404, b"no")))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                site.queries.append(json.loads(body))
                site.keys.append(self.headers.get("Authorization"))
                self._send(*site.answer)

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                del format, args

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


async def test_a_folder_of_headlines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# a comment\nBread is cheap\n\nA privacy  violation at sea\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"title": "Privacy again"}\n{"headline": "Frost"}\n', encoding="utf-8")
    (tmp_path / "c.pdf").write_bytes(b"\x00")
    news = load_news(f"folder:{tmp_path}")
    assert isinstance(news, FolderNews)
    assert await news.headlines("privacy violation", 2) == ["A privacy violation at sea", "Privacy again"]
    assert len(await news.headlines("nothing", 9)) == 4
    before = news.fingerprint()
    (tmp_path / "a.txt").write_text("Another\n", encoding="utf-8")
    assert load_news(f"folder:{tmp_path}").fingerprint() != before


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.jsonl", '{"x": 1}', ":1"),
        ("a.jsonl", "no", "not JSON"),
        ("a.txt", "\n", "no headline"),
        ("a.md", "x", "no headline"),
    ],
)
async def test_bad_headlines_are_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        await load_news(f"folder:{tmp_path}").headlines("x", 1)


async def test_feeds_from_files_and_addresses(tmp_path: Path, site: Site) -> None:
    (tmp_path / "atom.xml").write_bytes(ATOM)
    assert await load_news(f"feed:{tmp_path / 'atom.xml'}").headlines("x", 5) == ["Privacy law changes"]
    served = load_news(f"feed:{site.url}/rss?all=1")
    assert isinstance(served, FeedNews)
    assert await served.headlines("online privacy", 5) == ["New rules for online privacy", "Harvest festival opens"]


async def test_bad_feeds_are_told(tmp_path: Path, site: Site) -> None:
    (tmp_path / "no.xml").write_text("hello")
    for source, told in (
        (f"{tmp_path}/no.xml", "no RSS"),
        (f"{tmp_path}/absent", "cannot be read"),
        (f"{site.url}/absent", "HTTP 404"),
        ("http://127.0.0.1:9/rss", "cannot be fetched"),
    ):
        with pytest.raises(DataError, match=told):
            await load_news(f"feed:{source}").headlines("x", 1)


def test_specs_of_news() -> None:
    for spec, told in (
        ("rss:x", "no source"),
        ("folder:", "no source"),
        ("search:http://127.0.0.1/s#model=openvino:smollm2-135m", "can call tools"),
        ("search:ftp://x#model=server:http://h/v1#M", "no address"),
        ("search:http://127.0.0.1/s#kee=X&model=server:http://h/v1#M", "kee"),
    ):
        with pytest.raises(UsageError, match=told):
            load_news(spec)
    spec = "search:http://127.0.0.1/s#key_env=X&model=server:http://127.0.0.1:8000/v1#M"
    assert load_news(spec).spec == spec
