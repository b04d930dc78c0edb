"""`dikast duo tiers`, as a user types it: run, gone on with, exported; what is wrong is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

MODELS = r"""
import re

from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted
from dikast.errors import ModelUnavailable


def say(request, right, sure):
    with open("calls.txt", "a") as file:
        file.write("call\n")
    first, second = map(int, re.search(r"(\d+) \+ (\d+)", request.messages[0]["content"]).groups())
    text = f"#### {first + second + (not right(first))}"
    return Reply(text, "stop", 20, 5, logprobs=(TokenLogprob("#", sure(first)),))


@scripted
def small(request):
    return say(request, lambda first: first % 2, lambda first: -0.1 if first % 2 else -2.0)


@scripted
def big(request):
    return say(request, lambda first: True, lambda first: -0.1)


@scripted
def plain(request):
    return "#### 3"


@scripted
def away(request):
    raise ModelUnavailable("nobody listens at port 1", hint="start the server")
"""
RUN = ("duo", "tiers", "--questions", "q.csv", "--columns", "question=task,answer=gold", "-o", "run")
MODEL = ("--small", "scripted:duo_models:small", "--big", "scripted:duo_models:big")


@pytest.fixture(autouse=True)
def files(cli: Cli, tmp_path: Path) -> None:
    del cli  # makes the folder of modules
    (tmp_path / "modules" / "duo_models.py").write_text(MODELS)
    lines = [f"{n} + 1?,so it is #### {n + 1}" for n in range(30)]
    (tmp_path / "q.csv").write_text("\n".join(["task,gold", *lines]) + "\n")


def told(text: str) -> Any:
    return json.loads(text)


def calls() -> int:
    return Path("calls.txt").read_text().count("call")


def test_run_go_on_show_and_export(cli: Cli) -> None:
    done = cli(*RUN, *MODEL, "--limit", "12", "--json")
    assert done.code == 0, done.err
    assert calls() == 12 * 2 * 2
    done = cli(*RUN, *MODEL, "--budget", "0.7", "--json")
    assert done.code == 0, done.err
    assert calls() == 30 * 2 * 2
    found = told(done.out)
    assert found["rows"] == 30
    assert found["policies"]["small"]["right"] == 0.5
    assert found["policies"]["router"]["right"] == 1.0
    assert {role: one["calls"] for role, one in found["summary"]["usage"].items()} == {"small": 60, "big": 60}
    again = cli(*RUN, *MODEL, "--budget", "0.1", "--json")  # another budget needs no call
    assert (again.code, calls(), told(again.out)["budget"]) == (0, 120, 0.1)
    assert "sample 1, small" in cli("runs", "show", "run", "1").out
    assert cli("runs", "export", "run", "--as", "routes").code == 0
    exported = [
        told(line) for file in Path("run/export/routes").rglob("*.jsonl") for line in file.read_text().splitlines()
    ]
    assert len(exported) == 60
    assert "random mix" in cli(*RUN, *MODEL).out


def test_a_dry_run_counts_the_calls_of_both_tiers(cli: Cli) -> None:
    done = cli(*RUN, *MODEL, "--dry-run", "--json")
    assert told(done.out)["calls at most"] == 30 * 4
    done = cli(*RUN, *MODEL, "--revise", "--steps", "3", "--samples", "1", "--dry-run", "--json")
    assert told(done.out)["calls at most"] == 30 * 14


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--small", "scripted:duo_models:plain", "--big", "scripted:duo_models:plain"), 2, "--no-confidence"),
        (("--small", "scripted:duo_models:small", "--big", "scripted:duo_models:away"), 4, "nobody listens"),
        ((*MODEL, "--check", "choice"), 1, "q.csv:2"),
        ((*MODEL, "--budget", "1.5"), 2, "budget"),
        ((*MODEL, "--steps", "4"), 2, "steps"),
        ((*MODEL, "--columns", "query=task"), 2, "query"),
        ((*MODEL, "--columns", "question=task"), 1, "answer"),
        ((*MODEL, "--small-temperature", "0"), 2, "temperature 0"),
        ((*MODEL, "--questions", "no.csv"), 1, "no.csv"),
    ],
)
def test_what_is_wrong_is_one_line(cli: Cli, more: tuple[str, ...], code: int, message: str) -> None:
    done = cli(*RUN, *more)
    assert (done.code, message in done.err, "Traceback" in done.err) == (code, True, False), done.err


def test_models_without_log_probabilities_are_told_what_to_do_and_then_taken(cli: Cli) -> None:
    plain = ("--small", "scripted:duo_models:plain", "--big", "scripted:duo_models:plain")
    done = cli(*RUN, *plain, "--no-confidence", "--json")
    assert done.code == 0, done.err
    assert "same model" in done.err
    assert told(done.out)["policies"]["small"]["right"] == pytest.approx(1 / 30)
