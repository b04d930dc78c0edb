"""HTML as a browser's parser sees it: which elements, which attributes, which text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Seen(HTMLParser):
    """What a page is made of."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    texts: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._inside: list[str] = []

    def __hash__(self) -> int:
        return id(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = [tag]

    def handle_endtag(self, tag: str) -> None:
        self._inside = []

    def handle_data(self, data: str) -> None:
        if self._inside not in (["style"], ["script"]):
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(" ".join(self.texts).split())


def see(html: str) -> Seen:
    """Read a page."""
    seen = Seen()
    seen.feed(html)
    seen.close()
    return seen


def cells(html: str, nth: int = 0) -> list[list[str]]:
    """The texts of a page's nth table, a list a line."""
    body = html.split("<table")[nth + 1].split("</table>")[0]
    return [
        [see(cell.partition(">")[2]).text for cell in line.replace("<th", "<td").split("<td")[1:]]
        for line in body.split("<tr")[1:]
    ]
