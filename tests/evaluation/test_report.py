from __future__ import annotations

import math
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from dikast.errors import UsageError
from dikast.evaluation.calibration import Calibration, calibrate
from dikast.evaluation.report import calibration_page
from dikast.evaluation.svg import Dot, dot_plot, interval
from dikast.pages import Figure, Page, Table, Text, markdown
from dikast.verdicts import PairVerdict, Winner

SVG = "{http://www.w3.org/2000/svg}"
GOLD: dict[str, Winner] = {str(i): "1" if i % 2 else "2" for i in range(40)}
LENGTHS = {id_: (2, 1) if int(id_) % 3 else (1, 2) for id_ in GOLD}


def judged(name: str, *, right: int = 40, first: bool = False, unparsed: int = 0) -> Calibration:
    verdicts: list[PairVerdict] = []
    for i, (id_, better) in enumerate(GOLD.items()):
        worse: Winner = "2" if better == "1" else "1"
        said = better if i < right else worse
        verdicts.append(PairVerdict(id_, "1", "2") if first else PairVerdict(id_, said, None if i < unparsed else said))
    return calibrate(verdicts, GOLD, judge=name, lengths=LENGTHS, resamples=200)


def figures(page: Page) -> list[Figure]:
    return [part for part in page.parts if isinstance(part, Figure)]


def test_the_runs_own_verdict_stands_beside_the_orders_where_it_is_known() -> None:
    judges = [judged("a"), judged("b", right=20)]
    [with_it, without] = (
        next(part for part in calibration_page(judges, winners=known).parts if isinstance(part, Table))
        for known in ({"a": 0.75}, None)
    )
    assert (with_it.columns[-1], [row[-1] for row in with_it.rows]) == ("run's winner", [0.75, None])
    assert without.columns == with_it.columns[:-1]
    assert [row[:-1] for row in with_it.rows] == list(without.rows)


def test_the_first_lines_say_who_is_best_and_what_to_distrust() -> None:
    page = calibration_page([judged("places", first=True), judged("good", unparsed=3)])
    findings = [part.text for part in page.parts if isinstance(part, Text) and part.kind == "paragraph"]
    assert findings[0].startswith("good agrees with people most often: 0.963 [")
    assert "of 40 pairs" in findings[0]
    assert findings[1].startswith("It is ahead of places, the next, by 0.463")
    assert "good: 3 of 80 verdicts unparsed; at best it would have 1.000." in findings
    assert "places favours the first place: 1.000 [0.860, 1.000]." in findings


def test_a_lead_that_may_be_chance_is_called_so() -> None:
    page = markdown(calibration_page([judged("a", right=31), judged("b", right=30)]))
    assert "Its lead over b, the next, may be chance: 0.025" in page


def test_every_table_has_a_row_for_every_judge_and_figures_in_all_columns() -> None:
    page = markdown(calibration_page([judged("a"), judged("b", right=20)]))
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    assert len(tables) == 4
    for table in tables:
        widths = {line.count("|") for line in table.splitlines()}
        assert len(widths) == 1
        assert "| a" in table
    assert "nan" not in page


def test_one_judge_alone_has_no_comparison() -> None:
    page = markdown(calibration_page([judged("alone")]))
    assert "## Differences" not in page
    with pytest.raises(UsageError, match="no calibration"):
        calibration_page([])


def test_plots_that_the_page_shows_are_there_and_well_formed() -> None:
    page = calibration_page([judged("a"), judged("b", first=True, unparsed=0)])
    assert [figure.name for figure in figures(page)] == ["accuracy.svg", "bias.svg"]
    for figure in figures(page):
        root = ElementTree.fromstring(figure.svg)
        assert root.tag == f"{SVG}svg"
        assert {element.tag for element in root.iter()} <= {
            f"{SVG}{t}" for t in ("svg", "title", "rect", "text", "line", "circle")
        }


def test_names_from_files_bring_no_markup() -> None:
    evil = "</text><script>x</script>|[a](b)\n# **\x00&"
    page = calibration_page([judged(evil)])
    assert "<script" not in markdown(page).replace("\\<script", "")
    assert "\n#" not in markdown(page).replace("\n# Judges", "").replace("\n## ", "")
    for figure in figures(page):
        assert "<script" not in figure.svg
        ElementTree.fromstring(figure.svg)


def test_dots_lie_where_their_values_are() -> None:
    root = ElementTree.fromstring(
        dot_plot("t", [Dot("a", 0.25), Dot("b", 0.75, 0.5, 1.0, 0.9)], low=0, high=1, mark=0.5)
    )
    a, bound, b = [float(circle.get("cx", "")) for circle in root.iter(f"{SVG}circle")]
    low, middle = (float(line.get("x1", "")) for line in list(root.iter(f"{SVG}line"))[-2:][::-1])
    assert a < middle < b < bound
    assert low == pytest.approx(middle, abs=0.1)
    assert middle - a == pytest.approx(b - middle, abs=0.2)


def test_what_is_not_defined_is_a_dash_and_no_dot() -> None:
    assert interval(math.nan, 0, 1) == "–"
    assert interval(-0.00001, math.nan, math.nan) == "0.000"
    assert "<circle" not in dot_plot("t", [Dot("a", math.nan)], low=0, high=1)


def test_importing_the_evaluation_loads_nothing_heavy() -> None:
    code = """
import sys, pkgutil, importlib, dikast.evaluation
for module in pkgutil.walk_packages(dikast.evaluation.__path__, "dikast.evaluation."):
    importlib.import_module(module.name)
heavy = {"torch", "scipy.stats", "scipy.optimize", "sacrebleu", "rouge_score", "nltk", "pandas", "matplotlib"}
print(sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
