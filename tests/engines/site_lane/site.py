"""The site of the docs, built, and opened in a real browser from disk: it is searched, and fetches nothing elsewhere.

The worked examples are made anew, too: what a page says that a command prints is what it prints.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from docs.examples import BLOCK, pages, renewed
from docs.site.build import build
from tests.engines.browser_lane.chromium import Page, chromium
from tests.engines.environment import ROOT

REAL = ("openvino:", "transformers:")
"""Examples with a real model: what they print depends on the machine, and they were made once."""
MADE_ANEW = [
    page for page in pages() if not any(one in "".join(BLOCK.findall(page.read_text("utf-8"))) for one in REAL)
]
SEARCHED = """
(async () => {
  const sleep = ms => new Promise(done => setTimeout(done, ms));
  document.querySelector('[data-md-component="search"] button, .md-search__button, [for="__search"]').click();
  for (let i = 0; i < 100; i++) {
    const roots = [document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)];
    const inputs = roots.flatMap(root => [...root.querySelectorAll('input[type=search], input[role=combobox], input')]);
    const input = inputs.find(e => e.offsetParent && e.type !== 'checkbox' && e.type !== 'radio');
    if (input) {
      if (input.value !== WORDS) {
        input.focus();
        input.value = WORDS;
        input.dispatchEvent(new Event('input', {bubbles: true, composed: true}));
      }
      const links = roots.flatMap(root => [...root.querySelectorAll('a')]).filter(e => e.offsetParent);
      const found = links.map(e => e.getAttribute('href')).filter(href => href && href.includes('?h='));
      if (found.length) return found;
    }
    await sleep(100);
  }
  return [];
})()
"""
REFUSED = """
new Promise(done => {
  document.addEventListener('securitypolicyviolation', event => done(event.blockedURI));
  const script = document.createElement('script');
  script.src = 'http://127.0.0.1:9/x.js';
  document.head.append(script);
})
"""


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; building it is the check of its links and assets."""
    return build(tmp_path_factory.mktemp("site") / "site")


async def test_it_is_searched_from_disk_and_fetches_nothing_from_elsewhere(html: Path, tmp_path: Path) -> None:
    async with chromium(tmp_path) as page:
        await page.open((html / "index.html").as_uri())
        found = await page.ask(SEARCHED.replace("WORDS", "'preference pairs'"))
        assert any("dno" in link or "training" in link for link in found), found
        await same_site(page, html)


@pytest.mark.parametrize("name", ["reference/jobs.html", "methods/genqr.html", "cli.html"])
async def test_a_page_says_nothing_and_fetches_nothing_from_elsewhere(html: Path, tmp_path: Path, name: str) -> None:
    async with chromium(tmp_path) as page:
        await page.open((html / name).as_uri())
        assert await page.ask("document.querySelector('article h1').textContent.length > 3")
        await same_site(page, html)


async def test_a_remote_asset_would_be_refused(html: Path, tmp_path: Path) -> None:
    """By the pages' own policy, whatever a script of the theme may want later."""
    async with chromium(tmp_path) as page:
        await page.open((html / "index.html").as_uri())
        assert await page.ask(REFUSED)


async def same_site(page: Page, html: Path) -> None:
    """Nothing was asked of anybody but the site's folder, and nothing was complained about."""
    await asyncio.sleep(0.2)  # what a script fetches after loading
    await page.ask("1")
    own = (html.as_uri(), "data:", "about:", "blob:")
    assert [url for url in page.requested if not url.startswith(own)] == []
    assert page.said == []


def test_the_reference_tells_what_the_docstrings_say(html: Path) -> None:
    text = (html / "reference" / "jobs.html").read_text(encoding="utf-8")
    assert 'id="dikast.jobs.run"' in text
    assert "in a run folder that survives being killed" in text
    assert "Raises:" in text


@pytest.mark.parametrize("page", MADE_ANEW, ids=lambda page: page.stem)
def test_a_worked_example_prints_what_its_page_says(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path, dirs_exist_ok=True)
    text = page.read_text(encoding="utf-8")
    assert renewed(text, tmp_path) == text
