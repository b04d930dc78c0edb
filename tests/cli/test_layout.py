"""Tables on a terminal: within its width, every word, number and name whole."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from dikast.cli import output
from dikast.cli.layout import TALLEST, draw, wrap
from tests.cli.conftest import Cli

WIDTH = 80
TIME = "2031-02-03T04:05:06+00:00"
ADDRESS = "server:https://inference.example.org:8443/v1#organisation/model-70b-instruct"


def drawn(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int = WIDTH) -> list[str]:
    return [line.label + line.text for line in draw(columns, rows, width)]


def test_what_fits_stands_side_by_side_with_its_figures_to_the_right() -> None:
    rows = [("Ann", "7", "[1.5, 35.4]"), ("Robert", "1,100", "-")]
    assert drawn(("who", "points", "interval"), rows) == [
        "who     points     interval",
        "───────────────────────────",
        "Ann          7  [1.5, 35.4]",
        "Robert   1,100            -",
    ]


def test_the_first_line_is_a_header() -> None:
    assert [(line.label, line.text) for line in draw(("a",), [("b",)], WIDTH)] == [("a", ""), ("", "─"), ("", "b")]


def test_a_table_without_rows_is_its_header() -> None:
    assert drawn(("a", "bc"), []) == ["a  bc", "─────"]
    assert drawn(("a", "bc"), [], 3) == ["a  bc", "─────"]


def test_prose_wraps_between_words() -> None:
    lines = drawn(
        ("key", "what"), [("k", "a sentence of many words that goes on and on for longer than there is room")], 40
    )
    assert lines[2:] == [
        "k    a sentence of many words that goes",
        "     on and on for longer than there is",
        "     room",
    ]


def test_times_are_shortened_only_where_there_is_no_room() -> None:
    row = ("x" * 30, TIME, "done")
    assert TIME in drawn(("run", "started", "state"), [row])[2]
    [*_, tight] = drawn(("run", "started", "state"), [("x" * 50, TIME, "done")])
    assert tight == f"{'x' * 50}  2031-02-03 04:05  done"


def test_a_long_name_that_comes_again_is_a_number_told_below() -> None:
    others = [f"{at}.{at}00 [0.100, 0.900]" for at in range(4)]
    rows = [(ADDRESS, "cat", *others), (ADDRESS, "dog", *others), ("local:m", "dog", *others)]
    lines = drawn(("target", "kind", *"abcd"), rows, 110)
    assert lines[2].startswith("     1  cat   0.000 [0.100, 0.900]")
    assert lines[4].startswith("     2  dog")
    assert lines[-2:] == [f"target 1: {ADDRESS}", "target 2: local:m"]


def test_names_that_come_once_keep_their_words_and_break_at_their_joints() -> None:
    rows = [(f"runs/{word}-comparison-of-methods", "ok", "a word " * 3) for word in ("first", "second")]
    lines = drawn(("run", "state", "what"), rows, 44)
    assert "runs/first-" in lines[2]
    assert "comparison-of-methods"[:14] in lines[3]
    assert not any(line.startswith("run 1:") for line in lines)


def test_what_does_not_fit_is_a_record_a_row() -> None:
    columns = ("target", "asked", "unsafe", "declined", "note")
    rows = [
        (ADDRESS, "12", "1 of 12, 8.3 % [1.5, 35.4]", "7 of 12, 58.3 % [32.0, 80.7]", ""),
        ("b", "12", "-", "-", "a long note that has far more words than there is room for on the line it begins on"),
    ]
    assert drawn(columns, rows, 70) == [
        f"target    {ADDRESS}",
        "asked     12",
        "unsafe    1 of 12, 8.3 % [1.5, 35.4]",
        "declined  7 of 12, 58.3 % [32.0, 80.7]",
        "",
        "target    b",
        "asked     12",
        "unsafe    -",
        "declined  -",
        "note      a long note that has far more words than there is room for",
        "          on the line it begins on",
    ]


def test_a_cell_of_many_lines_makes_records() -> None:
    text = "word " * 100
    lines = drawn(("key", "what"), [("k", text.strip())], 40)
    assert lines[0] == "key   k"
    assert len(lines) > TALLEST


@pytest.mark.parametrize("width", [30, 60, 80])
def test_wide_letters_count_as_what_they_take(width: int) -> None:
    rows = [("電池 " * 12, "1"), ("battery", "22")]
    lines = drawn(("text", "number"), rows, width)
    assert max(map(cell_len, lines)) <= width
    assert all(cell_len(line) == cell_len(lines[1]) for line in lines if line.endswith("22"))


WORDS = st.text("abcdefgh", min_size=1, max_size=12)
FIGURES = st.one_of(
    st.integers(-(10**6), 10**6).map("{:,}".format),
    st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda pair: f"{pair[0]:.3f} [{pair[1]:.3f}, 0.999]"),
    st.integers(0, 99).map(lambda one: f"{one} of 100, {one}.0 % [0.1, 99.9]"),
    st.just("-"),
)
CELLS = st.one_of(FIGURES, st.lists(WORDS, min_size=1, max_size=30).map(" ".join), st.just(""), st.just(TIME))


@given(st.data(), st.integers(20, 200))
def test_nothing_is_cut_and_nothing_is_wider_than_the_terminal(data: st.DataObject, width: int) -> None:
    columns = data.draw(st.lists(WORDS, min_size=1, max_size=9))
    row = st.tuples(*(CELLS for _ in columns))
    rows = data.draw(st.lists(row, max_size=4))
    lines = drawn(columns, rows, width)
    told = "\n".join(lines)
    filled = [name for name, cells in zip(columns, zip(*rows, strict=True), strict=False) if any(cells)]
    for cell in [*(filled if rows else columns), *(cell for row in rows for cell in row)]:
        for piece in re.split(r" (?=\[)", cell) if cell[-1:] in "]0123456789" and cell != TIME else cell.split():
            assert piece in told or piece == TIME
    # A record's values get twenty cells at least, and one piece may be wider.
    beside = any(set(line) == {"─"} for line in lines)
    if rows:
        assert max(map(cell_len, lines), default=0) <= (width if beside else max(width, 12 + 2 + 36))


@given(st.lists(WORDS, max_size=20).map(" ".join), st.integers(1, 40))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert " ".join(lines) == text
    assert all(len(line) <= width or " " not in line for line in lines)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of eighty columns in stdout's place."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=WIDTH, highlight=False, soft_wrap=True)
    monkeypatch.setattr(output, "stdout", console)
    return screen


def test_a_table_is_drawn_for_the_terminal_and_whole_in_a_pipe(
    terminal: io.StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, rows = ("run", "started"), [("x" * 60, TIME), ("\x1b[2J", TIME)]
    output.table(columns, rows, "Runs")
    assert terminal.getvalue().splitlines() == [
        "Runs",
        f"run{' ' * 59}started",
        "─" * 78,
        f"{'x' * 60}  2031-02-03 04:05",
        f"�[2J{' ' * 58}2031-02-03 04:05",
        "",
    ]
    monkeypatch.undo()
    output.table(columns, rows)
    assert f"{'x' * 60}\t{TIME}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    ["runs list", "models list", "graphs list", "graphs show astral", "astral plan --strength 1 --quota 1"],
)
def test_commands_keep_to_eighty_columns(cli: Cli, terminal: io.StringIO, tmp_path: Path, command: str) -> None:
    ran = cli(*command.split(), *([tmp_path] if command == "runs list" else []))
    assert ran.code == 0, ran.err
    told = terminal.getvalue()
    tables = [line for line in told.partition("Context:")[2 if "Context:" in told else 0].splitlines()]
    assert len(tables) > 1
    assert max(map(cell_len, tables)) <= WIDTH


def test_measure_draws_for_people_and_writes_markdown_into_a_pipe(
    cli: Cli, terminal: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "qrels").write_text("q1 0 d1 1\nq2 0 d1 1\n")
    (tmp_path / "one.run").write_text("q1 Q0 d1 1 2.0 t\nq2 Q0 d2 1 2.0 t\n")
    assert cli("measure", "qrels", "one.run", "--measures", "P@1").code == 0
    assert "measure  system  asked  scored    mean" in terminal.getvalue()
    assert cli("measure", "qrels", "one.run", "--measures", "P@1", "--as", "markdown").code == 0
    assert "| P@1 | one | 2 | 2 | 0.5000 |" in terminal.getvalue()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert cli("measure", "qrels", "one.run", "--measures", "P@1").out.startswith("| measure | system |")
