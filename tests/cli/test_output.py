from __future__ import annotations

import pytest

from dikast.cli.output import print_page
from dikast.pages import Figure, Page, Table, Text


def test_a_page_is_printed_part_by_part(capsys: pytest.CaptureFixture[str]) -> None:
    parts = (
        Text("a line", label="input"),
        Text("Answers", "heading"),
        Text("first\nsecond\x1b[2J", "quote", "solver"),
        Table(("who", "right"), (("a", True), ("b", None)), "By judge"),
        Figure("<svg/>", "a.svg", "a plot"),
        Text("How to read it.", "note"),
    )
    print_page(Page("row 1", parts))
    assert capsys.readouterr().out == (
        "row 1\ninput: a line\n\nAnswers\n  solver:\n    first\n    second�[2J\n\nBy judge\nwho\tright\na\tyes\nb\t-\n"
        "figure a.svg: a plot\nHow to read it.\n"
    )
