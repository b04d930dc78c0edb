from __future__ import annotations

import json

import pytest

from dikast.cli.output import emit, print_page
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


def test_half_a_surrogate_pair_is_printed_as_an_escape(capsys: pytest.CaptureFixture[str]) -> None:
    """No encoding has it: a model's `\ud83d` ended `--json` in a traceback."""
    value = {"a": "é \ud83d", "\udcff": ["電"]}
    emit(value)
    printed = capsys.readouterr().out
    assert printed == '{"a": "é \\ud83d", "\\udcff": ["電"]}\n'
    assert printed.encode()
    assert json.loads(printed) == value
