"""Stages of a round: each once, resumed after a break, and anew where its ground has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, LimitReached, UsageError
from dikast.jobs import Summary
from dikast.jobs.stopping import INTERRUPTED
from dikast.records import Outcome, Usage
from dikast.training.rounds import STAGES, At, Policy, StageRecord, conclude, run_stage, spent, told
from tests.training.rounds_plan import CountingPlan

START = Policy(model="scripted:0", digest="0", round=0)


async def whole_round(plan: CountingPlan, at: At) -> At:
    stages: dict[str, StageRecord] = dict(at.stages)
    for stage in STAGES:
        stages[stage] = await run_stage(plan, stage, At(at.folder, at.round, at.policy, stages, at.past))
    return At(at.folder, at.round, at.policy, stages, at.past)


async def test_a_finished_stage_is_not_run_again(tmp_path: Path) -> None:
    plan = CountingPlan()
    first = await whole_round(plan, At(tmp_path, 1, START))
    again = await whole_round(plan, At(tmp_path, 1, START))
    assert again.stages == first.stages
    assert set(plan.called.values()) == {1}
    assert first.stages["train"]["folder"] == "round-01/train"
    assert first.made == {"model": "scripted:1", "digest": "1", "round": 1}


async def test_a_stage_that_broke_off_is_called_again_with_its_folder_and_its_seconds_are_added(tmp_path: Path) -> None:
    plan = CountingPlan(breaks={(1, "collect"): KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        await run_stage(plan, "collect", At(tmp_path, 1, START))
    begun = json.loads((tmp_path / "round-01" / "collect.json").read_text())
    assert not begun["finished"]
    record = await run_stage(plan, "collect", At(tmp_path, 1, START))
    assert record["attempts"] == 2
    assert record["seconds"] >= begun["seconds"] >= 0
    assert (tmp_path / "round-01" / "collect" / "calls").read_text() == "scripted:0\n" * 2


@pytest.mark.parametrize("finished", [True, False])
async def test_a_stage_on_other_ground_is_moved_aside_and_run_anew(tmp_path: Path, finished: bool) -> None:
    breaks: dict[tuple[int, str], BaseException] = {} if finished else {(1, "collect"): OSError("power")}
    plan = CountingPlan(settings={"k": 5}, breaks=breaks)
    try:
        await run_stage(plan, "collect", At(tmp_path, 1, START))
    except OSError:
        assert not finished
    for number, k in enumerate((6, 7), start=1):
        other = CountingPlan(settings={"k": k})
        await run_stage(other, "collect", At(tmp_path, 1, START))
        assert other.called == {(1, "collect"): 1}
        aside = tmp_path / "round-01" / f"collect.before-{number}"
        assert (aside / "calls").exists()
        assert aside.with_name(f"{aside.name}.json").exists()


async def test_a_stage_stands_on_the_policy_and_on_what_the_stages_before_it_told(tmp_path: Path) -> None:
    await whole_round(CountingPlan(), At(tmp_path, 1, START))
    plan = CountingPlan(rows_in={1: 7})
    (tmp_path / "round-01" / "rows.json").unlink()
    await whole_round(plan, At(tmp_path, 1, START))
    assert plan.called == {(1, "rows"): 1, (1, "train"): 1, (1, "evaluate"): 1}
    plan = CountingPlan(rows_in={1: 7})
    await whole_round(plan, At(tmp_path, 1, {**START, "digest": "9"}))
    assert sum(plan.called.values()) == len(STAGES)


async def test_a_damaged_stamp_is_told_and_nothing_is_run(tmp_path: Path) -> None:
    place = tmp_path / "round-01" / "collect.json"
    place.parent.mkdir()
    for text in ("[]", "{", "{}"):
        place.write_text(text)
        plan = CountingPlan()
        with pytest.raises(DataError, match=str(place)):
            await run_stage(plan, "collect", At(tmp_path, 1, START))
        assert not plan.called


async def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "round-01").write_text("in the way")
    with pytest.raises(DataError, match="round-01"):
        await run_stage(CountingPlan(), "collect", At(tmp_path, 1, START))


@pytest.mark.parametrize("result", [{"rows": {1}}, {}, None, {"rows": float("nan")}])
async def test_a_plan_that_returns_what_the_loop_cannot_use_is_told(tmp_path: Path, result: Any) -> None:
    class Wrong(CountingPlan):
        async def rows(self, at: At, folder: Path) -> Any:
            return result

    with pytest.raises((TypeError, ValueError)):
        await run_stage(Wrong(), "rows", At(tmp_path, 1, START, {"collect": record({})}))
    assert not json.loads((tmp_path / "round-01" / "rows.json").read_text())["finished"]


def record(result: dict[str, Any]) -> StageRecord:
    return StageRecord(folder="x", seconds=1.0, attempts=1, result=result)


async def test_a_round_ends_with_the_new_policy_or_with_the_old_one(tmp_path: Path) -> None:
    plan = CountingPlan(worse=frozenset({2}))
    first = conclude(plan, await whole_round(plan, At(tmp_path, 1, START)))
    second = conclude(plan, await whole_round(plan, At(tmp_path, 2, first["after"], past=[first])))
    assert (first["promoted"], first["reason"], first["after"]["digest"]) == (True, "1 wins", "1")
    assert (second["promoted"], second["reason"], second["after"]) == (False, "0 wins", first["after"])
    after = At(tmp_path, 3, second["after"], past=[first, second])
    assert [one["digest"] for one in after.iterates] == ["0", "1"]
    assert after.folder_of("rows", 1) == tmp_path / "round-01" / "rows"
    assert spent([first, second]) == {"solver": {"calls": 4, "output_tokens": 20}, "judge": {"calls": 8}}


def summary(**given: Any) -> Summary:
    made: dict[str, Any] = {"folder": Path("x"), "graph": "g", "asked": 2, "outcomes": {Outcome.OK: 2}} | given
    return Summary(**made)


def test_a_job_tells_its_rows_and_what_they_cost() -> None:
    ended = summary(outcomes={Outcome.OK: 1, Outcome.ERROR: 1}, usage={"judge": Usage(calls=3)})
    assert told(ended) == {"asked": 2, "outcomes": {"ok": 1, "error": 1}, "usage": {"judge": {"calls": 3}}}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"stopped": INTERRUPTED}, UsageError),
        ({"stopped": "the run's limit of 3 calls is used up"}, LimitReached),
        ({"outcomes": {Outcome.OK: 1}}, UsageError),
        ({"outcomes": {Outcome.ERROR: 2}}, DataError),
        ({"outcomes": {Outcome.UNPARSED: 2}}, DataError),
        ({"asked": 0, "outcomes": {}}, DataError),
    ],
)
def test_a_job_of_which_nothing_or_not_all_came_stops_the_loop(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        told(summary(**given))
