"""`dikast tune METHOD`, as a user types it: by each kind of ranking, and what is wrong in a line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

MODELS = r"""
import re
from dikast.agents.models.scripted import scripted

calls = []

@scripted
def words(request):
    calls.append(request.messages[-1]["content"])
    return "garden, leaves, tyre, engine"

@scripted
def clerk(request):
    '''Right where it is cold, wrong where it is not.'''
    first = request.messages[-1]["content"].partition("Response A")[2]
    right = "GOOD" in first.partition("Response B")[0]
    return "[[A]]" if right == (request.sampling.temperature < 0.5) else "[[B]]"

@scripted
def longer(request):
    '''Prefers whatever has more hits.'''
    first, _, second = request.messages[-1]["content"].partition("Response B")
    return "[[A]]" if first.count("],") >= second.count("],") else "[[B]]"
"""
SAMPLE = ("--collection", "sample", "--model", "scripted:models:words", "--combination", "mix", "-n", "2")


@pytest.fixture
def models(cli: Cli, tmp_path: Path) -> Any:
    (tmp_path / "modules" / "models.py").write_text(MODELS, encoding="utf-8")
    import sys

    sys.modules.pop("models", None)
    from importlib import import_module, invalidate_caches

    invalidate_caches()
    return import_module("models")


def test_knobs_that_need_no_new_call_make_none(cli: Cli, models: Any, tmp_path: Path) -> None:
    """GenQR's mixing and damping are what is done with the replies: the first settings ask, all later ones are free."""
    command = [
        *("tune", "genqr", "--knobs", "mixing,damping", "--measure", "nDCG@10", "--trials", "7", "--sample", "6"),
        *("--held", "4", *SAMPLE, "-o", "x", "--json"),
    ]
    ran = cli(*command)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["tried"] == 7
    assert told["value"] == max(one["value"] for one in told["trials"]) >= told["start_value"]
    assert told["flags"] == f"--mixing {told['settings']['mixing']} --damping {told['settings']['damping']}"
    assert [one["scored"] for one in told["trials"]] == [6] * 7
    assert len(models.calls) == 2 * (6 + (4 if told["chosen"] != 1 else 0))
    spent = told["trials"][1]["usage"]["solver"]
    assert (spent.get("calls", 0), spent["cached_calls"]) == (0, 12)
    before = len(models.calls)
    again = cli(*command)
    assert json.loads(again.out)["trials"] == told["trials"]
    assert len(models.calls) == before
    shown = cli("runs", "show", "x", "1")
    assert "question 1: probe" in shown.out
    assert "mixing" in cli("runs", "show", "x/tuning/trials/0002", "--json").out
    listed = cli("runs", "list", "x/tuning/trials", "--json")
    assert len(json.loads(listed.out)) == 7
    assert "settings to use" not in cli("runs", "show", "x").err


def test_a_judges_temperature_by_its_agreement_with_people(cli: Cli, models: Any, tmp_path: Path) -> None:
    """`--` hands the method its own `--judge`."""
    rows = ["instruction,response_1,response_2,gold"]
    rows += [f"Do {at}.,GOOD {at},bad {at},1" if at % 2 else f"Do {at}.,bad {at},GOOD {at},2" for at in range(8)]
    Path("pairs.csv").write_text("\n".join(rows), encoding="utf-8")
    ran = cli(
        *("tune", "judge", "--knobs", "judge-temperature=0:1", "--measure", "agreement", "--trials", "8", "-o", "x"),
        *("--json", "--", "--pairs", "pairs.csv", "--judge", "scripted:models:clerk", "--mode", "free"),
        *("--judge-temperature", "0.6"),
    )
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["start"], told["start_value"], told["value"]) == ({"judge_temperature": 0.6}, 0, 1)
    assert told["settings"]["judge_temperature"] < 0.5
    assert (told["held"]["before"], told["held"]["after"], told["held"]["rows"]) == (0, 1, 4)


def test_a_judge_ranks_what_genqr_found(cli: Cli, models: Any) -> None:
    ran = cli(
        *("tune", "genqr", "--knobs", "depth=1:9", "--judge", "scripted:models:longer", "--show", "hits"),
        *("--trials", "5", "--sample", "2", "--held", "2", *SAMPLE, "-o", "x", "--depth", "2", "--json"),
    )
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["settings"]["depth"] > 2
    assert told["said"]["asked"] > 0
    assert told["held"]["after"] > 0.5


def test_a_person_is_asked_and_the_same_command_goes_on(
    cli: Cli, models: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = [
        *("tune", "genqr", "--knobs", "depth=1:9", "--human", "--show", "hits", "--trials", "5", "--sample", "2"),
        *("--held", "0", *SAMPLE, "-o", "x", "--depth", "4"),
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n"))
    first = cli(*command)
    assert first.code == 2
    assert "question 1" in first.err
    assert "the input ended before an answer was given" in first.err
    assert "no row is held out" in first.err
    lines = (tmp_path / "x/tuning/tuning.jsonl").read_text().splitlines()
    assert sum('"kind":"answer"' in line for line in lines) == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("=\n" * 9))
    again = cli(*command)
    assert again.code == 0, again.err
    assert "question 1:" not in again.err
    assert "settings of 5 tried on 2 rows" in again.err


def test_what_it_would_cost_is_told_and_nothing_is_run(cli: Cli, models: Any, tmp_path: Path) -> None:
    ran = cli(
        *("tune", "genqr", "--knobs", "mixing", "--judge", "scripted:models:longer", "--trials", "6", "--sample", "3"),
        *("--held", "2", *SAMPLE, "-o", "x", "--dry-run", "--json"),
    )
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["solver calls at most"] == 2 * (6 * 3 + 2 * 2)
    assert told["judge calls at most"] >= 6 * 3
    assert not (tmp_path / "x").exists()
    assert models.calls == []


def test_a_settings_file_has_flags_of_both(cli: Cli, models: Any) -> None:
    said = '[tune]\nknobs = "mixing"\nmeasure = "MAP"\ntrials = 2\n[genqr.run]\nmixing = 0.3\n'
    Path("tune.toml").write_text(said, encoding="utf-8")
    ran = cli("tune", "genqr", "--config", "tune.toml", "--sample", "2", "--held", "0", *SAMPLE, "-o", "x", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["start"] == {"mixing": 0.3}
    Path("tune.toml").write_text(said.replace("mixing =", "mixin ="), encoding="utf-8")
    ran = cli("tune", "genqr", "--config", "tune.toml", *SAMPLE, "-o", "y")
    assert (ran.code, "field 'mixin': no such setting" in ran.err, "'mixing'" in ran.err) == (1, True, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["genqr", "--measure", "nDCG@10", *SAMPLE], 2, "--knobs is missing"),
        (["nothing", "--knobs", "x", "--measure", "y"], 2, "no method is called 'nothing'"),
        (["tune", "--knobs", "x", "--measure", "y"], 2, "no method is called 'tune'"),
        (["genqr", "--knobs", "mixing", *SAMPLE], 2, "who ranks?"),
        (["genqr", "--knobs", "mixing", "--measure", "nDCG@10", "--human", *SAMPLE], 2, "who ranks?"),
        (["genqr", "--knobs", "fluent", "--measure", "nDCG@10", *SAMPLE], 2, "yes or no, and has no order"),
        (["genqr", "--knobs", "repeats", "--measure", "nDCG@10", *SAMPLE], 2, "give it a range: repeats=LOW:HIGH"),
        (["genqr", "--knobs", "mixing", "--measure", "nDCQ@10", *SAMPLE], 2, "nDCQ@10"),
        (["genqr", "--knobs", "mixing", "--measure", "MAP,nDCG@10", *SAMPLE], 2, "several measures"),
        (["genqr", "--knobs", "mixing", "--measure", "MAP", "--sample", "999", *SAMPLE], 1, "999 rows to tune on"),
        (["genqr", "--knobs", "mixing", "--measure", "MAP", "--trials", "1", *SAMPLE], 2, "trials"),
        (["genqr", "--knobs", "mixing", "--measure", "MAP", "--wrong", "1", *SAMPLE], 2, "No such option: --wrong"),
        (["genqr", "--knobs", "mixing", "--measure", "MAP", "--mu", "nan", *SAMPLE], 2, "--mu"),
        (["genqr", "--knobs", "mixing", "--measure", "MAP", "--algorithm", "cma", *SAMPLE], 2, "cma moves two knobs"),
        (["genqr", "--knobs", "mixing", "--measure", "MAP", *SAMPLE, "--feedback", "human"], 2, "asks somebody"),
        (["genqr", "--knobs", "distinct", "--measure", "MAP", *SAMPLE], 2, "which is no number"),
    ],
)
def test_what_is_wrong_is_a_line(cli: Cli, models: Any, words: list[str], code: int, said: str) -> None:
    ran = cli("tune", *words, "-o", "x", "--json")
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert "Traceback" not in ran.err


def test_without_judgments_a_measure_of_retrieval_says_so(cli: Cli, models: Any) -> None:
    Path("corpus.jsonl").write_text('{"id": "d", "contents": "a garden"}\n', encoding="utf-8")
    Path("topics.tsv").write_text("1\tgarden\n2\tleaves\n", encoding="utf-8")
    files = ("--corpus", "corpus.jsonl", "--topics", "topics.tsv", "--model", "scripted:models:words", "-n", "1")
    ran = cli("tune", "genqr", "--knobs", "mixing", "--measure", "nDCG@10", *files, "-o", "x")
    assert ran.code == 2
    assert "nDCG@10 needs judgments\n  hint: give --qrels FILE" in ran.err


def test_the_methods_help_is_behind_two_dashes(cli: Cli, models: Any) -> None:
    assert "--mixing" in cli("tune", "genqr", "--", "--help").out
    assert "--knobs" in cli("tune", "genqr", "--help").out
