"""`dikast view` in a real browser: driven by mouse and keyboard, silent, harmless, legible."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from dikast.jobs.files import encode
from dikast.jobs.folder import open_folder
from dikast.jobs.reading import Run
from dikast.viewer.compare import compare
from dikast.viewer.export import page_of
from dikast.viewer.guards import Guard
from dikast.viewer.index import Index, name_of
from dikast.viewer.server import application
from dikast.viewer.shelf import Book, Shelf
from dikast.viewer.telling import finder
from tests.engines.browser_lane.chromium import Page, chromium
from tests.viewer.attacks import ATTACKS, FOLDER, attack_run
from tests.viewer.runs import TOKEN, append, row, write

ROWS = [row(n, "timeout" if n % 5 == 0 else "ok") for n in range(1, 121)]
NUMBERS = "[...document.querySelectorAll('table.rows tbody tr:not([hidden]) th')].map(e => e.innerText.trim())"
CHOSEN = "document.querySelector('tr[aria-current] th')?.innerText.trim()"
CONTRAST = """
(() => {
  const numbers = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [.2126, .7152, .0722][at], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) poor.push(`${e.tagName} ${e.className} ${e.textContent.slice(0, 30)}`);
  }
  return poor;
})()
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIKAST_CACHE", str(tmp_path / "cache"))


@asynccontextmanager
async def viewer(folders: Iterable[Path], profile: Path) -> AsyncGenerator[tuple[Page, str]]:
    """A browser that has opened the viewer, and the viewer's address."""
    server = TestServer(application(Shelf(tuple(folders), finder()), Guard(TOKEN, (), addresses=True)))
    await server.start_server()
    try:
        async with chromium(profile) as page:
            base = f"http://127.0.0.1:{server.port}"
            await page.size(1280)
            await page.open(f"{base}/?token={TOKEN}")
            await page.until("location.search === '' && document.querySelector('h1')?.innerText === 'Runs'")
            await page.until("document.readyState === 'complete'")  # its script hears keys by then
            yield page, base
            assert page.said == []
            assert all(url.startswith((f"{base}/", "data:")) for url in page.requested), page.requested
    finally:
        await server.close()


async def test_open_filter_search_open_a_row_and_go_back(tmp_path: Path) -> None:
    folder = write(tmp_path / "runs" / "a", ROWS)
    async with viewer([tmp_path / "runs"], tmp_path / "profile") as (page, base):
        await page.ask("document.querySelector('table.rows a').click()")
        await page.until("document.body.dataset.page === 'run'")
        outcomes: list[list[str]] = await page.ask(
            "[...document.querySelectorAll('#outcomes tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
        )
        expected = {outcome.value: count for outcome, count in Run.open(folder).summary().outcomes.items()}
        assert {line[0]: int(line[1]) for line in outcomes} == expected
        await page.ask("document.querySelector('a[data-open]').click()")
        await page.until("document.body.dataset.page === 'rows'")
        await page.ask("document.querySelector('input[value=timeout]').click()")
        await page.ask("document.querySelector('form.filter button').click()")
        await page.until("location.search.includes('outcome=timeout')")
        await page.until("document.querySelectorAll('table.rows tbody tr').length === 24")
        assert await page.ask(NUMBERS) == [str(n) for n in range(5, 121, 5)]
        await page.ask("document.querySelector('thead a[href*=seconds]').click()")
        await page.until("document.querySelector('[aria-sort=ascending]') !== null")
        await page.ask("document.querySelector('#search').value = 'question 15'")
        await page.ask("document.querySelector('form.filter button').click()")
        await page.until("document.querySelectorAll('table.rows tbody tr').length === 1")
        deep = await page.ask("location.href")
        await page.ask("document.querySelector('table.rows tbody a').click()")
        await page.until("document.body.dataset.page === 'row'")
        assert "answer15" in await page.ask("document.body.innerText")
        await page.ask("history.back()")
        await page.until("document.body.dataset.page === 'rows'")
        assert await page.ask("location.href") == deep
        await page.open(f"{base}/runs/{name_of(folder)}/rows/{ROWS[6]['key']}")  # a deep link
        assert await page.ask("document.querySelector('h1').innerText") == "Row 7 ok"
        raw = await page.ask(f"fetch('/runs/{name_of(folder)}/rows/{ROWS[6]['key']}/raw.json').then(r => r.json())")
        assert raw == ROWS[6]


async def test_keyboard_only(tmp_path: Path) -> None:
    write(tmp_path / "runs" / "a", ROWS)
    async with viewer([tmp_path / "runs"], tmp_path / "profile") as (page, _):
        await page.press("j", "Enter")
        await page.until("document.body.dataset.page === 'run' && document.readyState === 'complete'")
        await page.press("Enter")
        await page.until("document.body.dataset.page === 'rows' && document.readyState === 'complete'")
        await page.press("j", "j", "j", "k")
        assert await page.ask(CHOSEN) == "2"
        await page.press("Enter")
        await page.until("document.querySelector('h1')?.innerText.startsWith('Row 2')")
        await page.until("document.readyState === 'complete'")
        await page.press("j")
        await page.until("document.querySelector('h1')?.innerText.startsWith('Row 3')")
        await page.until("document.readyState === 'complete'")
        await page.press("Escape")
        await page.until("document.body.dataset.page === 'rows' && document.readyState === 'complete'")
        assert await page.ask(CHOSEN) == "2"  # where one was
        await page.press("/", *"answer9", "Enter")
        await page.until("location.search.includes('q=answer9')")
        await page.until("document.readyState === 'complete' && document.body.dataset.page === 'rows'")
        assert await page.ask(NUMBERS) == ["9", *map(str, range(90, 100))]
        await page.press("Tab")
        assert await page.ask("document.activeElement.matches('.skip:focus-visible')")
        style = await page.ask("(s => [s.outlineStyle, s.outlineWidth])(getComputedStyle(document.activeElement))")
        assert style == ["solid", "3px"]
        await page.press("Escape")
        await page.until("document.body.dataset.page === 'run' && document.readyState === 'complete'")
        await page.press("Escape")
        await page.until("document.body.dataset.page === 'home'")


async def test_a_run_that_is_being_written_is_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "runs" / "live", ROWS[:5], asked=40)
    with open_folder(folder, None):
        async with viewer([tmp_path / "runs"], tmp_path / "profile") as (page, base):
            await page.open(f"{base}/runs/{name_of(folder)}/rows?sort=number&down=1")
            await page.press("j")
            assert await page.ask(NUMBERS) == ["5", "4", "3", "2", "1"]
            append(folder, encode(ROWS[5]) + encode(ROWS[6])[:60])
            await page.until(f"{NUMBERS}.join() === '6,5,4,3,2,1'")
            assert await page.ask(CHOSEN) == "5"
            assert "6 of 40" in await page.ask("document.querySelector('#standing').innerText")
            assert "left" in await page.ask("document.querySelector('#standing').innerText")
            append(folder, encode(ROWS[6])[60:])
            await page.until(f"{NUMBERS}.join() === '7,6,5,4,3,2,1'")


async def test_two_runs_side_by_side(tmp_path: Path) -> None:
    first = write(tmp_path / "runs" / "a", ROWS)
    second = write(tmp_path / "runs" / "b", [row(n, output={"score": 0.5}) for n in range(1, 100)])
    books = [Book("x", Run.open(one), None, Index(Run.open(one), home=tmp_path / "other")) for one in (first, second)]
    for book in books:
        book.index.catch_up(60)
    expected = compare(books[0], books[1])
    async with viewer([tmp_path / "runs"], tmp_path / "profile") as (page, _):
        await page.ask("document.querySelectorAll('input[name=run]').forEach(one => one.click())")
        await page.ask("document.querySelector('form button').click()")
        await page.until("document.body.dataset.page === 'compare' && document.readyState === 'complete'")
        if await page.ask("document.querySelector('dl.pair dd a').innerText") == "b":
            expected = compare(books[1], books[0])
        figures: list[list[str]] = await page.ask(
            "[...document.querySelector('#counts table').rows].slice(1).map(r => [...r.cells].map(c => c.innerText))"
        )
        told = next(one for one in expected.figures if one.name == "output.score")
        line = next(one for one in figures if one[0] == "score")
        assert [int(line[1]), *map(float, line[2:5])] == [
            told.n,
            *(pytest.approx(value, abs=5e-4) for value in (told.first, told.second, told.difference)),
        ]
        assert json.loads(line[5]) == pytest.approx(list(told.interval), abs=5e-4)
        assert f"{expected.differing} rows differ" in await page.ask("document.body.innerText")
        await page.press("j", "Enter")
        await page.until("document.body.dataset.page === 'pair' && document.readyState === 'complete'")
        await page.press("Escape")
        await page.until("document.body.dataset.page === 'compare'")


async def test_nothing_of_a_hostile_run_runs(tmp_path: Path) -> None:
    """A canary in every page hears if anything is called; whatever a page asks for is heard, too."""
    folder = attack_run(tmp_path / "runs" / FOLDER, big=True)
    other = attack_run(tmp_path / "runs" / "other")
    name, second = name_of(folder), name_of(other)
    keys = [row(number)["key"] for number in range(1, len(ATTACKS) + 2)]
    async with viewer([tmp_path / "runs"], tmp_path / "profile") as (page, base):
        await page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="window.sung = []; window.canary = (n) => { window.sung.push(n); console.error('canary', n); };",
        )
        addresses = [
            "/",
            f"/runs/{name}",
            f"/runs/{name}/rows?columns=all",
            f"/runs/{name}/rows?q=%3Cscript%3Ecanary(1)%3C/script%3E",
            f"/compare?run={name}&run={second}",
            f"/compare/{keys[2]}?run={name}&run={second}",
            *(f"/runs/{name}/rows/{key}" for key in keys),
        ]
        for address in addresses:
            await page.open(base + address)
            await page.ask("document.querySelectorAll('details').forEach(one => { one.open = true; })")
            # Everything that can be pointed at is, without being followed.
            await page.ask(
                "document.querySelectorAll('main *').forEach(e => ['mouseover', 'focus', 'error', 'load', 'toggle']"
                ".forEach(kind => e.dispatchEvent(new Event(kind))))"
            )
            assert await page.ask("window.sung") == [], address
            assert await page.ask("typeof window.canary") == "function"
            assert await page.ask("document.scripts.length") == 1
            assert await page.ask("document.querySelectorAll('iframe, object, embed, svg, base, style').length") == 0
            links: list[str] = await page.ask("[...document.links].map(link => link.protocol + '//' + link.host)")
            assert set(links) <= {base}
            assert "\u202e" not in await page.ask("document.documentElement.outerHTML")


async def test_the_canary_sings(tmp_path: Path) -> None:
    """That it was silent means something only if it can be heard."""
    loud = tmp_path / "loud.html"
    loud.write_text("<svg onload=canary(1)></svg><img src=x onerror=canary(2)>")
    async with chromium(tmp_path / "profile") as page:
        source = "window.sung = []; window.canary = (n) => window.sung.push(n);"
        await page.call("Page.enable")
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=source)
        await page.open(loud.as_uri())
        assert sorted(await page.ask("window.sung")) == [1, 2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_are_legible_at_any_width(tmp_path: Path, scheme: str) -> None:
    folder = write(tmp_path / "runs" / "a", [*ROWS, row(121, "error"), row(122, "unparsed")], asked=130)
    name = name_of(folder)
    other = name_of(write(tmp_path / "runs" / "b", ROWS[:50]))
    hostile = name_of(attack_run(tmp_path / "runs" / FOLDER))
    async with viewer([tmp_path / "runs"], tmp_path / "profile") as (page, base):
        await page.scheme(scheme)
        for address in (
            "/",
            f"/runs/{name}",
            f"/runs/{name}/rows",
            f"/runs/{name}/rows/{ROWS[4]['key']}?at=4",
            f"/compare?run={name}&run={other}",
            f"/compare/{ROWS[60]['key']}?run={name}&run={other}",
            f"/runs/{hostile}",
            f"/runs/{hostile}/rows?columns=all",
            f"/runs/{hostile}/rows/{row(8)['key']}",
        ):
            for width in (1280, 400):
                await page.size(width)
                await page.open(base + address)
                await page.ask("document.querySelectorAll('details').forEach(one => { one.open = true; })")
                assert await page.ask("document.documentElement.scrollWidth <= innerWidth"), (address, width)
                assert await page.ask(CONTRAST) == [], address
                assert await page.ask(
                    "[...document.querySelectorAll('input, select')].every(e => e.labels.length || e.ariaLabel)"
                )
                headings: list[str] = await page.ask("[...document.querySelectorAll('h1')].map(e => e.innerText)")
                assert len(headings) == 1


async def test_an_exported_page_opens_from_disk(tmp_path: Path) -> None:
    folder = attack_run(tmp_path / FOLDER)
    url = tmp_path / "page.html"
    url.write_text(page_of(Run.open(folder), None, most_rows=100), encoding="utf-8")
    async with chromium(tmp_path / "profile") as page:
        await page.call("Page.enable")
        source = "window.sung = []; window.canary = (n) => window.sung.push(n);"
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=source)
        await page.open(url.as_uri())
        count = len(ATTACKS)
        assert len(await page.ask(NUMBERS)) == count
        await page.ask("document.querySelector('thead button').click()")
        await page.ask("document.querySelector('thead button').click()")
        assert await page.ask(NUMBERS) == [str(n) for n in range(count, 0, -1)]
        await page.ask(
            "document.getElementById('outcome').value = 'error';"
            "document.getElementById('outcome').dispatchEvent(new Event('change'))"
        )
        assert await page.ask(NUMBERS) == [str(n) for n in range(count, 0, -1) if n % 3 == 0]
        await page.ask(
            "document.getElementById('outcome').value = '';"
            "document.getElementById('words').value = 'DEADLY NOWHERE';"
            "document.getElementById('words').dispatchEvent(new Event('input'))"
        )
        assert await page.ask(NUMBERS) == []
        assert await page.ask("document.getElementById('told').innerText") == "0 rows"
        assert await page.ask("window.sung") == []
        assert page.said == []
        assert set(page.requested) <= {url.as_uri(), "data:,"}


async def test_who_looks_does_not_slow_the_job(tmp_path: Path) -> None:
    """A writer that holds the folder's lock writes on while pages are asked for: it never waits for a reader."""
    folder = write(tmp_path / "runs" / "live", ROWS[:1], asked=4000)
    written: list[int] = []

    def work() -> None:
        with open_folder(folder, None):
            for number in range(2, 2001):
                append(folder, encode(row(number)))
                written.append(number)

    worker = threading.Thread(target=work)
    async with viewer([tmp_path / "runs"], tmp_path / "profile") as (page, base):
        worker.start()
        while worker.is_alive():
            await page.open(f"{base}/runs/{name_of(folder)}/rows")
        await asyncio.to_thread(worker.join)
        await page.open(f"{base}/runs/{name_of(folder)}/rows")
        await page.until("document.querySelector('#standing').innerText.includes('2,000 of 4,000')")
    assert len(written) == 1999
    outcomes: dict[Any, int] = dict(Run.open(folder).summary().outcomes)
    assert sum(outcomes.values()) == 2000
