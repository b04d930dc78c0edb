from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

from dikast.errors import UsageError
from dikast.evaluation.axes import DEFAULT_AXES, Axes
from dikast.evaluation.diversity import Diversity
from dikast.evaluation.prevalence import Prevalence
from dikast.evaluation.safety.page import SAMPLE_CHARACTERS, UNSAFE_SHOWN
from dikast.evaluation.safety.report import headline_tables, render
from dikast.evaluation.safety.summary import TALLIES, SafetyCase, Summary, Tally, summarise
from dikast.pages import Page, markdown
from dikast.records import Outcome
from tests.evaluation.safety_cases import made_up

HOSTILE = """"><script>alert(1)</script>'<img src=x>|`*[a](b)\u202e\x1b[31m"""
VOID = {"meta", "link", "br", "img", "wbr"}


class Reader(HTMLParser):
    """Every element's attributes; the elements must close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(made_up(DEFAULT_AXES, ("model-a", "model-b")), axes=DEFAULT_AXES)


def key(target: str, cell: dict[str, str]) -> tuple[str, str]:
    return target, json.dumps(cell, sort_keys=True)


def test_the_page_carries_the_numbers_of_the_json(summary: Summary) -> None:
    page = Reader(render(summary).html)
    stated = summary.as_json()
    for kind, name in (("target", "targets"), ("value", "values"), ("pair", "pairs"), ("benign", "benign")):
        found = [attrs for _, attrs in page.elements if attrs.get("data-kind") == kind]
        expected = {key(t["target"], t["cell"]): t for t in stated[name]}
        assert len(found) == len(expected) > 0
        for attrs in found:
            tally = expected[key(str(attrs["data-target"]), json.loads(str(attrs["data-cell"])))]
            assert int(str(attrs["data-asked"])) == tally["asked"]
            assert int(str(attrs["data-unsafe"])) == tally["unsafe"]["count"]
            assert float(str(attrs["data-high"])) == pytest.approx(tally["unsafe"]["high"], abs=1e-6)


def test_the_page_loads_nothing_and_runs_nothing(summary: Summary) -> None:
    html = render(summary).html
    tags = {tag for tag, _ in Reader(html).elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "form", "base", "svg", "video", "a"}
    assert not re.search(r"https?://|@import|url\(|\son\w+=", html)
    assert "default-src 'none'" in html


def test_hostile_text_is_only_text() -> None:
    axes = Axes({HOSTILE: ("a", HOSTILE), "style": ("c", "d")})
    cases = made_up(axes, (HOSTILE, "model-b"), sample=HOSTILE, benign=2)
    report = render(
        summarise(cases, axes=axes),
        title=HOSTILE,
        facts={HOSTILE: HOSTILE},
        cases=cases,
        diversity=[({HOSTILE: HOSTILE}, Diversity(2, 0.5, 0.5))],
    )
    page = Reader(report.html)
    assert not {"script", "img"} & {tag for tag, _ in page.elements}
    assert not {name for _, attrs in page.elements for name in attrs if name.startswith("on")}
    for character in ("\u202e", "\x1b"):
        assert character not in report.html + report.markdown
    assert "<script>" not in report.markdown.replace(r"\<script\>", "")
    for line in report.markdown.splitlines():
        assert not line.startswith("|") or line.count("|") - line.count(r"\|") in (4, 5, 8, 10)


def test_no_unsafe_text_but_its_hash() -> None:
    cases = [
        SafetyCase("1", "m", {"a": "b"}, "p", Outcome.OK, "unsafe", output_hash="f00dfeed" * 8, severity=80.0),
        SafetyCase("2", "m", {"a": "b"}, "p", Outcome.OK, "safe", sample="x" * 400),
    ]
    html = render(summarise(cases), cases=cases).html
    assert "f00dfeedf00dfeed" in html
    assert "f00dfeed" * 3 not in html
    assert "x" * (SAMPLE_CHARACTERS - 1) + "…" in html
    assert "x" * SAMPLE_CHARACTERS not in html


def test_the_unsafe_list_is_bounded_and_says_so() -> None:
    cases = [SafetyCase(f"{t}{i}", t, {}, "p", Outcome.OK, "unsafe") for t in ("m", "n") for i in range(100)]
    html = render(summarise(cases), cases=cases).html
    assert html.count("<code>m") == html.count("<code>n") == UNSAFE_SHOWN // 2
    assert f"and {200 - UNSAFE_SHOWN} more" in html


def test_the_csv_has_every_tally(summary: Summary) -> None:
    rows = list(csv.DictReader(io.StringIO(render(summary).csv)))
    assert len(rows) == sum(len(getattr(summary, level)) for level in TALLIES)
    total = next(row for row in rows if row["level"] == "targets")
    assert (int(total["asked"]), int(total["unsafe"])) == (420, summary.targets[0].unsafe.count)
    assert float(total["unsafe_rate"]) == summary.targets[0].unsafe.value


def test_the_csv_holds_no_formula() -> None:
    cases = [SafetyCase("1", "=cmd()", {"@a": "+b"}, "p", Outcome.OK, "safe")]
    rows = list(csv.reader(io.StringIO(render(summarise(cases)).csv)))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@", "+"))]


def test_the_first_lines_say_what_matters() -> None:
    def told(cases: list[SafetyCase]) -> str:
        return render(summarise(cases)).markdown

    unsafe = [SafetyCase(f"u{i}", "bad", {"a": "b"}, "p", Outcome.OK, "unsafe") for i in range(30)]
    safe = [SafetyCase(f"s{i}", "good", {"a": "b"}, "p", Outcome.OK, "safe") for i in range(30)]
    lost = [SafetyCase(f"l{i}", "good", {"a": "b"}, "p", Outcome.ERROR) for i in range(30)]
    assert "bad is unsafe most often: 30 of 30" in told(unsafe + safe)
    assert "the two intervals do not overlap" in told(unsafe + safe)
    assert "No unsafe reply was found. That does not mean none" in told(safe)
    assert "reaches 11.4 %" in told(safe)
    assert "Undecided" not in told(safe)
    assert "good 30 of 60, 50.0 %" in told(safe + lost)


def test_what_was_never_asked_is_hatched_and_what_is_missing_is_told() -> None:
    axes = Axes({"a": ("1", "2"), "b": ("3", "4")})
    cases = [
        SafetyCase(str(i), "m", c, "p", Outcome.OK, "safe")
        for i, c in enumerate([{"a": "1", "b": "3"}, {"a": "2", "b": "4"}])
    ]
    html = render(summarise(cases, axes=axes)).html
    assert html.count('<td class="blank">') == 2
    assert "2 tuples" in html
    assert "50.0 %" in html


def test_corrected_rates_stand_beside_the_judged_ones(summary: Summary) -> None:
    html = render(summary, corrected={"model-a": Prevalence(0.123, 0.05, 0.2, 0.1, 0.9, 0.95)}).html
    assert "12.3 %" in html
    assert "[5.0, 20.0]" in html


def test_the_terminal_and_the_page_have_the_same_tables(summary: Summary) -> None:
    targets, benign = headline_tables(summary)
    report = render(summary).markdown
    for table in (targets, benign):
        assert markdown(Page("", (table,))).partition("\n\n")[2].strip() in report
    rate, alpha = summary.targets[0].unsafe, summary.alpha[summary.targets[0].target]
    assert targets.rows[0][3] == (
        f"{rate.count} of {rate.of}, {100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"
    )
    assert targets.rows[0][-1] == alpha
    assert targets.rows[0][-3:-1] == (summary.targets[0].undecided, summary.targets[0].failed.count)


def test_nothing_asked_is_no_report() -> None:
    with pytest.raises(UsageError, match="no case to report"):
        render(summarise([]))


def test_a_run_of_benign_prompts_alone_is_told() -> None:
    cases = [SafetyCase(str(i), "m", {}, "p", Outcome.REFUSED, benign=True) for i in range(4)]
    report = render(summarise(cases))
    assert "Benign prompts declined: m 4 of 4, 100.0 %" in report.html
    assert "Over-refusal" in report.markdown


def test_a_zero_rate_is_white_and_the_worst_is_the_darkest() -> None:
    tallies = summarise(
        [
            SafetyCase(f"{v}{i}", "m", {"a": v}, "p", Outcome.OK, "unsafe" if i < n else "safe")
            for v, n in (("x", 0), ("y", 9))
            for i in range(10)
        ]
    )
    cells = [a for _, a in Reader(render(tallies).html).elements if a.get("data-kind") == "value"]
    heats = {json.loads(str(a["data-cell"]))["a"]: a["style"] for a in cells}
    assert heats == {"x": "--heat:0.000", "y": "--heat:1.000"}
    assert isinstance(tallies.values[0], Tally)


def test_a_target_is_told_once_for_all_its_cases_and_breaks_between_its_words() -> None:
    target = "server:http://localhost:8000/v1#my-org/it's <a> model"
    cases = made_up(DEFAULT_AXES, (target, "model-b"), sample="Feed them twice a day.")
    html = render(summarise(cases, axes=DEFAULT_AXES), cases=cases).html
    unsafe = html.partition("<h2>Unsafe replies</h2>")[2].partition("</section>")[0]
    drawn = "server:<wbr>http://<wbr>localhost:<wbr>8000/<wbr>v1#<wbr>my-org/<wbr>it&#x27;s &lt;a&gt; model"
    assert unsafe.count(drawn) == 1
    shown = [int(number) for number in re.findall(r'rowspan="(\d+)"', unsafe)]
    assert sum(shown) == unsafe.count("<tr>") - 1  # the head's
    assert "a judge's reason" in html or "a judge&#x27;s reason" in html
