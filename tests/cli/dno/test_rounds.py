"""`dikast dno rounds`, as a user types it; training itself is the train lane's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.dno.test_run import MODELS

ROUNDS = ("dno", "rounds", "--prompts", "p.jsonl", "--judge", "scripted:dno_models:judge", "-o", "run")


@pytest.fixture(autouse=True)
def files(cli: Cli, tmp_path: Path) -> None:
    del cli  # makes the folder of modules
    (tmp_path / "modules" / "dno_models.py").write_text(MODELS)
    rows = [{"id": str(n), "prompt": f"Prompt {n}", "gold": "seven"} for n in range(40)]
    (tmp_path / "p.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_a_dry_run_counts_the_calls_of_all_rounds(cli: Cli) -> None:
    done = cli(*ROUNDS, "--solver", "transformers:nowhere", "--rounds", "2", "--parts", "1", "--dry-run", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    held = int(done.err.split(" in validation")[0].split()[-1])
    assert told["solver calls at most"] == 2 * (5 * (40 - held) + 2 * held)
    assert told["judge calls at most"] == 2 * ((40 - held) + 2 * held)


@pytest.mark.parametrize("size", ["cpu-tiny", "gpu"])
def test_the_recipes_that_come_with_it_are_taken(cli: Cli, size: str) -> None:
    recipe = Path(__file__).parents[3] / "recipes" / "dno" / f"{size}.toml"
    done = cli(*ROUNDS, "--solver", "transformers:nowhere", "--parts", "1", "--config", str(recipe), "--dry-run")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--solver", "scripted:dno_models:student"), 2, "only transformers: models are trained"),
        (("--solver", "transformers:x", "--parts", "39"), 1, "none of them falls into"),
        (("--solver", "transformers:x", "--beta", "0"), 2, "beta"),
        (("--solver", "transformers:x", "--config", "no.toml"), 1, "no.toml"),
        ((), 2, "solver"),
        (("--solver", "transformers:x", "--validation", "0"), 2, "validation"),
    ],
)
def test_what_is_wrong_is_one_line(cli: Cli, more: tuple[str, ...], code: int, message: str) -> None:
    done = cli(*ROUNDS, *more)
    assert (done.code, message in done.err, "Traceback" in done.err) == (code, True, False), done.err
