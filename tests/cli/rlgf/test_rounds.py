"""`dikast rlgf rounds`, as a user types it; training itself is the train lane's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.rlgf.test_run import MODELS

ROUNDS = (
    *("rlgf", "rounds", "--prompts", "c.jsonl", "--guide", "scripted:rlgf_models:guide", "-o", "run"),
    *("--reward", "metric:coverage", "--horizon", "8"),
)
SOLVER = ("--solver", "transformers:nowhere")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rlgf_models.py").write_text(MODELS)
    rows = [{"concepts": ["salt", f"stone{n}"], "reference": f"Salt and stone{n}."} for n in range(20)]
    Path("c.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_a_dry_run_counts_the_calls_of_all_rounds(cli: Cli) -> None:
    done = cli(*ROUNDS, *SOLVER, "--rounds", "2", "--texts", "3", "--dry-run", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    held = int(done.err.split(" in validation")[0].split()[-1])
    assert told["guide calls at most"] == 2 * 3 * (20 - held) * 2
    # Turns and one scoring of each text that is collected; one turn and one scoring of each that measures.
    assert told["solver calls at most"] == 2 * 3 * (20 - held) * 3 + 3 * held * 2
    assert told["reference calls at most"] == 2 * 3 * (20 - held) + 3 * held


@pytest.mark.parametrize("size", ["cpu-tiny", "gpu"])
def test_the_recipes_that_come_with_it_are_taken(cli: Cli, size: str) -> None:
    recipe = Path(__file__).parents[3] / "recipes" / "rlgf" / f"{size}.toml"
    done = cli(*ROUNDS, *SOLVER, "--config", str(recipe), "--dry-run")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--solver", "scripted:rlgf_models:policy"), 2, "only transformers: models are trained"),
        ((*SOLVER, "--parts", "19"), 1, "none of them falls into"),
        ((*SOLVER, "--clip", "0"), 2, "clip"),
        ((*SOLVER, "--solver-temperature", "0"), 2, "has to draw"),
        ((*SOLVER, "--switch-reward", "0.5"), 2, "only d2lols"),
        ((*SOLVER, "--columns", "prompt=concepts,concepts=nowhere"), 1, "nowhere"),
        ((*SOLVER, "--reward", "metric:beauty"), 2, "beauty"),
        ((), 2, "solver"),
    ],
)
def test_what_is_wrong_is_one_line(cli: Cli, more: tuple[str, ...], code: int, message: str) -> None:
    done = cli(*ROUNDS, *more)
    assert (done.code, message in done.err, "Traceback" in done.err) == (code, True, False), done.err
