"""Judging as a graph and as a job: who is asked what, how a row ends, what the report makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.request import Request, Sampling
from dikast.agents.models.scripted import ScriptedModel
from dikast.errors import DataError, LimitReached, ModelError, ModelTimeout, ModelUnavailable, UsageError
from dikast.graphs.summhay.coverage.load import load_coverage_judge
from dikast.graphs.summhay.coverage.model_judge import ModelCoverageJudge
from dikast.graphs.summhay.coverage.recorded import RecordedJudge
from dikast.graphs.summhay.coverage.roles import Verdict, no_verdict, nobodys
from dikast.graphs.summhay.haystack import Insight, read_haystack
from dikast.graphs.summhay.judging.context import Context, Input, Output
from dikast.graphs.summhay.judging.graph import graph
from dikast.graphs.summhay.judging.method import count_calls, method
from dikast.graphs.summhay.judging.options import HAYSTACKS, Options, facts, notes, read_rows
from dikast.graphs.summhay.judging.report import report
from dikast.graphs.summhay.judging.story import story
from dikast.jobs import Run, run
from dikast.records import Outcome, Usage
from tests.graphs.summhay.judging_job import IN_FLIGHT
from tests.killing import finished_rows, kill_when, run_again

ROOT = Path(__file__).resolve().parents[3]
PLACE = "dikast.graphs.summhay.judging.method:method"
Says = Callable[[Insight], Any]


@dataclass
class Script:
    """A judge that says (coverage, bullet), raises, gives an outcome, or says nothing, by the insight."""

    says: Says
    batched: bool = False
    asked: list[tuple[list[str], list[str]]] = field(default_factory=list[tuple[list[str], list[str]]])
    spec: str = "python:script"

    def fingerprint(self) -> dict[str, object]:
        return {"script": 1}

    async def cover(self, bullets: Sequence[str], insights: Sequence[Insight], *, sampling: Sampling) -> list[Verdict]:
        assert sampling.max_tokens == 256
        self.asked.append((list(bullets), [one.insight_id for one in insights]))
        return [said for one in insights if (said := self.verdict(one)) is not None]

    def verdict(self, insight: Insight) -> Verdict | None:
        said = self.says(insight)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Outcome):
            return no_verdict(insight, "model", said, f"as told of {insight.insight_id}")
        if said is None:
            return None
        coverage, bullet = said
        usage, who = Usage(calls=1), nobodys("s")
        return Verdict(insight.insight_id, coverage, bullet, "model", None, Outcome.OK, "", usage, who)


def row(*ids: str, bullets: Sequence[str] = ("one [1]", "two [2]")) -> Input:
    return {"bullets": list(bullets), "insights": [{"insight_id": id_, "insight": f"about {id_}"} for id_ in ids]}


async def judged(says: Says | Script, given: Any) -> Output:
    judge = says if isinstance(says, Script) else Script(says)
    return (await graph.ainvoke(given, context=Context(judge=judge), version="v2")).value


async def test_one_branch_an_insight_in_their_order() -> None:
    script = Script(lambda one: (1.0, 2) if one.insight_id == "b" else (0.0, None))
    output = await judged(script, row("a", "b", "c"))
    assert script.asked == [(["one [1]", "two [2]"], [id_]) for id_ in "abc"]
    assert [(one["insight_id"], one["coverage"], one["bullet"]) for one in output["verdicts"]] == [
        ("a", 0, None), ("b", 1, 2), ("c", 0, None),
    ]  # fmt: skip
    assert (output["outcome"], output["reason"]) == ("ok", "")
    json.dumps(output)


async def test_one_branch_a_summary_for_a_judge_that_takes_all() -> None:
    script = Script(lambda one: (0.5, 1), batched=True)
    output = await judged(script, row("a", "b"))
    assert script.asked == [(["one [1]", "two [2]"], ["a", "b"])]
    assert [one["coverage"] for one in output["verdicts"]] == [0.5, 0.5]


@pytest.mark.parametrize("batched", [False, True])
async def test_a_summary_without_bullets_covers_nothing_and_nobody_is_asked(batched: bool) -> None:
    script = Script(lambda one: (1.0, 1), batched)
    output = await judged(script, row("a", "b", bullets=[]))
    assert script.asked == []
    assert [(one["coverage"], one["by"]) for one in output["verdicts"]] == [(0.0, "nobody")] * 2
    assert output["outcome"] == "ok"
    assert (await judged(script, row()))["verdicts"] == []


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ModelTimeout("slow"), "timeout"), (LimitReached("used up"), "limit"), (ModelError("broke"), "error")],
)
async def test_a_call_that_fails_is_a_record_and_its_siblings_stay(error: Exception, outcome: str) -> None:
    output = await judged(lambda one: error if one.insight_id == "b" else (0.5, 1), row("a", "b", "c"))
    by_id = {one["insight_id"]: one for one in output["verdicts"]}
    assert (by_id["b"]["outcome"], by_id["b"]["coverage"]) == (outcome, None)
    assert by_id["a"]["coverage"] == by_id["c"]["coverage"] == 0.5
    assert output["outcome"] == outcome
    assert output["reason"].startswith("1 of 3 insights; the first: ")
    alone = await judged(lambda one: error, row("a"))
    assert alone["reason"] == str(error)
    together = await judged(Script(lambda one: error, batched=True), row("a", "b"))
    assert [one["outcome"] for one in together["verdicts"]] == [outcome] * 2


@pytest.mark.parametrize("error", [ModelUnavailable("down"), RuntimeError("a bug")])
async def test_what_no_row_can_mend_is_raised(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        await judged(lambda one: error, row("a"))


async def test_a_rows_outcome_is_its_worst_failure_then_what_befell_most() -> None:
    said: dict[str, Any] = {
        "a": Outcome.UNPARSED,
        "b": Outcome.LIMIT,
        "c": Outcome.TIMEOUT,
        "d": (1.0, 1),
        "e": Outcome.ERROR,
    }
    for ids, outcome in (("abcde", "error"), ("abcd", "timeout"), ("abd", "limit"), ("ad", "unparsed"), ("d", "ok")):
        assert (await judged(lambda one: said[one.insight_id], row(*ids)))["outcome"] == outcome
    more = {"a": Outcome.UNPARSED, "b": Outcome.REFUSED, "c": Outcome.REFUSED}
    output = await judged(lambda one: more[one.insight_id], row(*"abc"))
    assert (output["outcome"], output["reason"]) == ("refused", "2 of 3 insights; the first: as told of b")


@pytest.mark.parametrize(
    ("said", "reason"),
    [((0.7, 1), "coverage 0.7"), ((None, None), "coverage None"), ((1.0, 3), "bullet 3"), ((1.0, 0), "bullet 0")],
)
async def test_a_judge_of_ones_own_may_not_say_anything(said: Any, reason: str) -> None:
    output = await judged(lambda one: said, row("a"))
    assert (output["outcome"], output["verdicts"][0]["coverage"]) == ("unparsed", None)
    assert reason in output["reason"]


async def test_a_judge_that_leaves_an_insight_out_has_no_verdict_on_it() -> None:
    output = await judged(lambda one: None, row("a"))
    assert output["outcome"] == "unparsed"
    assert "no verdict on this insight" in output["reason"]


async def test_a_missing_context_and_input_are_told() -> None:
    with pytest.raises(TypeError, match="Context"):
        await graph.ainvoke(row("a"))
    with pytest.raises(UsageError, match="'insights'"):
        await judged(lambda one: None, {"bullets": []})


# The job.


def topic(path: Path, topic_id: str = "t", insights: int = 2, systems: Sequence[str] = ("a", "b")) -> Path:
    """A topic file of two subtopics; `b` writes nothing on the second."""
    subtopics: list[dict[str, Any]] = [
        {
            "subtopic_id": name,
            "subtopic": f"about {name}",
            "insights": [{"insight_id": f"{name}{n}", "insight": f"fact {n} of {name}"} for n in range(insights)],
            "summaries": {
                f"summary_subtopic_{system}": [] if (name, system) == ("y", "b") else [f"{system} on {name} [1]"]
                for system in systems
            },
            "retriever": {"r": {"d": 1.0}},
        }
        for name in "xy"
    ]
    ids = [one["insight_id"] for subtopic in subtopics for one in subtopic["insights"]]
    documents = [{"document_id": "d", "document_text": "x", "insights_included": ids, "idx": 7}]
    path.write_text(json.dumps({"topic_id": topic_id, "topic": "t", "subtopics": subtopics, "documents": documents}))
    return path


async def test_rows_are_made_by_the_judges_way_of_asking(tmp_path: Path) -> None:
    path = str(topic(tmp_path / "t.json"))
    single = Context(judge=Script(lambda one: None))
    rows = list(read_rows(Options(files=[path]), single))
    assert len(rows) == 8
    assert rows[0] == {
        "id": "t/x/a/x0", "topic_id": "t", "subtopic_id": "x", "system": "a", "bullets": ["a on x [1]"],
        "insights": [{"insight_id": "x0", "insight": "fact 0 of x"}],
    }  # fmt: skip
    assert rows[0]["bullets"] is rows[1]["bullets"]
    together = list(read_rows(Options(files=[path]), Context(judge=Script(lambda one: None, batched=True))))
    assert [one["id"] for one in together] == ["t/x/a", "t/x/b", "t/y/a", "t/y/b"]
    chosen = list(read_rows(Options(files=[path], systems=("b",)), single))
    assert {one["system"] for one in chosen} == {"b"}
    assert await facts(Options(files=[path]), single) == {HAYSTACKS: [path]}


def test_what_cannot_be_judged_is_told(tmp_path: Path) -> None:
    context = Context(judge=Script(lambda one: None))
    path = str(topic(tmp_path / "t.json"))
    with pytest.raises(UsageError, match="nothing to judge"):
        list(read_rows(Options(), context))
    with pytest.raises(UsageError, match=r"no summary is by 'z' \(there are a, b\)"):
        list(read_rows(Options(files=[path], systems=("a", "z")), context))
    with pytest.raises(DataError, match=r"u\.json: field 'topic_id': topic 't' stands in .*t\.json, too"):
        list(read_rows(Options(files=[path, str(topic(tmp_path / "u.json"))]), context))


def test_a_file_is_read_when_its_rows_are_needed(tmp_path: Path) -> None:
    rows = read_rows(
        Options(files=[str(topic(tmp_path / "t.json")), "absent.json"]), Context(judge=Script(lambda one: None))
    )
    assert [next(rows)["id"] for _ in range(8)][-1] == "t/y/b/y1"
    with pytest.raises(DataError, match=r"absent\.json"):
        next(rows)


def test_a_judges_note_is_told() -> None:
    script = Script(lambda one: None)
    assert list(notes(Options(), Context(judge=script), [])) == []
    noted: Any = script
    noted.note = "words alone"
    assert list(notes(Options(), Context(judge=script), [])) == ["words alone"]


def say_nothing(request: Request) -> str:
    return ""


def test_calls_are_counted_by_the_way_of_asking() -> None:
    model = ScriptedModel(say_nothing)
    given = row("a", "b", "c")
    single = count_calls(Context(judge=ModelCoverageJudge(model)), given)["judge"]
    together = count_calls(Context(judge=ModelCoverageJudge(model, batched=True)), given)["judge"]
    assert (single.count, single.output_tokens) == (3, 3 * 256)
    assert (together.count, together.output_tokens) == (1, 256 + 3 * 40)
    assert 0 < together.input_tokens < single.input_tokens
    for spec in ("words", "recorded:x.json", "ladder?encoder=words+words"):
        assert count_calls(Context(judge=load_coverage_judge(spec)), given) == {}
    assert count_calls(Context(judge=ModelCoverageJudge(model)), row("a", bullets=[])) == {}


async def job(out: Path, judge: Any, *files: Path, systems: tuple[str, ...] | None = None) -> Any:
    context, options = Context(judge=judge), Options(files=[str(path) for path in files], systems=systems)
    summary = await run(
        graph, list(read_rows(options, context)), context, out, settings={**await facts(options, context)}
    )
    return summary, report(Run.open(out), context)


async def test_the_report_scores_and_writes_the_file_with_labels(tmp_path: Path) -> None:
    said = {"x0": (1.0, 1), "x1": Outcome.UNPARSED, "y0": (0.5, 1), "y1": Outcome.TIMEOUT}
    path = topic(tmp_path / "t.json")
    summary, found = await job(tmp_path / "run", Script(lambda one: said[one.insight_id]), path)
    # System b has no bullet on y: two verdicts by nobody.
    assert summary.outcomes == {"ok": 5, "unparsed": 2, "timeout": 1}
    data = found.data
    assert (data["verdicts"], data["scored"], data["unparsed"]) == (8, 7, 2)
    assert data["by"] == {"model": 6, "nobody": 2}
    assert data["llm_share"] == 6 / 8
    a, b = data["systems"]["a"], data["systems"]["b"]
    assert (a["insights"], a["unlabelled"], a["coverage"], a["citation"]) == (3, 1, 0.5, 1.0)
    assert (b["insights"], b["unlabelled"], b["coverage"]) == (4, 1, 0.25)
    assert a["bounds"]["coverage"] == [0.5, pytest.approx(2.5 / 3)]
    text = str(found.page) + str(found.notes)
    for told in ("7 verdicts of 8; 2 unparsed", "2 unparsed verdicts count", "1 verdicts failed"):
        assert told in text
    before, after = json.loads(path.read_text()), json.loads((tmp_path / "run/export/t.json").read_text())
    labels = [one.pop("eval_summaries") for one in after["subtopics"]]
    assert after == before
    full = {"insight_id": "x0", "coverage": "FULL_COVERAGE", "bullet_id": 1}
    none = [{"insight_id": id_, "coverage": "NO_COVERAGE", "bullet_id": "NA"} for id_ in ("y0", "y1")]
    partly = {"insight_id": "y0", "coverage": "PARTIAL_COVERAGE", "bullet_id": 1}
    assert labels[0] == {"summary_subtopic_a": [full], "summary_subtopic_b": [full]}
    assert labels[1] == {"summary_subtopic_a": [partly], "summary_subtopic_b": none}
    read_haystack(tmp_path / "run/export/t.json")


async def test_files_of_one_name_are_kept_apart_and_one_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "2").mkdir()
    one, two = topic(tmp_path / "t.json"), topic(tmp_path / "2" / "t.json", "u")
    judge = Script(lambda one: (0.0, None))
    _, found = await job(tmp_path / "run", judge, one, two)
    assert [Path(path).name for path in found.data["files"]] == ["t.json", "2_t.json"]
    assert found.data["systems"]["a"]["insights"] == 8
    two.unlink()
    again = report(Run.open(tmp_path / "run"), Context(judge=judge))
    assert again.data["systems"]["a"]["insights"] == 4
    assert any("it is gone" in note for note in again.notes)


async def test_a_run_that_names_no_file_is_counted(tmp_path: Path) -> None:
    context = Context(judge=Script(lambda one: (0.0, None)))
    await run(graph, [row("a")], context, tmp_path / "run")
    found = report(Run.open(tmp_path / "run"), context)
    assert (found.data["verdicts"], found.data["systems"]) == (1, {})
    assert any("does not say which topic files" in note for note in found.notes)


async def test_a_rows_story_shows_bullets_and_verdicts(tmp_path: Path) -> None:
    await job(tmp_path / "run", Script(lambda one: (1.0, 1)), topic(tmp_path / "t.json"))
    page = story(Run.open(tmp_path / "run").row("1"))
    assert page.title == "1 of 1 insights covered"
    assert "a on x [1]" in str(page.parts)
    assert "fact 0 of x" in str(page.parts)


async def test_a_row_with_an_outcome_of_its_own_is_counted_as_asked(tmp_path: Path) -> None:
    def says(one: Insight) -> Any:
        return ValueError("a bug") if one.insight_id == "x0" else (0.0, None)

    summary, found = await job(tmp_path / "run", Script(says), topic(tmp_path / "t.json"))
    assert summary.outcomes["error"] == 2
    assert (found.data["verdicts"], found.data["scored"]) == (8, 6)
    assert found.data["systems"]["a"]["insights"] == 3


async def test_the_same_job_again_asks_nobody_and_another_judge_is_refused(tmp_path: Path) -> None:
    script, path = Script(lambda one: (0.0, None)), topic(tmp_path / "t.json")
    await job(tmp_path / "run", script, path)
    asked = len(script.asked)
    assert asked == 6
    await job(tmp_path / "run", script, path)
    assert len(script.asked) == asked
    with pytest.raises(Exception, match="judge"):
        await job(tmp_path / "run", load_coverage_judge("words"), path)


def test_kill_9_in_the_middle_and_again_no_finished_row_is_asked_twice(tmp_path: Path) -> None:
    path = topic(tmp_path / "t.json", insights=40, systems=("a", "c"))
    out, calls = tmp_path / "run", tmp_path / "calls"
    command = [sys.executable, "-m", "tests.graphs.summhay.judging_job", str(path), str(out), str(calls)]
    journal = out / "rows.jsonl"
    kill_when(command, ROOT, lambda: finished_rows(journal) >= 20, pause=0.002)
    finished = finished_rows(journal)
    assert run_again(command, ROOT).split() == ["160", "0"]
    asked = Counter(calls.read_text().splitlines())
    assert len(asked) == 160
    assert 20 <= finished < 160
    twice = [name for name, count in asked.items() if count > 1]
    assert max(asked.values()) <= 2
    # Calls whose rows were not on the disk yet: those in flight, and those of the group that was about to be written.
    kept = [json.loads(line)["input"] for line in journal.read_bytes().splitlines()[:finished]]
    names = {f"{one['bullets'][0]} {one['insights'][0]['insight_id']}" for one in kept}
    assert not names.intersection(twice)
    assert len(twice) <= asked.total() - 160 <= 160 - finished
    assert finished > IN_FLIGHT


def test_it_is_light_to_look_at() -> None:
    code = (
        "import sys, dikast.graphs.summhay.judging.method, dikast.graphs.summhay.coverage.roles\n"
        "print([name for name in ('langgraph', 'langchain_core', 'numpy', 'nltk') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_every_knob_of_it_is_a_flag() -> None:
    from dikast.cli.run import make_run

    assert method.load_graph().name == "summhay_judging"
    command = make_run(method, PLACE, "judging")
    seen: Any = command
    assert {"file", "systems", "judge", "judge_max_tokens"} <= seen.__signature__.parameters.keys()


class Together(RecordedJudge):
    """Recorded labels, a summary at a time."""

    batched = True


async def test_recorded_labels_through_the_job_score_as_the_authors_do(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "evals" / "summhay" / "topic_news1.json"
    if not path.is_file():
        pytest.skip(f"needs SummHay's haystack: no file {path}")
    single, _ = await job(tmp_path / "single", load_coverage_judge(f"recorded:{path}"), path, systems=("gpt-4o",))
    assert single.outcomes == {"ok": 65}
    summary, found = await job(tmp_path / "run", Together((path,)), path)
    official = json.loads(path.with_suffix(".official_scores.json").read_text())["per_system"]
    assert summary.outcomes == {"ok": 702}
    assert len(official) == len(found.data["systems"]) == 78
    for one in official:
        mine = found.data["systems"][one["model"]]
        for ours, theirs in (("coverage", "coverage_score"), ("citation", "citation_score"), ("joint", "joint_score")):
            assert mine[ours] == pytest.approx(one[theirs], abs=1e-12)
    written = read_haystack(tmp_path / "run" / "export" / path.name)
    before = read_haystack(path)
    for mine, theirs in zip(written.subtopics, before.subtopics, strict=True):
        for key, labels in theirs.eval_summaries.items():
            assert {one.insight_id: one for one in mine.eval_summaries[key]} == {one.insight_id: one for one in labels}
