"""`dikast rest-mcts rounds`, as a user types it; training itself is the train lane's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

MODELS = """
from dikast.agents.models.scripted import scripted
from dikast.graphs.rest_mcts.critics import valuing


@scripted
def policy(request):
    return "#### 1"


@valuing
def value(question, solution):
    return 0.5
"""
ROUNDS = ("rest-mcts", "rounds", "--questions", "q.jsonl", "-o", "run", "--critic", "function:rest_round_models:value")
SOLVER = ("--solver", "transformers:nowhere")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rest_round_models.py").write_text(MODELS)
    rows = [{"question": f"{n} and 1?", "answer": str(n + 1)} for n in range(20)]
    Path("q.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    Path("open.jsonl").write_text("".join(f"{json.dumps({**row, 'answer': ''})}\n" for row in rows))


def test_a_dry_run_counts_the_calls_of_all_rounds(cli: Cli) -> None:
    more = ("--rounds", "2", "--iterations", "3", "--branch", "2", "--roll-steps", "1")
    done = cli(*ROUNDS, *SOLVER, *more, "--dry-run", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    held = int(done.err.split(" in validation")[0].split()[-1])
    # Two steps and one of a rollout in each of three iterations; greedy, one solution for each of three policies.
    assert told["solver calls at most"] == 2 * (20 - held) * 3 * 3 + 3 * held


def test_a_rival_needs_no_critic_and_its_judgements_are_counted(cli: Cli) -> None:
    without = ("rest-mcts", "rounds", "--questions", "q.jsonl", "-o", "run", *SOLVER, "--dry-run", "--json")
    more = ("--rival", "self_rewarding", "--iterations", "1", "--judgements", "2", "--rounds", "1")
    done = cli(*without, *more)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    held = int(done.err.split(" in validation")[0].split()[-1])
    # Three samples of each question, and two judgements of each; two policies are measured.
    assert told["solver calls at most"] == (20 - held) * 3 + 2 * held
    assert told["critic calls at most"] == (20 - held) * 3 * 2
    assert "marks its own solutions" in done.err
    assert cli(*without, "--rival", "rest_em").code == 0


@pytest.mark.parametrize("size", ["cpu-tiny", "gpu"])
def test_the_recipes_that_come_with_it_are_taken(cli: Cli, size: str) -> None:
    recipe = Path(__file__).parents[3] / "recipes" / "rest_mcts" / f"{size}.toml"
    done = cli(*ROUNDS, *SOLVER, "--config", str(recipe), "--dry-run")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--solver", "scripted:rest_round_models:policy"), 2, "only transformers: models are trained"),
        ((*SOLVER, "--parts", "29"), 1, "none of them falls into"),
        ((*SOLVER, "--critic-epochs", "0"), 2, "critic-epochs"),
        ((*SOLVER, "--solver-temperature", "0"), 2, "needs sampling"),
        ((*SOLVER, "--search", "dream"), 2, "none is called 'dream'"),
        ((*SOLVER, "--critic", "none"), 2, "mcts needs one"),
        ((*SOLVER, "--rival", "rest_em", "--search", "beam"), 2, "draws by self_consistency, and not by beam"),
        ((*SOLVER, "--columns", "question=question,answer=nowhere"), 1, "nowhere"),
        ((*SOLVER, "--questions", "open.jsonl"), 1, "has no answer"),
        ((*SOLVER, "--questions", "none.jsonl"), 1, "none.jsonl"),
        ((), 2, "solver"),
    ],
)
def test_what_is_wrong_is_one_line(cli: Cli, more: tuple[str, ...], code: int, message: str) -> None:
    done = cli(*ROUNDS, *more)
    assert (done.code, message in done.err, "Traceback" in done.err) == (code, True, False), done.err
