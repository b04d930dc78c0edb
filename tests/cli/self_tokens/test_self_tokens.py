"""`dikast self-tokens`: run, killed and given again, exported; draft, then correct."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.killing import dikast, finished_rows, kill_when

MODELS = """
import asyncio
import hashlib
from pathlib import Path

from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted

WORDS = "zero one two three four five six seven eight nine".split()


def ids_of(tokens):
    return tuple(WORDS.index(word) for word in tokens.split()) if isinstance(tokens, str) else tokens


@scripted
async def speaker(request):
    question = request.messages[-1]["content"]
    with open("calls.txt", "a") as file:
        file.write("call\\n")
    if "stuck" in question and Path("stuck").exists():
        await asyncio.sleep(3600)
    if request.completion is not None:
        ids = ids_of(request.completion)
        logprobs = tuple(TokenLogprob(WORDS[one], -1.0) for one in ids)
        return Reply("x", "scored", 1, 0, logprobs=logprobs, tokens=ids)
    drawn = hashlib.sha256(f"{question} {request.prefix} {request.sampling.seed}".encode()).digest()
    ids = tuple(one % len(WORDS) for one in drawn[: min(request.sampling.max_tokens, 4)])
    ended = len(ids) < request.sampling.max_tokens
    told = ids + (99,) if ended else ids
    return Reply(" ".join(WORDS[one] for one in ids), "stop" if ended else "length", 1, len(told), tokens=told)


@scripted
def chat(request):
    return "four" if len(request.messages) > 1 else "five"


@scripted
def critic(request):
    return "It is one too many."
"""
QUESTIONS = [
    *({"question": f"Number {at}, then?", "answer": "one two three four five"} for at in range(6)),
    {"question": "stuck", "answer": "six seven eight"},
]
FLAGS = ("--columns", "prompt=question,reference=answer", "--p", "0.5", "--epochs", "2", "--gap", "2")
RUN = ("self-tokens", "run", "--questions", "q.jsonl", *FLAGS, "--model", "scripted:own_tokens:speaker")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own_tokens.py").write_text(MODELS)
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    return tmp_path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(path.glob("*.jsonl")) for line in file.read_text().splitlines()]


def test_rows_reports_and_exports(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    done = cli(*RUN, "-o", "x", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert set(told["epochs"]) == {"0", "1"}
    for epoch in told["epochs"].values():
        assert epoch["tokens"] == 6 * 5 + 3
        assert epoch["interval"][0] <= 0.5 <= epoch["interval"][1]
    assert told["answers"]["asked"] == 14
    assert told["gap"]["all"]["tokens"] + told["gap"]["beyond"] == 28

    assert cli("runs", "export", "x", "--as", "bash").code == 0
    bash = rows(folder / "x" / "export" / "bash")
    assert len(bash) == 14
    assert {tuple(row["labels"]) for row in bash} == {(1, 2, 3, 4, 5), (6, 7, 8)}
    assert all(
        read == label or own
        for row in bash
        for read, label, own in zip(row["input_ids"], row["labels"], row["own"], strict=True)
    )
    done = cli("runs", "export", "x", "--as", "rac", "--json")
    assert done.code == 0, done.err
    rac = rows(folder / "x" / "export" / "rac")
    assert {row["completion"][0]["content"] for row in rac} == {one["answer"] for one in QUESTIONS}
    assert {len(row["prompt"]) for row in rac} == {1, 3}
    card = (folder / "x" / "export" / "rac" / "README.md").read_text()
    assert "2410.14655" in card
    story = cli("runs", "show", "x", "1").out
    assert "context tokens are the model's own" in story


def test_killed_and_given_again_is_the_same_run(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    assert cli(*RUN, "-o", "whole", "--json").code == 0
    (folder / "stuck").touch()
    command = dikast(*RUN, "-o", "killed", "--json")
    kill_when(command, folder, lambda: finished_rows(folder / "killed" / "rows.jsonl") >= 12)
    (folder / "stuck").unlink()
    assert cli(*RUN, "-o", "killed", "--json").code == 0
    outputs = [
        sorted((row["input"]["id"], json.dumps(row["output"]["bash"]), row["output"]["draft"]["text"]) for row in found)
        for found in (
            [json.loads(line) for line in (folder / name / "rows.jsonl").read_text().splitlines()]
            for name in ("whole", "killed")
        )
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 14


def test_draft_then_correct(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    (folder / "sums.csv").write_text("prompt,reference\n2 + 2?,four\n2 + 3?,five\n")
    models = ("--solver", "scripted:own_tokens:chat", "--critic", "scripted:own_tokens:critic")
    done = cli("self-tokens", "correct", "--questions", "sums.csv", *models, "-o", "y", "--json")
    assert done.code == 0, done.err
    answers = json.loads(done.out)["answers"]
    assert (answers["fixed"]["count"], answers["fixed"]["of"]) == (1, 1)
    assert (answers["broken"]["count"], answers["broken"]["of"]) == (1, 1)
    assert "It is one too many." in cli("runs", "show", "y", "1").out


def test_bad_input_is_one_line(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    without = cli(*RUN[:2], "--model", "scripted:own_tokens:speaker", "-o", "z")
    assert (without.code, "--questions FILE" in without.err) == (2, True)
    plain = cli(
        "self-tokens", "run", "--questions", "q.jsonl", *FLAGS, "--model", "scripted:own_tokens:chat", "-o", "z"
    )
    assert plain.code != 0
    assert "score" in plain.err
    assert "Traceback" not in plain.err
    wrong = cli(*RUN, "-o", "z", "--schedule", "exponential", "--pace", "3")
    assert wrong.code == 2
    assert "pace" in wrong.err
