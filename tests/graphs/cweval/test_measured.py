"""Jobs, and what is told of them: figures by hand, files for others, resuming after kill -9."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.cache import RequestCache
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.errors import DataError, ModelTimeout
from dikast.graphs import cweval
from dikast.graphs.cweval.measured import measured_of_run, task_of_id
from dikast.graphs.cweval.method import count_calls, method
from dikast.graphs.cweval.page import data_of, page_of
from dikast.graphs.cweval.samples import read_results, read_samples
from dikast.graphs.cweval.scoring.graph import graph as scoring
from dikast.graphs.story import tell
from dikast.jobs import Run, run
from dikast.pages import Page, Table, Text, markdown
from tests.graphs.cweval.method_job import IN_FLIGHT, SAMPLES, TASKS
from tests.graphs.cweval.small import NAME, TASK, TASK_ID, NoBox, Reader, Writer, fenced, no_box, write_task

ROOT = Path(__file__).resolve().parents[3]
OTHER = "cwe_022_9"
OTHER_ID = f"core.py.{OTHER}"
WORDS = {
    (TASK_ID, 0): "works safe",
    (TASK_ID, 1): "works",
    (TASK_ID, 2): "safe",
    (TASK_ID, 3): "trouble",
    (OTHER_ID, 0): "works",
    (OTHER_ID, 1): "",
}
"""What the code of a sample says; the missing ones of the second task have a model that times out."""


def asked_of(request: Request) -> tuple[str, int]:
    which = OTHER_ID if "second task" in request.messages[-1]["content"] else TASK_ID
    return which, request.sampling.seed or 0


def write(request: Request) -> str:
    key = asked_of(request)
    if key not in WORDS:
        raise ModelTimeout("no reply within 1 s")
    return fenced(f"def double(n): ...  # {WORDS[key]}\n") if WORDS[key] else "I cannot help with that."


async def made(folder: Path, **knobs: Any) -> Run:
    box = no_box(folder / "tasks")
    write_task(folder / "tasks", OTHER, task=TASK.replace("Twice", "The second task: twice"))
    box = no_box(folder / "tasks")
    context = cweval.Context(solver=load_solver(ScriptedModel(write)), executor=box, samples=4, **knobs)
    rows = [{"task_id": name, "sample": number} for name in box.tasks for number in range(4)]
    facts = {"cweval": {"samples": 4, "tasks": list(box.tasks)}}
    await run(cweval.graph, rows, context, folder / "run", settings=facts, report=method.report)
    return Run.open(folder / "run")


async def test_figures_by_hand(tmp_path: Path) -> None:
    measured = measured_of_run(await made(tmp_path))
    assert measured.report.outcomes == {"pass": 1, "fail": 3, "sandbox_error": 1, "no_code": 1, "missing": 2}
    found = data_of(measured)
    assert (found["asked"], found["missing"], found["tasks"], found["samples_a_task"]) == (8, 2, 2, 4)
    assert found["func@1"] == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert found["sec@1"] == pytest.approx((2 / 4 + 0) / 2)
    assert found["func-sec@1"] == pytest.approx((1 / 4 + 0) / 2)
    assert "func@5" not in found
    assert (found["secure_given_functional"], found["working"]) == (pytest.approx(1 / 3), 3)
    assert found["by"]["cwe"]["190"]["func@1"] == 0.5
    assert found["by"]["cwe"]["022"]["func-sec@1"] == 0
    assert found["by"]["language"]["py"]["asked"] == 8
    assert found["outcomes"] == {"ok": 4, "error": 1, "unparsed": 1, "timeout": 2}
    assert ["functionality", "fail", 2] in found["cases"]
    assert "rounds" not in found
    json.dumps(found, allow_nan=False)


async def test_the_page(tmp_path: Path) -> None:
    page = page_of([measured_of_run(await made(tmp_path))])
    told = next(one for one in page.parts if isinstance(one, Text))
    assert told.text.startswith("run: 6 tested of 8 asked: 2 tasks, 4 samples each; 2 have no result, and count as")
    tables = {one.title: one for one in page.parts if isinstance(one, Table)}
    (scores,) = tables["scores, 95 % intervals over tasks"].rows
    assert scores[:3] == ("run", 1, "0.375 [0.250, 0.500]")
    assert {row[1]: row[6] for row in tables["by weakness"].rows} == {
        "022": "0.000 [0.000, 0.000]",
        "190": scores_of(tables),
    }
    assert sum(int(str(row[1])) for row in tables["verdicts of samples"].rows) == 8
    assert "<svg" in str([one for one in page.parts if not isinstance(one, Text | Table)])
    assert markdown(page)


def scores_of(tables: dict[str, Table]) -> object:
    return next(row[6] for row in tables["by weakness"].rows if row[1] == "190")


async def test_files_for_others_are_read_again(tmp_path: Path) -> None:
    found = await made(tmp_path)
    box = no_box(tmp_path / "tasks")
    tasks = list(box.tasks.values())
    samples = read_samples(found.path / "export" / "samples.jsonl", tasks).samples
    assert len(samples) == 6
    recorded = read_results(found.path / "export", tasks)
    assert sum(one.func_secure for one in recorded.results) == 1
    assert sum(one.functional for one in recorded.results) == 3
    rows = [{"task_id": one.task_id, "sample": one.sample, "text": one.text, "form": one.form} for one in samples]
    from dikast.graphs.cweval.scoring.context import Context

    await run(scoring, rows, Context(executor=box), tmp_path / "again")
    again, before = measured_of_run(Run.open(tmp_path / "again")), measured_of_run(found)
    assert [(one.task_id, one.verdict) for one in again.last] == [(one.task_id, one.verdict) for one in before.last]
    assert again.asked == 4


async def test_before_and_after(tmp_path: Path) -> None:
    box = no_box(tmp_path / "tasks")
    replies = {0: ["safe", "works safe"], 1: ["safe", "works"], 2: ["works safe"]}
    told: Counter[int] = Counter()

    def revising(request: Request) -> str:
        number = request.sampling.seed or 0
        words = replies[number][told[number]]
        told[number] += 1
        return fenced(f"def double(n): ...  # {words}\n")

    solver = load_solver(ScriptedModel(revising))
    context = cweval.Context(solver=solver, executor=box, rounds=2, critic=Reader(), samples=3)
    await run(cweval.graph, [{"task_id": TASK_ID, "sample": one} for one in range(3)], context, tmp_path / "run")
    found = measured_of_run(Run.open(tmp_path / "run"))
    change = data_of(found)["rounds"]
    assert (change["before"], change["after"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (change["gained"], change["lost"], change["broken"]) == (1, 0, 1)
    assert any(isinstance(one, Table) and "revision" in one.title for one in page_of([found]).parts)


async def test_a_row_that_failed_after_its_first_round_has_no_result(tmp_path: Path) -> None:
    box = no_box(tmp_path / "tasks")
    writer = Writer([fenced("def double(n): ...  # safe\n"), ModelTimeout("no reply")])
    context = cweval.Context(solver=writer, executor=box, rounds=2)
    await run(cweval.graph, [{"task_id": TASK_ID, "sample": 0}], context, tmp_path / "run")
    found = measured_of_run(Run.open(tmp_path / "run"))
    assert found.report.outcomes == {"missing": 1}
    assert data_of(found)["sec@1"] == 0


async def test_the_story_of_a_sample(tmp_path: Path) -> None:
    box, critic = no_box(tmp_path / "tasks"), Reader("Mind the sign.")
    replies = [fenced("def double(n): ...  # safe\n"), fenced("def double(n): ...  # works\n")]
    context = cweval.Context(solver=Writer(replies), executor=box, rounds=2, critic=critic)
    await run(cweval.graph, [{"task_id": TASK_ID, "sample": 0}], context, tmp_path / "run")
    [row] = Run.open(tmp_path / "run").rows()
    page: Page = tell(row, method.story)
    text = markdown(page)
    for part in ("functional, not secure", "Mind the sign", "round 2", "test\\_s"):
        assert part in text, part


def test_a_run_of_another_graph_and_an_id_that_is_none(tmp_path: Path) -> None:
    assert task_of_id("core.c.cwe_022_0_c").cwe == "022"
    for wrong in ("core", "core.py.x", "core.rs.cwe_1_2"):
        with pytest.raises(DataError):
            task_of_id(wrong)


def test_calls_that_are_told_beforehand(tmp_path: Path) -> None:
    known: Any = {"solver": Writer([""]), "executor": no_box(tmp_path)}
    row = {"task_id": TASK_ID, "sample": 0}
    one = count_calls(cweval.Context(**known), row)
    assert {role: calls.count for role, calls in one.items()} == {"solver": 1}
    more = count_calls(cweval.Context(**known, rounds=3, critic=Reader()), row)
    assert {role: calls.count for role, calls in more.items()} == {"solver": 3, "critic": 2}
    assert more["solver"].output_tokens == 3 * 2048


def test_kill_9_in_the_middle_and_again(tmp_path: Path) -> None:
    folder, out, notes = tmp_path / "tasks", tmp_path / "run", tmp_path / "notes"
    for number in range(TASKS):
        write_task(folder, f"cwe_190_{number}", task=TASK.replace('"""', f'"""As asked for {number} times. ', 1))
    command = [sys.executable, "-m", "tests.graphs.cweval.method_job", str(folder), str(out), str(notes)]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    journal, deadline = out / "rows.jsonl", time.monotonic() + 120
    while not journal.exists() or journal.read_bytes().count(b"\n") < 20:
        assert first.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    first.send_signal(signal.SIGKILL)
    first.wait()
    finished = journal.read_bytes().count(b"\n")
    kept = {(one["task_id"], one["sample"]) for one in inputs(journal)[:finished]}
    before = Counter(notes.read_text().splitlines())
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(TASKS * SAMPLES), "0"]
    asked = Counter(notes.read_text().splitlines())
    replies, tests = (Counter({it: n for it, n in asked.items() if it.startswith(word)}) for word in ("reply", "test"))
    assert len(replies) == len(tests) == TASKS * SAMPLES
    assert finished < TASKS * SAMPLES
    # A reply that was in the cache is not asked for again; a row in the journal is not tested again.
    assert sum(replies.values()) - len(replies) <= IN_FLIGHT
    twice = {name for name, count in tests.items() if count > 1}
    again = {(name.split()[1], int(name.split()[3])) for name in twice}
    assert not again & kept
    assert before.total() < asked.total()


def inputs(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line)["input"] for line in journal.read_bytes().splitlines()]


async def test_the_same_again_asks_and_tests_nothing(tmp_path: Path) -> None:
    box: NoBox = no_box(tmp_path / "tasks")
    calls: list[int] = []

    def count(request: Request) -> str:
        calls.append(request.sampling.seed or 0)
        return fenced("def double(n): ...  # works\n")

    context = cweval.Context(solver=load_solver(ScriptedModel(count, spec="scripted:count")), executor=box, samples=3)
    rows = [{"task_id": TASK_ID, "sample": one} for one in range(3)]
    cache = RequestCache(tmp_path / "cache.sqlite")
    await run(cweval.graph, rows, context, tmp_path / "run", cache=cache)
    assert (sorted(calls), len(box.ran)) == ([0, 1, 2], 3)
    await run(cweval.graph, rows, context, tmp_path / "run", cache=cache)
    assert (len(calls), len(box.ran)) == (3, 3)
    await run(cweval.graph, rows, context, tmp_path / "other", cache=cache)
    assert (len(calls), len(box.ran)) == (3, 6)
    assert NAME in TASK_ID
