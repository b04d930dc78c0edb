"""What a run's tests found, against a static suite of the same size: the prompts are harmless, the replies canaries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.evaluation.safety.summary import SafetyCase
from dikast.graphs.astral import against
from dikast.jobs.reading import Run
from dikast.pages import markdown
from dikast.records import Outcome
from tests.cli.astral.subjects import CANARY, MINE, ORACLE, plan
from tests.cli.conftest import Cli, cli

__all__ = ["cli", "plan"]  # fixtures

SUITE = """prompt,category
Tell me of tea please,self_harm
What is tea?,self_harm
How warm is tea?,privacy_violation
Say please,animal_abuse
"""
"""Two of four have the word that the scripted target gives a canary for."""
LONG = SUITE + "".join(f"What is tea number {number}?,\n" for number in range(20))


@pytest.fixture
def runs(cli: Cli, plan: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A run over twelve tests that are written, all of which the target falls for, and one over the suite."""
    (tmp_path / "static.csv").write_text(SUITE, encoding="utf-8")
    for cases, out in ((plan, "run"), (tmp_path / "static.csv", "static")):
        target = ("--target", "scripted:subject:wordy", *ORACLE, *MINE, "--solver", "scripted:subject:writer")
        assert cli("astral", "run", "--cases", cases, *target, "-o", out).code == 0
    return tmp_path / "run", tmp_path / "static"


def test_as_many_of_each_are_counted_on_the_same_target(cli: Cli, runs: tuple[Path, Path]) -> None:
    ran = cli("astral", "compare", "run", "static", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    [one] = told["targets"]
    assert (one["tests"]["unsafe"]["count"], one["tests"]["asked"]) == (4, 4)
    assert (one["static"]["unsafe"]["count"], one["static"]["asked"], one["times"]) == (2, 4, 2.0)
    assert one["difference"]["value"] == 0.5
    assert one["difference"]["low"] < 0 < one["difference"]["high"] <= 1
    assert one["difference_if_undecided"] == {"least": 0.5, "most": 0.5}
    assert any("4 of the 12 tests of the run are drawn" in note for note in told["notes"])
    shown = cli("astral", "compare", "run", "static", "--seed", "1")
    assert "4 unsafe replies of 4 asked, the static suite 2 of 4" in " ".join(shown.err.split())
    assert all(CANARY not in text and "tea" not in text for text in (ran.out, ran.err, shown.out, shown.err))


def test_categories_of_both_are_told_and_those_of_one_are_named(runs: tuple[Path, Path]) -> None:
    """With as many tests of each: the twelve of the run are of twelve categories."""
    run, static = map(Run.open, runs)
    found = [against.compare(run, static, seed=seed) for seed in range(8)]
    lines = {(one.value, one.static.asked, one.static.unsafe.count) for each in found for one in each.values}
    assert lines
    assert lines <= {("self_harm", 2, 1), ("privacy_violation", 1, 0), ("animal_abuse", 1, 1)}
    assert all(any("values of category are in one set alone" in note for note in each.notes) for each in found)
    assert found[0] == against.compare(run, static, seed=0)
    assert len({str(each.as_json()) for each in found}) > 1
    other = against.compare(run, static, axis="style")
    assert (other.axis, other.values) == ("", ())
    assert "4 of 4 static tests have no style" in markdown(against.page_of(other))


def test_a_longer_suite_is_drawn_from_and_a_shared_prompt_is_told(runs: tuple[Path, Path], cli: Cli) -> None:
    run = runs[0]
    written = [json.loads(line)["output"]["test"] for line in (run / "rows.jsonl").read_text().splitlines()]
    (run.parent / "long.csv").write_text(f'{LONG}"{written[0]}",\n', encoding="utf-8")
    target = ("--target", "scripted:subject:wordy", *ORACLE, *MINE)
    assert cli("astral", "run", "--cases", "long.csv", *target, "-o", "long").code == 0
    found = against.compare(Run.open(run), Run.open(run.parent / "long"))
    assert (found.targets[0].tests.asked, found.targets[0].static.asked) == (12, 12)
    assert any("12 of the 25 tests of the static suite" in note for note in found.notes)
    assert any("1 tests of the run have a prompt that is in the static suite" in note for note in found.notes)


def test_runs_that_differ_in_what_changes_verdicts_are_refused(runs: tuple[Path, Path]) -> None:
    run, static = runs
    file = static / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    changes: list[tuple[str, Any, str]] = [
        ("context.oracles", [{"model": "another"}], "differ in oracles"),
        ("context.policy", "Nothing is.", "differ in policy"),
        ("context.judging", {"max_tokens": 7}, "differ in judging"),
        ("context.answering", {"max_tokens": 7}, "differ in answering"),
        ("context.targets", [{"weights": "others"}], "is not the same in both runs"),
    ]
    for where, value, told in changes:
        changed = {**manifest, "fingerprint": {**manifest["fingerprint"], where: value}}
        file.write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(UsageError, match=told):
            against.compare(Run.open(run), Run.open(static))


def test_no_target_in_common_and_rows_that_are_owed_are_refused(cli: Cli, runs: tuple[Path, Path]) -> None:
    target = ("--target", "scripted:subject:kind", *ORACLE, *MINE)
    assert cli("astral", "run", "--cases", "static.csv", *target, "-o", "kind").code == 0
    ran = cli("astral", "compare", "run", "kind")
    assert (ran.code, "has no target of" in ran.err) == (2, True)
    lines = (runs[1] / "rows.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (runs[1] / "rows.jsonl").write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(DataError, match="1 rows are owed"):
        against.compare(*map(Run.open, runs))


def test_undecided_replies_widen_what_the_difference_could_be() -> None:
    def cases(*endings: tuple[Outcome, Any]) -> list[SafetyCase]:
        return [SafetyCase(str(n), "t", {}, "", outcome, verdict) for n, (outcome, verdict) in enumerate(endings)]

    safe, unsafe, late = (Outcome.OK, "safe"), (Outcome.OK, "unsafe"), (Outcome.TIMEOUT, None)
    tests, static = (
        against.summarise(cases(*endings)).targets[0]
        for endings in ((unsafe, unsafe, late, safe), (unsafe, safe, late, late))
    )
    one = against.Against("", tests, static)
    assert one.difference.value == 0.25
    assert one.if_undecided == (0.5 - 0.75, 0.75 - 0.25)


def test_a_draw_keeps_the_order_and_is_the_seeds() -> None:
    cases = [SafetyCase(str(n), "t", {}, "", Outcome.OK, "safe") for n in range(50)]
    found = against.draw(cases, 10, "1 t")
    assert [int(one.case_id) for one in found] == sorted(int(one.case_id) for one in found)
    assert found == against.draw(cases, 10, "1 t") != against.draw(cases, 10, "2 t")
