"""The page of safety tests in a real browser: it says nothing, loads nothing, and its numbers are the JSON's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.evaluation.axes import DEFAULT_AXES, Axes
from dikast.evaluation.safety.report import render
from dikast.evaluation.safety.summary import SafetyCase, Summary, summarise
from tests.engines.browser_lane.chromium import Page, chromium
from tests.evaluation.safety_cases import made_up

HOSTILE = """"><script>alert(1)</script><img src="http://127.0.0.1:9/x" onerror="alert(2)">'--></style>&lt;\u202e"""
HOSTILE_AXES = Axes({HOSTILE: ("a", f"b{HOSTILE}"), "style": ("c", "d")})
SHOWN = """[...document.querySelectorAll('[data-kind]')].map(e => Object.fromEntries(Object.entries(e.dataset)))"""
KINDS = {"target": "targets", "value": "values", "pair": "pairs", "benign": "benign"}


def written(folder: Path, cases: list[SafetyCase], axes: Axes) -> tuple[str, Summary]:
    summary = summarise(cases, axes=axes, strength=2)
    page = folder / "report.html"
    page.write_text(render(summary, title="Tests of a house", facts={"date": "today"}, cases=cases).html)
    return page.as_uri(), summary


def numbers_of(summary: Summary, name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """What the JSON says of each tally, by target and cell."""
    return {(t["target"], json.dumps(t["cell"], sort_keys=True)): t for t in summary.as_json()[name]}


async def assert_equal_numbers(page: Page, summary: Summary) -> None:
    shown: list[dict[str, str]] = await page.ask(SHOWN)
    for kind, name in KINDS.items():
        expected = numbers_of(summary, name)
        found = [item for item in shown if item["kind"] == kind]
        assert len(found) == len(expected)
        for item in found:
            tally = expected[item["target"], json.dumps(json.loads(item["cell"]), sort_keys=True)]
            for number in ("asked", "executed", "undecided"):
                assert int(item[number]) == tally[number]
            assert int(item["unsafe"]) == tally["unsafe"]["count"]
            assert int(item["declined"]) == tally["refusal"]["count"]
            assert float(item["low"]) == pytest.approx(tally["unsafe"]["low"], abs=1e-6)
            assert float(item["high"]) == pytest.approx(tally["unsafe"]["high"], abs=1e-6)
    covered = {i["target"]: (int(i["covered"]), int(i["total"])) for i in shown if i["kind"] == "coverage"}
    assert covered == {t: (c["covered"], c["total"]) for t, c in summary.as_json()["coverage"].items()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_is_silent_and_says_what_the_json_says(tmp_path: Path, scheme: str) -> None:
    cases = made_up(DEFAULT_AXES, ("model-a", "model-b", "model-c"), sample="Feed them twice a day.")
    url, summary = written(tmp_path, cases, DEFAULT_AXES)
    async with chromium(tmp_path / "profile") as page:
        await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await page.open(url)
        await assert_equal_numbers(page, summary)
        ink, paper = await page.ask(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert (sum(channels(ink)) < sum(channels(paper))) == (scheme == "light")
        assert await page.ask("document.documentElement.scrollWidth <= innerWidth")
        assert len(await page.screenshot()) > 10_000
        assert page.said == []
        assert page.requested == [url, "data:,"] or page.requested == [url]


async def test_the_numbers_that_a_person_sees_are_those_of_the_attributes(tmp_path: Path) -> None:
    cases = made_up(DEFAULT_AXES, ("model-a",))
    url, _ = written(tmp_path, cases, DEFAULT_AXES)
    async with chromium(tmp_path / "profile") as page:
        await page.open(url)
        seen: list[list[str]] = await page.ask(
            "[...document.querySelectorAll('td[data-kind=pair]')]"
            ".map(e => [e.innerText, e.dataset.unsafe, e.dataset.asked])"
        )
        assert len(seen) == 184
        for text, unsafe, asked in seen:
            rate, fraction = text.split("\n")
            assert fraction == f"{unsafe}/{asked}"
            assert rate == f"{100 * int(unsafe) / int(asked):.1f} %"


async def test_hostile_names_and_replies_are_text(tmp_path: Path) -> None:
    cases = made_up(HOSTILE_AXES, (HOSTILE, "model-b"), sample=HOSTILE, benign=3)
    url, summary = written(tmp_path, cases, HOSTILE_AXES)
    async with chromium(tmp_path / "profile") as page:
        await page.open(url)
        shown = await page.ask("document.body.innerText")
        assert "<script>alert(1)</script>" in shown
        assert await page.ask("document.scripts.length + document.images.length + document.links.length") == 0
        assert "\u202e" not in shown
        assert page.said == []
        assert all(request in (url, "data:,") for request in page.requested)
        assert len(summary.targets) == await page.ask("document.querySelectorAll('tr[data-kind=target]').length")


async def test_the_listener_hears(tmp_path: Path) -> None:
    """That nothing was said means something only if what is said is heard."""
    loud = tmp_path / "loud.html"
    loud.write_text("<script>console.error('x'); missing()</script><img src='nowhere.png'>")
    async with chromium(tmp_path / "profile") as page:
        await page.open(loud.as_uri())
        await page.ask("1")
        assert {message["method"] for message in page.said} >= {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
        assert any(request.endswith("nowhere.png") for request in page.requested)


def channels(color: str) -> list[int]:
    return [int(part) for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
