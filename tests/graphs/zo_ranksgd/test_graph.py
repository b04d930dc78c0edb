"""Tuning a method that it has never heard of: what is found, what it costs, and that it goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import (
    DataError,
    DikastError,
    LimitReached,
    MissingExtraError,
    ResumeMismatchError,
    UsageError,
)
from dikast.graphs import genqr, zo_ranksgd
from dikast.graphs.zo_ranksgd import tuned
from dikast.graphs.zo_ranksgd.journal import Journal
from dikast.graphs.zo_ranksgd.records import Trial
from dikast.graphs.zo_ranksgd.searching import is_stalled, ranking_of
from dikast.jobs.heap import spare_collector
from tests.graphs.zo_ranksgd import bowl
from tests.graphs.zo_ranksgd.bowl import HELD, ROWS, tune, tuning

ROOT = Path(__file__).resolve().parents[3]
NEEDS_CMA = pytest.mark.skipif(find_spec("cma") is None, reason="the package cma is absent: pip install 'dikast[tune]'")
ALGORITHMS = ["zo", "random", "grid", pytest.param("cma", marks=NEEDS_CMA)]


@pytest.fixture(scope="module", autouse=True)
def frozen() -> Iterator[None]:
    """As within a job, which keeps the collector from what is there: a trial's own job then leaves it alone."""
    with spare_collector():
        yield


def what_was_done(folder: Path) -> Any:
    """A journal, without its first line."""
    return [json.loads(line) for line in (folder / "t/tuning.jsonl").read_text().splitlines()[1:]]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_each_algorithm_makes_it_better_with_the_trials_that_it_is_given(tmp_path: Path, algorithm: str) -> None:
    told = await tune(tuning(tmp_path, algorithm=algorithm), 14, held=HELD)
    assert told["outcome"] == "ok"
    assert told["start"] == {"x": 0.1, "y": 1}
    assert told["start_value"] == pytest.approx(0.255, abs=0.01)
    assert told["value"] > 0.7
    assert len(told["trials"]) <= 14
    best = told["trials"][told["chosen"] - 1]
    assert (best["settings"], best["value"]) == (told["settings"], told["value"])
    assert best["value"] == max(one["value"] for one in told["trials"])
    held = told["comparison"]
    assert held["compared"] == held["rows"] == 4
    assert 0 < held["low"] <= held["difference"] <= held["high"]
    assert held["after"] - held["before"] == pytest.approx(held["difference"])


async def test_every_trial_is_a_run_that_can_be_looked_at(tmp_path: Path) -> None:
    told = await tune(tuning(tmp_path), 8)
    folders = [tmp_path / "t" / one["folder"] for one in told["trials"]]
    assert folders == sorted(path for path in (tmp_path / "t/trials").iterdir() if path.is_dir())
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in folders]
    assert [one["context"]["x"] for one in manifests] == [one["settings"]["x"] for one in told["trials"]]
    assert {one["method"] for one in manifests} == {bowl.PLACE}
    settings = [json.dumps(one["settings"]) for one in told["trials"]]
    assert len(set(settings)) == len(settings)


@pytest.mark.parametrize("algorithm", ["zo", "random"])
async def test_broken_off_anywhere_it_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    await tune(tuning(tmp_path / "whole", algorithm=algorithm), 9)
    run, count = tuned.Tuned.run, 0

    async def breaking(self: tuned.Tuned, *arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count % 2 == 0:
            raise LimitReached("enough for today")
        return await run(self, *arguments, **named)

    monkeypatch.setattr(tuned.Tuned, "run", breaking)
    broken = 0
    for _ in range(20):
        try:
            await tune(tuning(tmp_path / "parts", algorithm=algorithm), 9)
            break
        except LimitReached:
            broken += 1
    assert 4 <= broken < 20
    assert what_was_done(tmp_path / "parts") == what_was_done(tmp_path / "whole")


def test_after_a_kill_it_goes_on(tmp_path: Path) -> None:
    """A real SIGKILL in the middle of a trial; what was done before is neither lost nor done again."""
    code = (
        "import asyncio, sys; from pathlib import Path; from tests.graphs.zo_ranksgd.bowl import tune, tuning\n"
        "asyncio.run(tune(tuning(Path(sys.argv[1])), 8))"
    )
    environment = {**os.environ, bowl.KILLED_AT: str(tmp_path / "killed"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], env=environment, cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    before = what_was_done(tmp_path / "a")
    assert before
    asyncio.run(tune(tuning(tmp_path / "a"), 8))
    asyncio.run(tune(tuning(tmp_path / "b"), 8))
    after = what_was_done(tmp_path / "a")
    assert after[: len(before)] == before
    assert after == what_was_done(tmp_path / "b")


async def test_more_trials_go_on_from_the_last(tmp_path: Path) -> None:
    few = await tune(tuning(tmp_path), 5)
    more = await tune(tuning(tmp_path), 10)
    assert more["trials"][: len(few["trials"])] == few["trials"]
    assert len(more["trials"]) > len(few["trials"])
    assert more["value"] >= few["value"]
    again = await tune(tuning(tmp_path), 10)
    assert again == more


async def test_without_its_package_cma_is_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cma", None)
    with pytest.raises(MissingExtraError, match=r"CMA-ES is not installed \(pip install 'dikast\[tune\]'\)"):
        await tune(tuning(tmp_path, algorithm="cma"), 9)
    assert not (tmp_path / "t/trials").exists()


async def test_a_grid_has_the_levels_of_its_trials_and_no_others(tmp_path: Path) -> None:
    told = await tune(tuning(tmp_path, algorithm="grid"), 10)
    settings = [one["settings"] for one in told["trials"][1:]]
    assert {one["x"] for one in settings} == {0, 0.5, 1}
    assert {one["y"] for one in settings} == {1, 5, 9}
    with pytest.raises(ResumeMismatchError, match="trials of the grid"):
        await tune(tuning(tmp_path, algorithm="grid"), 20)


@pytest.mark.parametrize(
    "change", [{"knobs": "x"}, {"seed": 1}, {"base": bowl.Context(x=0.2)}, {"measure": "output.good"}]
)
async def test_a_journal_of_other_ground_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    await tune(tuning(tmp_path), 4)
    with pytest.raises(ResumeMismatchError, match="made on other ground"):
        await tune(tuning(tmp_path, **change), 4)
    with pytest.raises(ResumeMismatchError, match="made on other ground: rows"):
        await tune(tuning(tmp_path), 4, rows=ROWS[:2])


async def test_a_damaged_journal_is_told_and_a_torn_end_is_mended(tmp_path: Path) -> None:
    whole = await tune(tuning(tmp_path), 8)
    path = tmp_path / "t/tuning.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines)[:-20])
    assert await tune(tuning(tmp_path), 8) == whole
    assert path.read_bytes().splitlines(keepends=True) == lines
    path.write_bytes(b"".join([*lines[:2], b"not json\n", *lines[3:]]))
    with pytest.raises(DataError, match=r"tuning\.jsonl:3: no line of a tuning"):
        await tune(tuning(tmp_path), 8)


async def test_settings_that_cannot_be_rank_behind_all_and_are_counted(tmp_path: Path) -> None:
    told = await tune(tuning(tmp_path, knobs="y,way", base=bowl.Context(x=0.7)), 16)
    ends = {one["outcome"] for one in told["trials"]}
    assert ends == {"ok", "refused", "failed"}
    refused = next(one for one in told["trials"] if one["outcome"] == "refused")
    assert refused["reason"] == "way: right takes five copies at most"
    assert (refused["folder"], refused["value"]) == ("", None)
    assert next(one for one in told["trials"] if one["outcome"] == "failed")["reason"].endswith(
        "nothing came of the job: 4 error"
    )
    for one in told["rounds"]:
        ends = [
            told["trials"][one["trials"][point] - 1]["outcome"] == "ok" for group in one["ranking"] for point in group
        ]
        assert ends == sorted(ends, reverse=True)
    assert told["trials"][told["chosen"] - 1]["outcome"] == "ok"


async def test_where_nothing_comes_of_anything_the_outcome_is_empty(tmp_path: Path) -> None:
    told = await tune(tuning(tmp_path, base=bowl.Context(way="left")), 4)
    assert told["outcome"] == "empty"
    assert "no settings came to anything" in told["reason"]
    assert told["settings"] == told["start"]


async def test_the_lowest_is_best_where_it_is_asked_for(tmp_path: Path) -> None:
    told = await tune(tuning(tmp_path, goal="lowest", knobs="x", base=bowl.Context(x=0.5)), 12)
    assert told["value"] == min(one["value"] for one in told["trials"]) < told["start_value"]


async def test_a_field_of_the_output_is_a_measure_of_any_graph(tmp_path: Path) -> None:
    told = await tune(tuning(tmp_path, measure="output.good"), 5)
    assert told["value"] == (await tune(tuning(tmp_path / "named"), 5))["value"]


async def test_few_values_are_soon_all_tried(tmp_path: Path) -> None:
    told = await tune(tuning(tmp_path, knobs="way=left|middle"), 30)
    assert len(told["trials"]) == 2
    assert "known settings alone" in told["reason"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measure": "bad"}, "the method has no measure 'bad' (there are good)"),
        ({"measure": "output.nothing"}, "the output has no field 'nothing' (it has good, text, outcome)"),
        ({"measure": "output.text"}, "output.text is no number: '0."),
        ({"knobs": "z"}, "knob z: there is none of that name (some of x, y, way)"),
        ({"method": "tests.graphs.zo_ranksgd.bowl:graph"}, "and no method"),
        ({"method": "nowhere:method"}, "no module is called 'nowhere'"),
    ],
)
async def test_bad_input_is_a_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(DikastError) as raised:
        await tune(tuning(tmp_path, **change), 4)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measure": "good", "human": True}, "who ranks"),
        ({"measure": ""}, "who ranks"),
        ({"best": 9}, "9 of 3 candidates"),
        ({"scale": (5, 1)}, "lowest score"),
        ({"algorithm": "cma", "knobs": "x"}, "two knobs"),
        ({"human": True, "goal": "lowest"}, "only a measure"),
    ],
)
def test_contexts_that_cannot_be_are_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tuning(tmp_path, **change)


async def test_a_method_without_measures_says_what_else_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"says no measures of its own.*output\.FIELD"):
        await tune(tuning(tmp_path, method="tests.graphs.zo_ranksgd.test_graph:bare"), 4)


bare = bowl.Method(graph=bowl.graph, context=bowl.Context, rows=bowl.rows_of)


def test_a_context_is_the_same_out_of_json(tmp_path: Path) -> None:
    context = tuning(tmp_path, knobs="x,way=left|right")
    again = zo_ranksgd.Context.model_validate_json(context.model_dump_json())
    assert again == context
    assert isinstance(again.base, bowl.Context)


async def test_the_graph_wants_its_context_and_its_input(tmp_path: Path) -> None:
    graph: Any = zo_ranksgd.graph
    with pytest.raises(TypeError, match=r"pass context=dikast\.graphs\.zo_ranksgd\.Context"):
        await graph.ainvoke({"id": "t", "rows": [], "budget": 3})
    with pytest.raises(UsageError, match="the input lacks 'rows'"):
        await graph.ainvoke({"id": "t", "budget": 3}, context=tuning(tmp_path))


def test_points_are_ranked_by_their_trials() -> None:
    assert ranking_of([[4], [2, 5]], [2, 4, 4, 9, 5]) == [[1, 2], [0, 4], [3]]
    assert ranking_of([], [1, 1]) == [[0, 1]]


def test_it_stalls_after_five_questions_without_a_new_trial() -> None:
    def round_of(*trials: int) -> Any:
        return {"trials": list(trials)}

    assert not is_stalled([round_of(1, 2), *[round_of(1, 2)] * 4])
    assert is_stalled([round_of(1, 2), *[round_of(1, 2)] * 5])
    assert not is_stalled([round_of(1, 2), *[round_of(1, 2)] * 4, round_of(3)])


def test_a_journal_knows_its_kinds(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin({"a": 1})
    trial = Trial(trial=1, settings={}, folder="", outcome="ok", reason="", asked=0, scored=0, value=None, usage={})
    journal.add_trial(trial)
    assert (journal.trials(), journal.rounds(), journal.answers(1)) == ([trial], [], {})
    assert genqr.Context is not None
