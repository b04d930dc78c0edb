"""Figures: what they show, and that the same one is the same file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import MissingExtraError, UsageError
from dikast.retrieval import plots
from dikast.retrieval.plots import Point

MOVED = {"q1": 0.3, "q2": -0.1, "q$3": 0.0, "q4": 0.25}
POINTS = [Point("1", 0.3, 0.2, 0.4), Point("2", 0.5, 0.4, 0.6), Point("4", 0.4, 0.35, 0.45)]


def axes_of(figure: Any) -> Any:
    [axes] = figure.axes
    return axes


def test_differences_are_bars_from_the_largest_gain() -> None:
    axes = axes_of(plots.differences(MOVED, "nDCG@10"))
    assert [bar.get_height() for bar in axes.patches] == [0.3, 0.25, 0.0, -0.1]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["q1", "q4", r"q\$3", "q2"]
    assert "2 better, 1 the same, 1 worse; mean +0.1125" in axes.get_xlabel()


def test_many_queries_are_not_named() -> None:
    axes = axes_of(plots.differences({f"q{n}": n / 100 for n in range(100)}, "AP"))
    assert axes.get_xticklabels() == []


def test_a_sweep_is_a_line_over_its_quantity() -> None:
    axes = axes_of(plots.sweep(POINTS, "AP", "instructions", 0.25))
    line, level = axes.lines
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([1, 2, 4], [0.3, 0.5, 0.4])
    assert list(level.get_ydata()) == [0.25, 0.25]
    assert axes.get_xlabel() == "instructions"


def test_an_ablation_has_a_dot_a_system_from_the_top() -> None:
    axes = axes_of(plots.ablation(POINTS, "AP"))
    [dots] = axes.lines
    assert dots.get_xdata().tolist() == [0.3, 0.5, 0.4]
    assert axes.yaxis_inverted()


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_same_figure_is_the_same_file(tmp_path: Path, form: str) -> None:
    for name in ("one", "two"):
        plots.save(plots.differences(MOVED, "nDCG@10", "costs $5 and $6"), tmp_path / f"{name}.{form}")
    one, two = ((tmp_path / f"{name}.{form}").read_bytes() for name in ("one", "two"))
    assert one == two
    assert one.startswith(b"\x89PNG" if form == "png" else b"<?xml")
    if form == "svg":
        assert b"costs $5 and $6" in one
        assert b"dc:date" not in one


def test_another_ending_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg or \.png"):
        plots.save(plots.ablation(POINTS, "AP"), tmp_path / "x.bmp")


def test_without_matplotlib_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError) as told:
        plots.ablation(POINTS, "AP")
    assert "dikast[evaluation]" in told.value.hint
