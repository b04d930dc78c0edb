"""A run of the synthesizer: its rows, its files, its card, its story; a kill in the middle asks nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dikast import jobs
from dikast.errors import DataError, UsageError
from dikast.graphs.method import Given, load_object
from dikast.graphs.story import tell
from dikast.graphs.summhay import make
from dikast.graphs.summhay.haystack import as_json, parse_haystack, read_haystack, write_haystack
from dikast.graphs.summhay.make.content import as_toml, read_content
from dikast.graphs.summhay.make.method import count_calls, method
from dikast.graphs.summhay.make.options import Options, make_fields, notes, read_rows
from dikast.graphs.summhay.make.report import report
from dikast.graphs.summhay.make.story import story
from dikast.graphs.summhay.scores import score_subtopic
from dikast.jobs.reading import Run
from dikast.pages import markdown
from tests.graphs.summhay.made import (
    EVERY,
    Heard,
    content_of,
    context_of,
    leaky_writer,
    outline_reply,
    said_with,
    shown,
)
from tests.killing import finished_rows, kill_when, run_again

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(as_toml(content_of("conversation", ("Ann", "Bo"))), encoding="utf-8")
    return path


async def made_of(plan: Path, out: Path, haystacks: int = 2, **fields: Any) -> Run:
    context = context_of(**fields)
    rows = read_rows(Options(plan=plan, haystacks=haystacks), context)
    await jobs.run(make.graph, rows, context, out, report=report)
    return Run.open(out)


async def test_files_are_written_and_round_trip(plan: Path, tmp_path: Path) -> None:
    run = await made_of(plan, tmp_path / "run")
    files = sorted((run.path / "export").iterdir())
    topics = [file for file in files if file.name.startswith("topic_")]
    assert len(topics) == 2
    assert len(files) == 6
    for file in topics:
        haystack = read_haystack(file)
        assert file.name == f"topic_{haystack.topic_id}.json"
        assert haystack.participants == ("Ann", "Bo")
        write_haystack(tmp_path / "copy.json", haystack)
        assert (tmp_path / "copy.json").read_bytes() == file.read_bytes()
        assert read_haystack(tmp_path / "copy.json") == haystack
    outputs = {row["output"]["haystack"]["topic_id"]: row["output"]["haystack"] for row in run.rows()}
    assert {read_haystack(file).topic_id: as_json(read_haystack(file)) for file in topics} == outputs


async def test_the_plan_of_a_run_makes_the_same_haystack_again(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(as_toml(content_of("conversation")), encoding="utf-8")
    run = await made_of(path, tmp_path / "one", haystacks=1)
    (written,) = (run.path / "export").glob("plan_*.toml")
    assert len(read_content(written)["participants"]) == 4
    again = await made_of(written, tmp_path / "two", haystacks=1)
    (one,), (two,) = (list((each.path / "export").glob("topic_*.json")) for each in (run, again))
    assert one.read_bytes() == two.read_bytes()


async def test_a_summary_of_a_made_haystack_can_be_scored(plan: Path, tmp_path: Path) -> None:
    run = await made_of(plan, tmp_path / "run", haystacks=1)
    (file,) = (run.path / "export").glob("topic_*.json")
    value = json.loads(file.read_text(encoding="utf-8"))
    subtopic = value["subtopics"][0]
    gold = {
        one["insight_id"]: [
            n for n, each in enumerate(value["documents"], 1) if one["insight_id"] in each["insights_included"]
        ]
        for one in subtopic["insights"]
    }
    subtopic["summaries"]["summary_subtopic_me"] = [f"- x {numbers}" for numbers in gold.values()]
    subtopic["eval_summaries"]["summary_subtopic_me"] = [
        {"insight_id": id_, "coverage": "FULL_COVERAGE", "bullet_id": n} for n, id_ in enumerate(gold, 1)
    ]
    haystack = parse_haystack(value)
    scored = score_subtopic(haystack, haystack.subtopics[0], "summary_subtopic_me")
    assert scored is not None
    assert all(one.coverage == 1 and one.f1 == 1 for one in scored.insights)


async def test_the_card_says_how_it_was_made_and_what_leaked(plan: Path, tmp_path: Path) -> None:
    run = await made_of(plan, tmp_path / "run", haystacks=1, writer=leaky_writer())
    card = json.loads((run.path / "export" / "card.json").read_text(encoding="utf-8"))
    (one,) = card["haystacks"]
    assert (card["asked"], card["made"], card["complete"]) == (1, 1, 1)
    assert [told["name"] for told in one["rounds"]] == ["drafts", "repair 1"]
    assert one["rounds"][0]["miss_rate"] > 0 == one["rounds"][1]["miss_rate"]
    assert one["rounds"][0]["leak_rate"] > 0 == one["rounds"][1]["leak_rate"]
    assert one["made"]["seed"] == 0
    assert one["made"]["bounds"]["documents_an_insight"] == [2, 8]
    assert one["usage"]["writer"]["calls"] == 24
    assert card["settings"]["repairs"] == 3
    text = (run.path / "export" / "README.md").read_text(encoding="utf-8")
    for told in ("miss rate", "leak rate", "12 repaired", "| writer |", "24"):
        assert told in text, told


async def test_a_row_without_a_haystack_is_in_the_card_and_its_plan_can_be_edited(tmp_path: Path) -> None:
    def short(request: Any) -> str:
        reply = json.loads(outline_reply(request))
        return json.dumps({name: found[:2] for name, found in reply.items()})

    context = context_of(solver=Heard(short).solver, attempts=1)
    await jobs.run(make.graph, [{"topic": "Harbour cranes"}], context, tmp_path / "run", report=report)
    export = tmp_path / "run" / "export"
    assert sorted(file.name for file in export.iterdir()) == ["README.md", "card.json", "plan_row1.toml"]
    content = read_content(export / "plan_row1.toml")
    assert [len(one["insights"]) for one in content["subtopics"]] == [2, 2]
    card = json.loads((export / "card.json").read_text(encoding="utf-8"))
    assert (card["made"], card["haystacks"][0]["outcome"]) == (0, "unparsed")


async def test_files_of_earlier_rows_are_removed_and_others_are_left(plan: Path, tmp_path: Path) -> None:
    run = await made_of(plan, tmp_path / "run", haystacks=2)
    (run.path / "export" / "mine.json").write_text("{}", encoding="utf-8")
    await made_of(plan, tmp_path / "run", haystacks=1)
    names = [file.name for file in (run.path / "export").iterdir()]
    assert len([name for name in names if name.startswith("topic_")]) == 1
    assert "mine.json" in names


async def test_a_row_s_story_names_what_is_not_as_planned(plan: Path, tmp_path: Path) -> None:
    writer = Heard(lambda request: said_with(shown(request)[1:])).writer
    run = await made_of(plan, tmp_path / "run", haystacks=1, writer=writer, repairs=0)
    text = markdown(tell(next(iter(run.rows())), story))
    assert "lacks" in text
    assert "Harbour cranes" in text
    assert "miss rate" in text
    context = context_of(solver=Heard(lambda _: "Sure!").solver)
    await jobs.run(make.graph, [{"topic": "x"}], context, tmp_path / "none")
    assert "no haystack" in markdown(tell(next(iter(Run.open(tmp_path / "none").rows())), story))


def test_rows_have_the_next_seeds(plan: Path) -> None:
    rows = read_rows(Options(plan=plan, haystacks=3), context_of(seed=7))
    assert [row["seed"] for row in rows] == [7, 8, 9]
    assert all(row["topic"] == "Harbour cranes" and row["content"] == rows[0]["content"] for row in rows)
    rows = read_rows(Options(topic=" Cranes ", haystacks=1), context_of(seed=7))
    assert rows == [{"topic": "Cranes", "seed": 7}]


def test_a_topic_needs_a_solver_and_a_plan_none(plan: Path) -> None:
    given = Given({}, model=lambda: "openvino:x")
    assert make_fields(Options(topic="x"), given) == {"solver": "openvino:x"}
    assert make_fields(Options(plan=plan), given) == {"solver": None}
    for options in (Options(), Options(topic=" "), Options(topic="x", plan=plan)):
        with pytest.raises(UsageError, match="nothing to make"):
            make_fields(options, given)


def test_what_no_plan_can_keep_to_is_told_before_any_model_is_asked(plan: Path) -> None:
    with pytest.raises(UsageError, match="no plan"):
        read_rows(Options(topic="x"), context_of(documents_an_insight=(20, 30)))
    with pytest.raises(UsageError, match="document_tokens"):
        read_rows(Options(plan=plan), context_of(document_tokens=30))
    plan.write_text(as_toml(content_of()).replace(EVERY[1], EVERY[0]), encoding="utf-8")
    with pytest.raises(DataError, match=r"plan.toml.*subtopics\[0\].insights\[1\]"):
        read_rows(Options(plan=plan), context_of())


def test_notes_tell_of_near_insights_and_of_what_the_plan_overrules(plan: Path) -> None:
    context = context_of()
    rows = read_rows(Options(plan=plan), context)
    assert [note.partition(" are ")[0] for note in notes(Options(plan=plan), context, rows)] == [
        "note: subtopics, insights, domain and participants"
    ]
    near = "Waiting times at Aarhus fell when its cranes were automated in 2003 by Kone."
    plan.write_text(as_toml(content_of()).replace(EVERY[1], near), encoding="utf-8")
    rows = read_rows(Options(plan=plan), context)
    assert next(iter(notes(Options(plan=plan), context, rows))).startswith("note: 1 insights come near")


def test_calls_are_counted_at_most(plan: Path) -> None:
    row = read_rows(Options(plan=plan), context_of())[0]
    assert count_calls(context_of(), row) == {}
    model = Heard(lambda _: "x")
    context = context_of(writer=model.writer, verifier=model.verifier, critic=model.critic, solver=model.solver)
    assert {role: one.count for role, one in count_calls(context, row).items()} == {"writer": 48, "verifier": 48}
    assert {role: one.count for role, one in count_calls(context, {"topic": "x"}).items()} == {
        "solver": 9,
        "critic": 3,
        "writer": 48,
        "verifier": 48,
    }


def test_the_method_names_what_is_there() -> None:
    for part in (method.report, method.story):
        assert part is not None
        assert callable(load_object(part.__name__))
    assert method.load_graph().name == "summhay_make"


@pytest.mark.parametrize("module", ["context", "options", "method"])
def test_looking_at_it_loads_no_library(module: str) -> None:
    heavy = ("langgraph", "langchain_core", "langsmith", "numpy", "scipy", "pandas")
    code = f"import sys, dikast.graphs.summhay.make.{module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


JOB = """
import asyncio, os, sys
from pathlib import Path
from dikast import jobs
from dikast.agents.models.cache import RequestCache
from dikast.graphs.summhay import make
from dikast.graphs.summhay.make.options import Options, read_rows
from tests.graphs.summhay.made import content_of, context_of, Heard, leaky, text_of

folder, limit = Path(sys.argv[1]), int(sys.argv[2])
count = 0

async def say(request):
    global count
    reply = leaky(request)
    await asyncio.sleep(0.01)
    with (folder / "asked.log").open("a") as log:
        log.write(f"{hash_of(request)}\\n")
    count += 1
    if count >= limit:
        await asyncio.sleep(3600)
    return reply

def hash_of(request):
    import hashlib
    return hashlib.sha256((text_of(request) + str(request.sampling.seed)).encode()).hexdigest()

context = context_of(writer=Heard(say).writer)
rows = [{"topic": "Harbour cranes", "content": content_of(), "seed": 0}]
asyncio.run(jobs.run(make.graph, rows, context, folder / "run", cache=RequestCache(folder / "cache.sqlite")))
"""


def test_killed_in_the_middle_and_resumed_it_asks_no_finished_call_twice(tmp_path: Path) -> None:
    program = tmp_path / "job.py"
    program.write_text(JOB, encoding="utf-8")
    log = tmp_path / "asked.log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def job(limit: int) -> list[str]:
        return [sys.executable, str(program), str(tmp_path), str(limit)]

    # 12 documents and 12 repairs in all: the sixteenth call hangs when the process is killed.
    kill_when(job(16), ROOT, lambda: finished_rows(log) >= 16, environment=environment, settle=0.3)
    first = log.read_text().split()
    assert 16 <= len(first) < 24 + 16
    run_again(job(10_000), ROOT, environment=environment)
    second = log.read_text().split()[len(first) :]
    finished, hanging = set(first[:15]), set(first[15:])
    assert not finished & set(second)
    assert len(finished | set(second) | hanging) == 24
    (row,) = Run.open(tmp_path / "run").rows()
    assert row["outcome"] == "ok"
    assert row["usage"]["writer"]["cached_calls"] == 15
