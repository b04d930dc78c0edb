"""The site of the docs without its generator: what the check finds, where links lead, that no page is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from dikast.graphs import METHODS
from docs.examples import BLOCK, commands
from docs.site.build import DOCS, TO_FOLDER, navigation, outward, reference, repository, stage
from docs.site.check import problems


def site(folder: Path, body: str) -> list[str]:
    (folder / "index.html").write_text(f'<h1 id="top">Here</h1>{body}', encoding="utf-8")
    (folder / "other.html").write_text('<h2 id="there">There</h2>', encoding="utf-8")
    return problems(folder)


@pytest.mark.parametrize(
    "body",
    [
        '<a href="other.html#there">a</a><a href="#top">b</a><a href="https://example.org/x">told, not fetched</a>',
        '<img src="data:image/png;base64,AA"><link rel="canonical" href="https://example.org/">',
    ],
)
def test_a_site_that_is_right(tmp_path: Path, body: str) -> None:
    assert site(tmp_path, body) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="missing.html">x</a>', "missing.html leads nowhere"),
        ('<a href="other.html#nothing">x</a>', "other.html#nothing leads nowhere"),
        ('<a href="javascript:alert(1)">x</a>', "javascript:alert(1) leads nowhere"),
        ('<script src="https://example.org/x.js"></script>', "loads https://example.org/x.js"),
        ('<link rel="stylesheet" href="//fonts.example.org/css">', "loads //fonts.example.org/css"),
        ('<img srcset=" https://example.org/x.png 2x">', "loads  https://example.org/x.png 2x"),
        ('<p style="background: url(https://example.org/x.png)">', "loads https://example.org/x.png"),
        ("<style>@import 'https://example.org/x.css'</style>", "loads https://example.org/x.css"),
        ('<pre class="mermaid"></pre>', 'loads class="mermaid"'),
    ],
)
def test_what_is_found(tmp_path: Path, body: str, said: str) -> None:
    assert site(tmp_path, body) == [f"index.html: {said}"]


def test_a_style_sheet_loads_nothing_from_elsewhere_and_a_site_has_pages(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{tmp_path}: no page"]
    (tmp_path / "a.css").write_text("@font-face { src: url('https://example.org/font.woff2') }")
    assert site(tmp_path, "") == ["a.css: loads https://example.org/font.woff2"]


def test_links_out_of_the_docs_lead_to_the_repository() -> None:
    page = DOCS / "methods" / "x.md"
    text = (
        "[a](../../README.md) [b](dno.md#files) [c](https://x.org) [d](../design/)\n```md\n[e](../../README.md)\n```\n"
    )
    assert outward(text, page) == (
        f"[a]({repository()}/README.md) [b](dno.md#files) [c](https://x.org) [d]({repository()}/docs/design)\n"
        "```md\n[e](../../README.md)\n```\n"
    )


def test_links_to_a_folder_lead_to_its_page() -> None:
    made = [TO_FOLDER.sub(r'href="\1/index.html"', f'href="{target}"') for target in (".", "./..", "../..", "..x")]
    assert made == ['href="./index.html"', 'href="./../index.html"', 'href="../../index.html"', 'href="..x"']


def test_every_page_is_in_the_navigation_once(tmp_path: Path) -> None:
    stage(tmp_path)
    pages = tmp_path / "pages"
    told = repr(navigation(pages))
    for page in pages.rglob("*.md"):
        assert told.count(repr(page.relative_to(pages).as_posix())) == 1, page
    assert {f"reference/graphs/{name}.md" for name in METHODS} <= set(reference())
    (pages / "left.md").write_text("# Left out")
    with pytest.raises(SystemExit, match=r"leaves out: left\.md"):
        navigation(pages)


def test_every_method_has_its_page_of_which_and_a_worked_example() -> None:
    which = (DOCS / "which.md").read_text(encoding="utf-8")
    for name in METHODS:
        assert f"(methods/{name}.md)" in which, name
        assert BLOCK.search((DOCS / "methods" / f"{name}.md").read_text(encoding="utf-8")), name


def test_the_commands_of_a_worked_example() -> None:
    page = "```console\n$ cat > a.csv <<'END'\nx\n$ 1\nEND\n$ dikast x \\\n    --y\nwhat it says\n$ ls\n```\n"
    found = BLOCK.search(page)
    assert found
    assert commands(found.group()) == ["cat > a.csv <<'END'\nx\n$ 1\nEND", "dikast x \\\n    --y", "ls"]
