"""`dikast rest-mcts run` and its exports, as a user types them; killed in the middle of a tree, and given again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.killing import answered_calls, calls, counted, dikast, finished_rows, kill_when, stuck_calls

MODELS = r"""
import asyncio
import hashlib
import json
from pathlib import Path

from dikast.agents.models.request import Reply
from dikast.agents.models.scripted import scripted
from dikast.errors import ModelUnavailable
from dikast.graphs.rest_mcts.checks import checking
from dikast.graphs.rest_mcts.critics import valuing


def numbers_of(text):
    line = next(line for line in text.splitlines() if line and all(word.isdigit() for word in line.split()))
    return [int(word) for word in line.split()]


def chance(*what):
    return hashlib.sha256(repr(what).encode()).digest()[0] / 256


def step(numbers, steps, seed):
    total = int(steps[-1].split()[-1]) if steps else numbers[0]
    at = len(steps) + 1
    if at == len(numbers):
        return f"#### {total}"
    wrong = chance(numbers, steps, seed) > 0.6
    return f"plus {numbers[at]} is {total + numbers[at] + wrong}"


@scripted
async def policy(request):
    numbers = numbers_of(request.messages[-1]["content"])
    prefix = request.prefix or ""
    steps = prefix.splitlines()
    with open("calls.txt", "a") as file:
        name = json.dumps([numbers, prefix, request.sampling.seed, request.sampling.stop, request.sampling.temperature])
        stuck = Path("stuck").exists() and numbers[0] == 9 and len(steps) == 3
        file.write(f"{'stuck ' if stuck else ''}{name}\n")
    if stuck:
        await asyncio.sleep(3600)
    if "\n" in request.sampling.stop:
        text = step(numbers, steps, request.sampling.seed)
    else:
        while not steps or not steps[-1].startswith("####"):
            steps.append(step(numbers, steps, request.sampling.seed))
        text = "\n".join(steps)
    words = len(text.split())
    most = request.sampling.max_tokens
    return Reply(text, "stop", 10, words) if words <= most else Reply(text[:3], "length", 10, most)


@scripted
def away(request):
    raise ModelUnavailable("nobody listens")


@valuing
def value(question, solution):
    numbers, lines = numbers_of(question), solution.splitlines()
    right = all(line.split()[-1] == str(sum(numbers[: min(at + 2, len(numbers))])) for at, line in enumerate(lines))
    return len(lines) / len(numbers) * (1 if right else 0.2)


@checking
def ends_with(question, solution, gold):
    return solution.endswith(gold)
"""
GSM8K = "".join(
    f"{json.dumps({'question': ' '.join(map(str, numbers)), 'answer': f'Add.{chr(10)}#### {sum(numbers):,}'})}\n"
    for numbers in ((3, 4, 5, 6), (500, 600, 7), (9, 8, 7, 6, 5))
)
RUN = ("rest-mcts", "run", "--solver", "prefix+scripted:rest_models:policy", "--critic", "function:rest_models:value")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rest_models.py").write_text(MODELS)
    (tmp_path / "gsm8k.jsonl").write_text(GSM8K)
    return tmp_path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(path.glob("*.jsonl")) for line in file.read_text().splitlines()]


def test_gsm8ks_file_and_every_search(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    searches = "mcts,greedy,best_of_n,self_consistency,beam,tot"
    done = cli(*RUN, "--questions", "gsm8k.jsonl", "--search", searches, "--tokens", "400", "-o", "x", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["rows"] == told["asked"] == 18
    assert list(told["searches"]) == searches.split(",")
    for one in told["searches"].values():
        assert (one["asked"], one["with_gold"], one["failed"]) == (3, 3, 0)
        assert one["tokens"] <= 400
    assert told["searches"]["mcts"]["accuracy"] == 1.0
    assert [one["beside"] for one in told["against"]] == searches.split(",")[1:]

    for kind in ("sft", "value", "stepwise", "math_shepherd", "prm800k"):
        assert cli("runs", "export", "x", "--as", kind).code == 0
        assert rows(folder / "x" / "export" / kind)
    assert "2403" not in (folder / "x" / "export" / "sft" / "README.md").read_text()
    story = cli("runs", "show", "x", "1").out
    assert "mcts: answer 18, right" in story
    assert "├─ [1]" in story
    page = (folder / "x" / "export" / "report.md").read_text()
    assert "accuracy by search" in page


def test_a_file_of_the_users_own_and_a_check_of_their_own(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    (folder / "own.csv").write_text("problem,gold\n1 2 3,6\n4 5,9\n")
    own = ("--questions", "own.csv", "--columns", "question=problem,answer=gold")
    done = cli(*RUN, *own, "--check", "function:rest_models:ends_with", "-o", "y", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["searches"]["mcts"]["right"] == 2
    dry = cli(*RUN, *own, "-o", "z", "--dry-run")
    assert (dry.code, "solver" in dry.out + dry.err) == (0, True)


def test_bad_input_is_one_line(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    for more, said in (
        ((), "--questions FILE"),
        (("--questions", "gsm8k.jsonl", "--search", "guess"), "none is called 'guess'"),
        (("--questions", "gsm8k.jsonl", "--check", "guess"), "is no check"),
        (("--questions", "gsm8k.jsonl", "--columns", "gold=answer"), "no column of ours"),
    ):
        done = cli(*RUN, *more, "-o", "z")
        assert (done.code, said in done.err) == (2, True), done.err
        assert "Traceback" not in done.err
    away = cli(*RUN[:2], "--questions", "gsm8k.jsonl", "--solver", "scripted:rest_models:away", *RUN[4:], "-o", "w")
    assert (away.code, "nobody listens" in away.err) == (4, True)


def test_killed_in_mid_tree_no_call_that_was_answered_is_made_twice(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)

    def command(out: str) -> tuple[str, ...]:
        flags = ("--questions", "gsm8k.jsonl", "--gate", "2", "--tokens", "300", "--cache", f"{out}.sqlite")
        return (*RUN, *flags, "-o", out, "--json")

    (folder / "stuck").touch()
    journal = folder / "a" / "rows.jsonl"
    # Two trees are in the journal, and the third hangs four steps deep.
    kill_when(dikast(*command("a")), folder, lambda: bool(stuck_calls(calls(folder))) and finished_rows(journal) >= 2)
    before = calls(folder)
    (folder / "stuck").unlink()
    assert cli(*command("a")).code == 0
    counts, answered, stuck = counted(calls(folder)), set(answered_calls(before)), stuck_calls(before)
    assert any(json.loads(line)[0][0] == 9 for line in answered)
    assert all(counts[line] == 1 for line in answered)
    assert all(counts[line] == 2 for line in stuck)
    assert cli(*command("b")).code == 0

    def trees(name: str) -> list[Any]:
        lines = [json.loads(line) for line in (folder / name / "rows.jsonl").read_text().splitlines()]
        return sorted((row["input"]["id"], row["output"]["nodes"], row["output"]["found"]) for row in lines)

    assert trees("a") == trees("b")
