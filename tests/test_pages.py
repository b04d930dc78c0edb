from __future__ import annotations

import csv as csv_module
import io
import json
import math
import re
import subprocess
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.pages import Cell, Figure, Page, Table, Text, as_json, csv, drawn, files_of, html, markdown, visible

HOSTILE = "<script>alert(1)</script> | [x](http://e.org) `a` \x1b[2J \u202egnp.exe & **b**"


class Reader(HTMLParser):
    """The tags and the text of a document, as a browser takes them."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def everywhere(text: str) -> Page:
    """A page that has the text in each place that takes one."""
    parts = (
        Text(text),
        Text(text, "heading"),
        Text(text, "quote", text),
        Text(text, "note", text),
        Table((text,), ((text,),), text),
        Figure("<svg/>", "plot.svg", text),
    )
    return Page(text, parts)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (None, "-"),
        (math.nan, "-"),
        (True, "yes"),
        (False, "no"),
        (3, "3"),
        (0.83249, "0.832"),
        (0.0, "0.000"),
        (0.00021, "0.00021"),
        (-0.5, "-0.500"),
        ("", ""),
        ("word", "word"),
    ],
)
def test_a_cell_is_drawn_as_people_read_it(cell: Cell, told: str) -> None:
    assert drawn(cell) == told


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="1 cells in a table of 2 columns"):
        Table(("a", "b"), (("x",),))


def test_invisible_characters_are_shown_by_number_and_scripts_stay_readable() -> None:
    assert visible("a\x1b[31m\u202eb\ud800\x85") == "a⟨U+001B⟩[31m⟨U+202E⟩b⟨U+D800⟩⟨U+0085⟩"
    assert visible("日本\u3000語 1\u00a0000\tä\r\nשלום") == "日本\u3000語 1\u00a0000\tä\nשלום"


@given(st.text())
def test_no_drawing_holds_a_character_that_is_not_seen(text: str) -> None:
    page = everywhere(text)
    for document in (markdown(page), html(page), csv(Table((text,), ((text,),)))):
        assert visible(document) == document
        document.encode()


def test_markdown_is_written_part_by_part() -> None:
    parts = (
        Text("Best first."),
        Text("Accuracy", "heading"),
        Table(("judge", "accuracy", "n"), (("a|b", "0.832 [0.750, 0.891]", 3), ("c", None, 10)), "By judge"),
        Text("said", "quote", "solver"),
        Figure("<svg/>", "a.svg", "a plot"),
        Text("How to read it.\nAnd more.", "note"),
    )
    assert markdown(Page("Judges", parts)) == (
        "# Judges\n\nBest first.\n\n## Accuracy\n\n## By judge\n\n"
        "| judge | accuracy | n |\n| --- | ---: | ---: |\n| a\\|b | 0.832 [0.750, 0.891] | 3 |\n| c | - | 10 |\n\n"
        "**solver**\n\n```\nsaid\n```\n\n![a plot](a.svg)\n\n> How to read it.\n> And more.\n"
    )


@pytest.mark.parametrize("line", ["- a", "+ a", "1. a", "12) a", "===", "# a", "> a", "    code", "* a", "~~~"])
def test_a_line_of_a_paragraph_begins_nothing(line: str) -> None:
    [_, _, told, _] = markdown(Page("t", (Text(line),))).split("\n")
    assert re.match(r"(\d+\\[.)]|\\[-+=#>*~]|code)", told), told


def test_markdown_of_hostile_text_has_no_markup() -> None:
    document = markdown(Page("t", (Text(HOSTILE), Table(("c",), ((HOSTILE,),)))))
    assert not re.search(r"(?<!\\)[<>`*\[&]", document)
    assert "\x1b" not in document


@given(st.text(alphabet="`~a\n ", max_size=40))
def test_a_quote_cannot_end_its_own_block(said: str) -> None:
    lines = markdown(Page("t", (Text(said, "quote"),))).split("\n")[2:-1]
    fence = lines[0]
    assert set(fence) == {"`"}
    assert [line for line in lines[1:] if line.strip().startswith(fence)] == [lines[-1]]


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (("0.832 [0.750, 0.891]", None, 3), "---:"),
        (("3 of 10, 30.0 % [10.8, 60.3]", "1e-05"), "---:"),
        (("1", "one"), "---"),
        (("1\r",), "---"),
        ((), "---"),
    ],
)
def test_columns_of_figures_alone_stand_to_the_right(cells: tuple[Cell, ...], mark: str) -> None:
    lines = markdown(Page("t", (Table(("c",), tuple((cell,) for cell in cells)),))).splitlines()
    assert lines[3] == f"| {mark} |"


def test_html_of_hostile_text_is_text() -> None:
    page = everywhere(HOSTILE)
    found = Reader(html(page))
    assert {tag for tag, _ in found.tags} == {
        *("html", "head", "meta", "link", "title", "style", "body", "main", "h1", "h2", "p", "strong", "pre", "div"),
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "img", "figcaption"),
    }
    assert found.text.count(visible(HOSTILE)) == 12
    [image] = [attributes for tag, attributes in found.tags if tag == "img"]
    assert image["alt"] == visible(HOSTILE)


def test_html_forbids_all_but_its_own_style_and_its_own_images() -> None:
    document = html(Page("t", (Figure("<svg onload='x()'>é</svg>", "a.svg"),)))
    found = Reader(document)
    [policy] = [a["content"] for tag, a in found.tags if tag == "meta" and a.get("http-equiv")]
    [style] = re.findall(r"<style>(.*?)</style>", document, re.DOTALL)
    [image] = [attributes for tag, attributes in found.tags if tag == "img"]
    known = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{known}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "style=" not in document.replace(style, "")
    head, _, body = str(image["src"]).partition(",")
    assert head == "data:image/svg+xml;base64"
    assert b64decode(body).decode() == "<svg onload='x()'>é</svg>"


def test_json_has_the_values_and_null_for_what_is_not_defined() -> None:
    page = Page("t", (Text("a", "quote", "b"), Table(("c", "d"), ((0.5, math.nan), (None, "-")), "e")))
    told = as_json(page)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told == {
        "title": "t",
        "parts": [
            {"type": "text", "kind": "quote", "label": "b", "text": "a"},
            {"type": "table", "title": "e", "columns": ["c", "d"], "rows": [[0.5, None], [None, "-"]]},
        ],
    }


def test_csv_has_floats_in_full_and_no_formula() -> None:
    table = Table(("=a", "b", "c"), (("+0.123", 1 / 3, None), ("=1+2", math.nan, True), ("-cmd", 2, "x,\ny")))
    assert list(csv_module.reader(io.StringIO(csv(table)))) == [
        ["'=a", "b", "c"],
        ["+0.123", "0.3333333333333333", ""],
        ["'=1+2", "", "yes"],
        ["'-cmd", "2", "x,\ny"],
    ]


def test_all_drawings_are_files_and_no_table_overwrites_another() -> None:
    tables = [Table(("a",), ((number,),), title) for number, title in enumerate(("Which way?", "which-way", "", ""))]
    page = Page("t", (*tables, Figure("<svg/>", "plot.svg"), Text("half \ud83d", "quote")))
    found = files_of(page)
    assert found["report.md"] == markdown(page)
    assert found["report.html"] == html(page)
    assert json.loads(found["report.json"]) == as_json(page)
    assert found["plot.svg"] == "<svg/>"
    names = ("which-way", "which-way-2", "table", "table-2")
    assert [found[f"{name}.csv"] for name in names] == [csv(table) for table in tables]
    assert len(found) == 8
    for content in found.values():
        content.encode()


def test_importing_pages_is_light() -> None:
    code = "import sys, dikast.pages; print(sorted({'rich', 'numpy', 'pydantic', 'langgraph'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
