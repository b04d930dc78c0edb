"""A user's function over every text that a run writes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.one_call import graph, queries
from dikast import jobs
from dikast.agents.models.cache import RequestCache
from dikast.errors import ModelTimeout, ResumeMismatchError, UsageError
from dikast.jobs.files import read_journal
from dikast.records import Outcome
from dikast.redaction import Redaction, RedactionError
from tests.cli.astral.subjects import MINE
from tests.cli.conftest import Cli, cli
from tests.cli.judge.pairs import COLUMNS, pair
from tests.jobs.graphs import Heard, errors, graph_of, lines, run_one_call, speaking

__all__ = ["cli"]  # the fixture

CANARY = "canary51d0"
HOOK = """
import re

def redact(text):
    return re.sub("canary51d0", "[gone]", text, flags=re.IGNORECASE)

def short(text):
    return text[:0]

def nothing(text):
    return None
"""
SUBJECT = """
import json
from dikast.agents.models.scripted import scripted
from dikast.errors import ModelTimeout

@scripted
def says(request):
    return "battery, canary51d0"

@scripted
def rude(request):
    return "canary51d0 " + request.messages[-1]["content"][:20]

@scripted
def oracle(request):
    return json.dumps({"reason": "it says canary51d0", "verdict": "unsafe"})

@scripted
def judge(request):
    return "[[A]] for canary51d0"

@scripted
def late(request):
    raise ModelTimeout("canary51d0 took too long")
"""


def hide(text: str) -> str:
    return text.replace(CANARY, "[gone]")


def holding(folder: Path) -> Iterator[str]:
    """Files that hold the canary, compressed ones and databases read as bytes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and CANARY.encode() in path.read_bytes().lower():
            yield str(path.relative_to(folder))


async def test_every_text_of_a_row_goes_through_it(tmp_path: Path) -> None:
    rows = [{"query": f"about {CANARY}"}, {"query": "plain"}]
    await jobs.run(graph, rows, speaking(lambda query: f"said {query}"), tmp_path, redact=hide)
    first, second = lines(tmp_path)
    assert first["input"] == {"query": "about [gone]"}
    assert (first["redacted"], "redacted" in second) == (True, False)
    assert "[gone]" in first["calls"][0]["messages"][-1]["content"]
    assert first["output"]["text"] == first["calls"][0]["reply"] == "said about [gone]"
    assert not list(holding(tmp_path))


async def test_tracebacks_names_and_reasons_go_through_it(tmp_path: Path) -> None:
    async def node(value: int) -> Any:
        if value == 0:
            raise ValueError(f"about {CANARY}")
        return {f"{CANARY}-{value}": 1, "[gone]-1": 2, "list": [CANARY]}

    await jobs.run(graph_of(node), [{"value": 0}, {"value": 1}], None, tmp_path, redact=hide)
    failed, named = sorted(lines(tmp_path), key=lambda row: row["row"])
    assert (failed["outcome"], failed["reason"]) == ("error", "ValueError: about [gone]")
    assert "about [gone]" in errors(tmp_path)[0]["trace"]
    # Names that have become equal are both kept.
    assert named["output"]["result"] == {"[gone]-1": 1, "[gone]-1#2": 2, "list": ["[gone]"]}
    assert not list(holding(tmp_path))


@pytest.mark.parametrize("wrong", ["raises", "returns"])
async def test_a_function_that_fails_stops_the_job_and_nothing_of_the_row_is_written(
    tmp_path: Path, wrong: str
) -> None:
    def broken(text: str) -> Any:
        if CANARY not in text:
            return text
        if wrong == "raises":
            raise ValueError(text)
        return None

    rows = [{"query": f"about {CANARY}"}, *queries(3)]
    with pytest.raises(RedactionError, match=r"row 1: the redaction .*broken") as error:
        await jobs.run(graph, rows, speaking(Heard()), tmp_path, redact=broken, concurrency=1)
    assert CANARY not in str(error.value)
    assert error.value.__cause__ is None
    assert not list(holding(tmp_path))
    # The row is owed, and the same call with a function that works does it.
    with pytest.raises(ResumeMismatchError, match="redact"):
        await jobs.run(graph, rows, speaking(Heard()), tmp_path)


def no_text(text: str) -> object:
    return None if text else 1


def raising(text: str) -> object:
    raise KeyError(text)


@pytest.mark.parametrize("wrong", [no_text, raising, 7, "json", "nowhere:redact", "json:loads"])
async def test_what_is_no_redaction_is_refused_before_anything_runs(tmp_path: Path, wrong: Any) -> None:
    heard = Heard()
    with pytest.raises(UsageError):
        await jobs.run(graph, queries(2), speaking(heard), tmp_path / "x", redact=wrong)
    assert not heard.queries
    assert not (tmp_path / "x").exists()


async def test_failed_rows_are_done_again_by_the_same_call_and_by_no_retry(tmp_path: Path) -> None:
    rows = [{"query": f"about {CANARY}"}, {"query": "plain"}]

    def late(query: str) -> str:
        raise ModelTimeout(f"{query} took too long")

    summary = await jobs.run(graph, rows, speaking(late), tmp_path, redact=hide)
    assert (summary.failed, list(holding(tmp_path))) == (2, [])
    with pytest.raises(UsageError, match="the inputs of 1 rows to be done again are redacted"):
        await jobs.retry(graph, speaking(late), tmp_path, redact=hide)
    heard = Heard()
    again = await jobs.run(graph, rows, speaking(heard), tmp_path, redact=hide)
    assert sorted(heard.queries) == [f"about {CANARY}", "plain"]  # as they were, and not as they are written
    assert (again.outcomes, again.foreign, again.owed) == ({Outcome.OK: 2}, 0, 0)
    assert (await jobs.run(graph, rows, speaking(heard), tmp_path, redact=hide)).done == 0


async def test_a_cache_on_the_disk_is_refused_and_one_in_memory_is_not(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would keep replies"):
        await run_one_call(tmp_path / "x", 2, Heard(), redact=hide, cache=RequestCache(tmp_path / "cache.sqlite"))
    cache = RequestCache(Path(":memory:"))
    assert (await run_one_call(tmp_path / "x", 2, Heard(), redact=hide, cache=cache)).finished == 2
    cache.close()


async def test_another_function_is_another_run(tmp_path: Path) -> None:
    await run_one_call(tmp_path, 1, Heard(), redact=hide)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["fingerprint"]["redact"]["function"] == f"{__name__}:hide"
    for other in (None, str.strip, _other):
        with pytest.raises((ResumeMismatchError, UsageError)):
            await run_one_call(tmp_path, 1, Heard(), redact=other)


def _other(text: str) -> str:
    return text


def test_the_hash_is_over_the_file_that_the_function_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "hook_one.py").write_text(HOOK)
    (tmp_path / "hook_two.py").write_text(HOOK.replace("[gone]", "[out]"))
    one, two = (Redaction.of(f"hook_{name}:redact") for name in ("one", "two"))
    assert one.source != two.source
    assert one.text(f"a {CANARY}") == "a [gone]"


async def test_a_job_within_a_job_is_redacted_too(tmp_path: Path) -> None:
    async def node(value: int) -> str:
        await run_one_call(tmp_path / "inner", 1, lambda query: f"{query} {CANARY}")
        return "done"

    await jobs.run(graph_of(node), [{"value": 1}], None, tmp_path / "outer", redact=hide)
    assert [record["output"]["text"] for _, record in read_journal(tmp_path / "inner/rows.jsonl")] == [
        "question number 0 [gone]"
    ]


@pytest.fixture
def hooked(cli: Cli, tmp_path: Path) -> Path:
    (tmp_path / "modules" / "hook.py").write_text(HOOK, encoding="utf-8")
    (tmp_path / "modules" / "talkers.py").write_text(SUBJECT, encoding="utf-8")
    return tmp_path


def test_no_file_of_three_methods_runs_holds_what_was_taken_out(
    cli: Cli, hooked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (hooked / "corpus.jsonl").write_text(f'{{"id": "d1", "contents": "battery {CANARY}"}}\n')
    (hooked / "topics.tsv").write_text(f"q1\tcar {CANARY}\nq2\tgarden\n")
    (hooked / "qrels.txt").write_text("q1 0 d1 1\n")
    one = {**pair(1), "question": f"What of {CANARY}?", "a": f"a good {CANARY}"}
    (hooked / "pairs.jsonl").write_text(json.dumps(one) + "\n")
    (hooked / "axes.toml").write_text('[axes]\ncategory = ["billing", "medical"]\n')
    assert cli("astral", "plan", "--axes", "axes.toml", "--quota", 1, "-o", "plan.jsonl").code == 0
    common = ("--redact", "hook:redact")
    of_genqr = ("--corpus", "corpus.jsonl", "--topics", "topics.tsv", "--qrels", "qrels.txt")
    ran = [
        cli("genqr", "run", *of_genqr, "--model", "scripted:talkers:says", "-o", "out/genqr", *common),
        cli("judge", "run", "--pairs", "pairs.jsonl", "--columns", COLUMNS, "--judge", "scripted:talkers:judge",
            "--model", "scripted:talkers:says", "-o", "out/judge", *common),
        cli("astral", "run", "--cases", "plan.jsonl", "--target", "scripted:talkers:rude", "--oracle",
            "scripted:talkers:oracle", "--solver", "seeds", *MINE, "-o", "out/astral", *common),
        cli("genqr", "run", *of_genqr, "--model", "scripted:talkers:late", "-o", "out/late", *common),
    ]  # fmt: skip
    assert [one.code for one in ran] == [0, 0, 0, 3], ran
    assert "do the failed rows again: give the same command" in ran[3].err
    assert cli("runs", "export", "out/genqr", "--as", "csv").code == 0
    cli("astral", "report", "out/astral")
    assert (hooked / "out/astral/withheld.jsonl").read_text().count("[gone]") > 0
    assert list(holding(hooked / "out")) == []
    assert list(holding(hooked / "cache")) == []
    assert CANARY not in "".join(one.out + one.err for one in ran) + caplog.text


def test_the_command_refuses_what_would_keep_it_all_the_same(cli: Cli, hooked: Path) -> None:
    common = ("genqr", "run", "--collection", "sample", "--limit", "1", "--model", "scripted:talkers:says", "-o", "x")
    for more, told in (
        (("--redact", "hook:nothing"), "returned NoneType, no text"),
        (("--redact", "hook"), "MODULE:NAME"),
        (("--redact", "hook:redact", "--cache", "c.sqlite"), "would keep replies"),
    ):
        ran = cli(*common, *more)
        assert (ran.code, told in ran.err) == (2, True), ran.err
    assert not (hooked / "x").exists()
    assert cli("tapir", "rounds", "--redact", "hook:redact").code == 2
    shown = cli(*common, "--redact", "hook:redact", "--preview", "1")
    assert (shown.code, "[gone]" in shown.out, CANARY in shown.out) == (0, True, False)
