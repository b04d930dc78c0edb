"""What is told of rounds, by a job as a user runs it in Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dikast import jobs
from dikast.graphs.dno.rounds.graph import graph
from dikast.graphs.dno.rounds.method import method
from dikast.graphs.dno.rounds.report import report
from dikast.graphs.dno.rounds.story import story
from dikast.jobs.reading import Run
from dikast.pages import markdown
from tests.graphs.dno.rounds_models import HERE, Fake
from tests.graphs.dno.test_rounds import context


async def test_a_job_of_rounds_its_report_and_its_story(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_1", "worse"]), rounds=2, policy="average")
    summary = await jobs.run(graph, [{"id": "loop", "rounds": 2}], made, tmp_path / "run", report=method.report)
    assert summary.exit_code == 0
    run = Run.open(tmp_path / "run")
    found = report(run, made)
    first, second = found.data["rounds"]
    assert (first["promoted"], first["win_rate"], second["win_rate"]) == (True, 1.0, 0.0)
    assert first["usage"]["judge"]["calls"] > 0
    assert second["replayed"][0] > 0
    assert [one["model"].split(":")[-1] for one in found.data["mixture"]] == ["policy_1", "worse"]
    page = markdown(found.page)
    assert "worse" in page
    assert "mixture" in page
    assert "teacher>student" in page.replace("\\", "")
    [record] = run.rows()
    told = str(story(record))
    assert "round 2: promoted: wins 0.000" in told
    assert json.dumps(found.data)
    # More rounds are another row: the loop goes on, and the first two are not run again.
    trainer = Fake(["policy_1", "worse", "policy_3"])
    more = context(tmp_path, trainer, rounds=3, policy="average")
    await jobs.run(graph, [{"id": "loop", "rounds": 3}], more, tmp_path / "run")
    assert [model for model, _, _ in trainer.given] == [f"{HERE}:worse"]
    assert [one["round"] for one in report(Run.open(tmp_path / "run"), more).data["rounds"]] == [1, 2, 3]


async def test_nothing_is_told_of_a_loop_that_is_not_over(tmp_path: Path) -> None:
    made = context(tmp_path, Fake(["policy_1"], breaks={0: RuntimeError("a bug")}), rounds=1)
    await jobs.run(graph, [{"id": "loop", "rounds": 1}], made, tmp_path / "run")
    found = report(Run.open(tmp_path / "run"), made)
    assert found.data == {"rounds": [], "policy": None}


def test_what_to_do_next_names_the_run(tmp_path: Path) -> None:
    assert method.after is not None
    assert str(tmp_path) in method.after(tmp_path, [])


@pytest.mark.parametrize("rounds", [1, 3])
async def test_notes_say_how_prompts_are_split(tmp_path: Path, rounds: int) -> None:
    assert method.notes is not None
    made = context(tmp_path, Fake([]), rounds=rounds, parts=2)
    told = list(method.notes(None, made, []))
    assert told[0].startswith("prompts: ")
    assert ("ask prompts of earlier ones again" in " ".join(told)) == (rounds > 2)
