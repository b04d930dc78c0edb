"""Whatever a run holds is text: no element, attribute, address or invisible character of a page is somebody else's.

Checked here with a parser on every page; in a real browser by `tests/engines/browser_lane/viewer.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dikast.jobs.reading import Run
from dikast.pages import Figure, Page, Table, Text
from dikast.viewer.drawing import LONGEST_TEXT, draw, environment
from dikast.viewer.export import page_of
from dikast.viewer.index import name_of
from tests.viewer.attacks import ATTACKS, BIG, FOLDER, SVG, attack_run
from tests.viewer.reading import see
from tests.viewer.runs import looking, page, row

OURS = frozenset(
    """html head meta title link script body a header nav span bdi main h1 h2 h3 p section div table caption thead tbody
    tr th td details summary ul li pre strong progress footer kbd form fieldset legend label input select option button
    dl dt dd article figure img figcaption""".split()  # noqa: SIM905 # a list of these is a screen long
)
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
ADDRESS = re.compile(r"(/[a-z]|/$|[?#]|data:)")


def assert_harmless(html: str, *, exported: bool = False) -> None:
    unseen = UNSEEN.search(html)
    assert unseen is None, html[max(0, unseen.start() - 300) : unseen.end()]
    for tag, attributes in see(html).tags:
        assert tag in OURS or (exported and tag == "style"), tag
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc", "formaction")]
        for name in ("href", "src", "action", "content"):
            value = attributes.get(name)
            assert value is None or tag == "meta" or ADDRESS.match(value), (tag, value)
        if tag == "script":
            assert attributes == ({} if exported else {"defer": "", "src": "/static/viewer.js"})
        if tag == "meta":
            assert attributes.get("http-equiv") in (None, "Content-Security-Policy"), attributes


async def test_every_page_of_a_hostile_run(tmp_path: Path) -> None:
    folder = attack_run(tmp_path / "runs" / FOLDER)
    other = attack_run(tmp_path / "runs" / "other")
    (other / "rows.jsonl").write_bytes((folder / "rows.jsonl").read_bytes().replace(b"said", b"told"))
    name, second = name_of(folder), name_of(other)
    keys = [row(number)["key"] for number in range(1, len(ATTACKS) + 1)]
    addresses = [
        "/",
        f"/runs/{name}",
        f"/runs/{name}/rows?columns=all",
        f"/runs/{name}/rows?q=%3Cscript%3Ecanary(1)&sort=%22%3E%3Cimg&outcome=%3Cb%3E&low=%3Cb%3E&page=%3Cb%3E",
        f"/compare?run={name}&run={second}",
        *(f"/runs/{name}/rows/{key}?q=%22%3E%3Cscript%3E&at=0" for key in keys),
        *(f"/compare/{key}?run={name}&run={second}" for key in keys[:3]),
    ]
    async with looking([tmp_path / "runs"]) as client:
        for address in addresses:
            assert_harmless(await page(client, address))
        text = see(await page(client, f"/runs/{name}/rows/{keys[0]}")).text
        assert "<script>canary(1)</script>" in text  # it is told as what it is
        assert "⟨U+202E⟩" in see(await page(client, f"/runs/{name}/rows/{keys[11]}")).text


async def test_a_cell_of_ten_megabytes(tmp_path: Path) -> None:
    folder = attack_run(tmp_path / "x", big=True)
    name, key = name_of(folder), row(len(ATTACKS) + 1)["key"]
    async with looking([folder]) as client:
        for address in (f"/runs/{name}/rows", f"/runs/{name}/rows/{key}"):
            text = await page(client, address)
            assert len(text) < 20 * LONGEST_TEXT
        assert f"{len(BIG) - LONGEST_TEXT:,} more characters" in text
        async with client.get(f"/runs/{name}/rows/{key}/raw.json") as reply:
            assert BIG in await reply.text()


def test_an_exported_page(tmp_path: Path) -> None:
    text = page_of(Run.open(attack_run(tmp_path / FOLDER)), None, most_rows=100)
    assert_harmless(text, exported=True)
    assert "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-" in text.replace(
        "&#39;", "'"
    )


@pytest.mark.parametrize("attack", [*ATTACKS, SVG])
def test_every_part_of_a_report(attack: str) -> None:
    parts = (
        *(Text(attack, kind, attack) for kind in ("paragraph", "heading", "quote", "note")),
        Table((attack, "n"), ((attack, 1.0), (None, 2)), attack),
        Figure(attack, attack, attack),
        Figure(SVG, attack),
    )
    told = '{% import "parts.html" as parts %}{% for part in page.parts %}{{ parts.one(part) }}{% endfor %}'
    assert_harmless(environment().from_string(told).render(page=Page(attack, parts)))
    assert_harmless(draw("message.html", title=attack, text=attack, page_name="message", crumbs=()))
