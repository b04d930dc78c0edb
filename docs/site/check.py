"""What must hold of a built site: links and anchors lead somewhere, and no page loads anything from elsewhere.

problems(Path("build/site/html"))      # [] or one line each
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "iframe": ("src", "srcdoc"),
    "source": ("src", "srcset"),
    "audio": ("src",),
    "video": ("src", "poster"),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "image": ("href",),
    "use": ("href",),
    "base": ("href",),
    "form": ("action",),
}
"""Attributes by which a browser fetches something by itself."""
REMOTE = re.compile(r"(?:https?:)?//\S", re.IGNORECASE)
IN_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?\s*((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)
LATER = ('class="mermaid"', 'data-md-component="source"')
"""What makes the theme's script fetch more: drawings, and the repository's stars."""


class Page(HTMLParser):
    """What a page holds: its anchors, the targets of its links, and what it loads from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.remote: list[str] = [*IN_STYLE.findall(text), *(mark for mark in LATER if mark in text)]
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser at each tag."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.targets.append(given["href"])
        # A canonical address is told, not fetched.
        for name in () if given.get("rel") == "canonical" else LOADS.get(tag, ()):
            if REMOTE.match(given.get(name, "").strip()):
                self.remote.append(given[name])


def problems(folder: Path) -> list[str]:
    """One line for each link that leads nowhere and each asset from elsewhere; a site without pages is one, too."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    found = [] if pages else [f"{folder}: no page"]
    for path, page in pages.items():
        name = path.relative_to(folder)
        found += [f"{name}: loads {what}" for what in page.remote]
        found += [f"{name}: {target} leads nowhere" for target in page.targets if not leads(path, target, pages)]
    for path in sorted(folder.rglob("*.css")):
        loaded = IN_STYLE.findall(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(folder)}: loads {what}" for what in loaded]
    return list(unique(found))


def leads(page: Path, target: str, pages: dict[Path, Page]) -> bool:
    """Whether a link of a page leads somewhere; addresses elsewhere are taken at their word."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return parts.scheme in {"http", "https"}
    other = Path(os.path.normpath(page.parent / unquote(parts.path))) if parts.path else page
    if other not in pages:
        return other.is_file()
    return not parts.fragment or unquote(parts.fragment) in pages[other].anchors | {"__top"}


def unique(lines: list[str]) -> Iterator[str]:
    """Each line once, in order."""
    yield from dict.fromkeys(lines)
