"""Who is answered, with what headers; that pages say what the journal says; that looking changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from dikast.jobs.files import encode
from dikast.jobs.folder import open_folder
from dikast.jobs.reading import Run
from dikast.viewer.guards import Guard
from dikast.viewer.index import name_of
from dikast.viewer.server import application
from dikast.viewer.shelf import Shelf
from dikast.viewer.telling import finder
from tests.viewer.reading import cells, see
from tests.viewer.runs import TOKEN, append, looking, page, prints, row, write

ROWS = [row(n, "timeout" if n % 5 == 0 else "ok") for n in range(1, 61)]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write(tmp_path / "runs" / "a", ROWS, asked=70)
    write(
        tmp_path / "runs" / "b", [{**one, "output": one["output"] and {**one["output"], "score": 0.5}} for one in ROWS]
    )
    return tmp_path / "runs"


async def test_only_who_has_the_token_is_answered(runs: Path) -> None:
    guard = Guard(TOKEN, ("127.0.0.1:1",), addresses=True)
    server = TestServer(application(Shelf((runs,), finder()), guard))
    async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
        for address in ("/", "/static/viewer.js", "/runs/x", "/?token=wrong", "/?token=", "/nowhere"):
            async with client.get(address) as reply:
                assert reply.status == 403, address
                assert "Run" not in await reply.text()
        async with client.get(f"/runs/x/rows?q=%22%3E%3Cb&token={TOKEN}") as reply:
            assert reply.status == 200
            cookie = reply.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            target = see(await reply.text()).tags[0][1]
            assert TOKEN not in target["content"]
            assert target["content"].startswith("0; url=/runs/x/rows?q=")
        assert "Runs" in await page(client, "/")  # the jar has the cookie now


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost"])
async def test_another_name_is_refused(runs: Path, host: str) -> None:
    async with looking([runs]) as client, client.get("/", headers={"Host": host}) as reply:
        assert reply.status == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_reading(runs: Path, method: str) -> None:
    async with looking([runs]) as client:
        for address in ("/", "/nowhere", f"/runs/{name_of(runs / 'a')}"):
            async with client.request(method, address) as reply:
                assert reply.status == 405, address


async def test_every_answer_forbids_itself_scripts_and_frames(runs: Path) -> None:
    key, name = ROWS[0]["key"], name_of(runs / "a")
    addresses = ("/", f"/runs/{name}", f"/runs/{name}/rows/{key}/raw.json", "/static/viewer.js", "/nowhere", "/runs/x")
    async with looking([runs]) as client:
        for address in addresses:
            async with client.get(address) as reply:
                policy = reply.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert reply.headers["X-Content-Type-Options"] == "nosniff"
                assert reply.headers["Referrer-Policy"] == "no-referrer"


async def test_what_is_not_there_is_a_page_that_says_so(runs: Path) -> None:
    name = name_of(runs / "a")
    async with looking([runs]) as client:
        for address in ("/runs/x", "/runs/x/rows", f"/runs/{name}/rows/{'0' * 32}", f"/compare?run={name}&run=x"):
            assert "There is no such page" in await page(client, address, 404)
        assert "tick two" in await page(client, f"/compare?run={name}", 400)
        for address in ("/static/../guards.py", "/static/%2e%2e/guards.py", f"/runs/..%2f..%2f{name}"):
            await page(client, address, 404)


async def test_pages_say_what_the_run_says(runs: Path) -> None:
    summary, name = Run.open(runs / "a").summary(), name_of(runs / "a")
    async with looking([runs]) as client:
        home = cells(await page(client, "/"))
        assert [line[1:5] for line in home[1:]] == [
            ["a", "owes rows", "60 of 70", "ok 48 timeout 12"],
            ["b", "done", "60 of 60", "ok 48 timeout 12"],
        ]
        text = await page(client, f"/runs/{name}")
        shown = {line[0]: int(line[1]) for line in cells(text)[1:]}
        assert shown == {outcome.value: count for outcome, count in summary.outcomes.items()}
        assert cells(text, 1)[1] == ["timeout", "12", "because of timeout"]
        spent = summary.usage["solver"]
        expected = ["solver", str(spent.calls), str(spent.input_tokens), f"{spent.output_tokens:,}", "30.000"]
        assert cells(text, 2)[1] == expected
        assert "dikast runs retry" in text


async def test_rows_are_filtered_sorted_and_searched(runs: Path) -> None:
    name = name_of(runs / "a")
    async with looking([runs]) as client:
        table = cells(await page(client, f"/runs/{name}/rows?outcome=ok&sort=output.score&down=1"))
        assert table[0][:2] == ["row", "outcome"]
        assert [line[0] for line in table[1:]] == [str(n) for n in range(59, 0, -1) if n % 5]
        assert [line[0] for line in cells(await page(client, f"/runs/{name}/rows?q=answer7"))[1:]] == ["7"]
        assert "No row is like that" in await page(client, f"/runs/{name}/rows?q=nowhere")
        assert [line[0] for line in cells(await page(client, f"/runs/{name}/rows?page=2"))[1:]] == [
            str(n) for n in range(51, 61)
        ]


async def test_a_row_tells_its_story_and_leads_on(runs: Path) -> None:
    name = name_of(runs / "a")
    async with looking([runs]) as client:
        text = await page(client, f"/runs/{name}/rows/{ROWS[4]['key']}?outcome=timeout&at=0")
        seen = see(text)
        assert "Say something." in seen.text
        links = {
            attributes["rel"]: attributes["href"] for tag, attributes in seen.tags if tag == "a" and "rel" in attributes
        }
        assert links["next"] == f"/runs/{name}/rows/{ROWS[9]['key']}?outcome=timeout&at=1"
        assert links["up"] == f"/runs/{name}/rows?outcome=timeout"
        assert "prev" not in links
        async with client.get(f"/runs/{name}/rows/{ROWS[4]['key']}/raw.json") as reply:
            assert reply.headers["Content-Disposition"].startswith("attachment")
            assert json.loads(await reply.text()) == ROWS[4]


async def test_a_run_that_is_written_is_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "live", ROWS[:10], asked=40)
    name = name_of(folder)
    with open_folder(folder, None):
        async with looking([folder]) as client:
            text = await page(client, f"/runs/{name}")
            assert 'data-state="running"' in text
            assert "rows/s" in text
            assert "left" in text
            append(folder, encode(ROWS[10]) + encode(ROWS[11])[:40])
            assert "<strong>11</strong> of 40" in await page(client, f"/runs/{name}")
            append(folder, encode(ROWS[11])[40:])
            assert "<strong>12</strong> of 40" in await page(client, f"/runs/{name}")
            assert "running" in await page(client, "/")
    async with looking([folder]) as client:
        assert 'data-state="still"' in await page(client, f"/runs/{name}")


async def test_a_journal_that_changed_under_a_page_is_told(runs: Path) -> None:
    name = name_of(runs / "a")
    async with looking([runs]) as client:
        await page(client, f"/runs/{name}/rows")
        journal = runs / "a" / "rows.jsonl"
        data, times = journal.read_bytes(), journal.stat()
        # Two lines change places in the middle, as long as before, and the file keeps its time: only reading tells.
        first, second = encode(ROWS[20]), encode(ROWS[22])
        assert len(first) == len(second)
        journal.write_bytes(data.replace(first, b"x").replace(second, first).replace(b"\nx{", b"\n" + second + b"{"))
        assert journal.stat().st_size == times.st_size
        os.utime(journal, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert "the journal has changed" in await page(client, f"/runs/{name}/rows/{ROWS[20]['key']}", 400)
        assert "Row 21" in await page(client, f"/runs/{name}/rows/{ROWS[20]['key']}")


async def test_a_damaged_index_is_told_and_made_again(runs: Path) -> None:
    name = name_of(runs / "a")
    async with looking([runs]) as client:
        await page(client, f"/runs/{name}/rows")
    path = next((runs.parent / "cache" / "viewer").glob("a-*.sqlite"))
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\x5a" * (len(data) - 4096))
    async with looking([runs]) as client:
        assert "The index was damaged" in await page(client, f"/runs/{name}/rows?q=answer", 503)
        assert "<strong>60</strong>" in await page(client, f"/runs/{name}/rows")


async def test_looking_changes_nothing(runs: Path) -> None:
    before = prints(runs)
    name, other = name_of(runs / "a"), name_of(runs / "b")
    async with looking([runs]) as client:
        for address in ("/", f"/runs/{name}", f"/runs/{name}/rows", f"/runs/{name}/rows/{ROWS[0]['key']}"):
            await page(client, address)
        await page(client, f"/compare?run={name}&run={other}")
        await page(client, f"/compare/{ROWS[0]['key']}?run={name}&run={other}")
    assert prints(runs) == before
