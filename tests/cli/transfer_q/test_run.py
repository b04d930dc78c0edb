"""`dikast transfer-q run` and its exports, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

MODELS = r"""
import math

from dikast.agents.models.scripted import scripted
from dikast.errors import ModelUnavailable
from dikast.graphs.rewards import rewarding
from tests.graphs.transfer_q.letters import spell


@scripted
def solver(request):
    return spell(request)


@scripted
def baseline(request):
    return spell(request)


@scripted
def chatter(request):
    return "words"


@scripted
def away(request):
    raise ModelUnavailable("nobody listens")


@rewarding
def share_of_p(prompt, text, reference):
    return text.count("p") / 6


@rewarding
def share_of_q(prompt, text, reference):
    return text.count("q") / 6


@rewarding
def raising(prompt, text, reference):
    raise ValueError("no idea")


@rewarding
def nothing(prompt, text, reference):
    return math.nan
"""
RUN = (
    *("transfer-q", "run", "--prompts", "p.csv", "--columns", "prompt=instruction,reference=output", "-o", "run"),
    *("--horizon", "6", "--k", "3", "--ends", "0"),
)
SOLVER, BASELINE = ("--solver", "scripted:tq_models:solver"), ("--baseline", "scripted:tq_models:baseline")
REWARD = ("--reward", "function:tq_models:share_of_p")
BY_TOKEN = ("--block", "1", "--rollouts", "2", "--weight", "9")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tq_models.py").write_text(MODELS)
    Path("p.csv").write_text("instruction,output\nWrite p.,ppp\nWrite more p.,pppp\n")
    return tmp_path


def told(cli: Cli, *arguments: str) -> Any:
    done = cli(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.mark.usefixtures("files")
def test_guided_texts_reported_shown_and_exported(cli: Cli) -> None:
    given = (*RUN, *SOLVER, *BASELINE, *REWARD, *BY_TOKEN, "--texts", "3")
    found = told(cli, *given)
    assert (found["rows"], found["failed"], found["asked"], found["unrewarded"]) == (6, 0, 6, 0)
    assert found["rollout_tokens"] > 0
    assert found["cached_tokens"] > 0
    assert found["steps"] >= found["rows"]
    assert found["kl"] > 0
    assert found["fluency"] == pytest.approx(-0.6931, abs=1e-3)
    usage = [found["summary"]["usage"][role] for role in ("solver", "baseline")]
    probes = sum(one["calls"] + one.get("cached_calls", 0) for one in usage) - found["calls"]
    assert 2 <= probes <= 2 * 6  # each model's tokens are looked at once, or by each row that does not know yet
    plain = told(cli, *RUN[:7], "plain", *RUN[8:], *SOLVER, *REWARD, "--decoder", "plain", "--texts", "3")
    assert (plain["rollout_tokens"], plain["kl"]) == (0, 0.0)
    assert found["reward"] > plain["reward"]
    shown = cli("runs", "show", "run", "1").out
    assert "choice 1, behind 0 tokens" in shown
    assert "effective completions" in shown
    rows: dict[str, list[Any]] = {}
    for kind in ("sft", "preference", "value"):
        assert cli("runs", "export", "run", "--as", kind).code == 0
        files = Path("run/export").rglob(f"*{kind}*/**/*.jsonl")
        rows[kind] = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert all(row["reward_chosen"] > row["reward_rejected"] for row in rows["preference"])
    assert "mean reward" in cli(*given).out


@pytest.mark.usefixtures("files")
def test_weights_and_budgets_are_told(cli: Cli) -> None:
    other = ("--baseline-reward", "function:tq_models:share_of_q", "--transfer", "indirect", "--beta", "0.05")
    done = cli(*RUN, *SOLVER, *BASELINE, *REWARD, *other, "--block", "2", "--rollouts", "6")
    assert done.code == 0, done.err
    assert "was tempered" in done.err
    cut = cli(*RUN, *SOLVER, *BASELINE, *REWARD, "--token-budget", "5", "--force-new")
    assert cut.code == 3
    assert "6 texts" not in cut.out
    compat = (*other[:2], "--compat", "repo")
    repo = cli(*RUN, *SOLVER, *BASELINE, *REWARD, *compat, "--block", "2", "--force-new")
    assert (repo.code, "do not add up to 1" in repo.err) == (0, True)


@pytest.mark.usefixtures("files")
def test_a_dry_run_counts_calls_and_says_what_is_much(cli: Cli) -> None:
    done = cli(*RUN, *SOLVER, *BASELINE, *REWARD, *BY_TOKEN, "--dry-run", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["calls at most"] == 2 * (6 + 1 + 1 + 6 * 3 * 2 + 1)
    assert not Path("run").exists()
    much = cli(*RUN, *SOLVER, *BASELINE, *REWARD, "--block", "1", "--horizon", "200", "--dry-run")
    assert "tokens of completions" in much.err


@pytest.mark.usefixtures("files")
def test_rewards_that_say_nothing_are_counted(cli: Cli) -> None:
    raising = cli(*RUN, *SOLVER, *BASELINE, "--reward", "function:tq_models:raising", "--block", "3")
    assert raising.code == 3
    assert "no values" in raising.err
    assert "raised ValueError: no idea" in cli("runs", "show", "run", "1").out
    silent = cli(*RUN, *SOLVER, *BASELINE, "--reward", "function:tq_models:nothing", "--force-new", "--texts", "4")
    assert silent.code == 3  # no row at all has a result
    assert "unparsed" in silent.err
    assert "gave no finite number" in cli("runs", "show", "run", "1").out


@pytest.mark.usefixtures("files")
def test_other_knobs_are_another_run(cli: Cli) -> None:
    assert cli(*RUN, *SOLVER, *BASELINE, *REWARD).code == 0
    other = cli(*RUN, *SOLVER, *BASELINE, *REWARD, "--weight", "2")
    assert (other.code, "weight" in other.err) == (2, True)


@pytest.mark.usefixtures("files")
def test_what_is_wrong_is_one_line(cli: Cli) -> None:
    chatting = cli(*RUN, "--solver", "scripted:tq_models:chatter", *BASELINE, *REWARD)
    assert (chatting.code, "token ids" in chatting.err or "score" in chatting.err) == (2, True)
    away = cli(*RUN, "--solver", "scripted:tq_models:away", *BASELINE, *REWARD, "--force-new")
    assert (away.code, "nobody listens" in away.err, "Traceback" in away.err) == (4, True, False)
    for wrong, told in (
        ((*SOLVER, *REWARD), "baseline"),
        ((*SOLVER, *BASELINE, "--reward", "nice"), "nice"),
        ((*SOLVER, *BASELINE, "--reward", "metric:coverage"), "concepts"),
        ((*SOLVER, *BASELINE, *REWARD, "--transfer", "indirect"), "--baseline-reward"),
        ((*SOLVER, *BASELINE, *REWARD, "--weight", "-1"), "weight"),
        ((*SOLVER, *BASELINE, *REWARD, "--decoder", "beam"), "beam"),
    ):
        done = cli(*RUN, *wrong, "--force-new")
        assert (done.code, told in done.err, "Traceback" in done.err) == (2, True, False), done.err
    assert cli("transfer-q", "run", *SOLVER, *BASELINE, *REWARD).code == 2
    Path("p.csv").write_text("instruction,output\nsalt,\n")
    lacking = cli(*RUN, *SOLVER, *BASELINE, "--reward", "metric:rougeL", "--force-new")
    assert (lacking.code, "p.csv:2" in lacking.err, "output" in lacking.err) == (1, True, True)
    Path("p.csv").write_text("instruction,output\n ,\n")
    empty = cli(*RUN, *SOLVER, *BASELINE, *REWARD, "--force-new")
    assert (empty.code, "p.csv:2" in empty.err) == (1, True)
