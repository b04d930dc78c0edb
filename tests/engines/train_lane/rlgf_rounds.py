"""RLGF's rounds end to end over a tiny model: PPO on a round's texts, its value head kept; killed and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.graphs.rlgf.rounds.recipe import PpoRecipe
from dikast.graphs.rlgf.rounds.records import Updated
from dikast.graphs.rlgf.rounds.updating import CRITIC, update
from dikast.training.backend.bases import adapter_digest
from dikast.training.backend.libraries import library
from dikast.training.stopping import Cancelled
from tests.tiny_model import make

MODELS = r"""
import os
import signal
from pathlib import Path

from dikast.graphs.rewards import rewarding


@rewarding
def stones(prompt, text, reference):
    # One word of sixteen is worth something.
    with open("calls.txt", "a") as file:
        file.write(f"{prompt}\n")
    if Path("kill").exists() and sum(1 for _ in open("calls.txt")) >= int(Path("kill").read_text()):
        os.kill(os.getpid(), signal.SIGKILL)
    words = text.split()
    return words.count("stone") / max(1, len(words))
"""
PROMPTS, SECONDS = 24, 600
RECIPE = PpoRecipe(learning_rate=1e-2, epochs=3, batch_size=8, at_once=3, lora_rank=4, nll=0.1)


def told(line: Mapping[str, Any]) -> None:
    assert line["step"] <= line["steps"]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def place(tmp_path: Path, folder: Path) -> Path:
    (tmp_path / "round_rewards.py").write_text(MODELS)
    rows = [{"id": str(n), "prompt": f"red {n}", "reference": "salt stone stone"} for n in range(PROMPTS)]
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    make(tmp_path / "guide", seed=5)
    return tmp_path


def command(folder: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "dikast.cli", "rlgf", "rounds", "--prompts", "prompts.jsonl", "-o", "run", "--json"),
        *("--solver", f"transformers:{folder}", "--guide", "transformers:guide", "--horizon", "6", "--beta", "1"),
        *("--reward", "function:round_rewards:stones", "--rounds", "1", "--validation", "30", "--policy", "last"),
        *("--learning-rate", "0.01", "--epochs", "3", "--batch-size", "8", "--lora-rank", "4", "--held-texts", "2"),
        *more,
    ]


def run(place: Path, words: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        words, cwd=place, env=dict(os.environ), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def killed_in(stage: str, place: Path, words: list[str]) -> None:
    """Start the command, and kill it where a stage has begun, and is not over."""
    losses = place / "run/loop/round-01/train/losses.jsonl"
    process = subprocess.Popen(words, cwd=place, env=dict(os.environ), stderr=subprocess.DEVNULL)
    until = time.monotonic() + SECONDS
    try:
        while stage == "train" and not (losses.is_file() and losses.read_text().count("\n") > 2):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
        if stage == "collect":
            process.wait(SECONDS)  # the reward kills it
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    stamp = json.loads((place / "run" / "loop" / "round-01" / f"{stage}.json").read_text())
    assert not stamp["finished"]


def test_a_round_killed_in_two_stages_goes_on_there(place: Path, folder: Path) -> None:
    words = command(folder, "--epochs", "40")
    (place / "kill").write_text("5")
    killed_in("collect", place, words)
    (place / "kill").unlink()
    killed_in("train", place, words)
    losses = place / "run/loop/round-01/train/losses.jsonl"
    before = lines(losses)
    found = run(place, words)
    [one] = found["rounds"]
    assert one["attempts"] == {"collect": 2, "rows": 1, "train": 2, "evaluate": 1}
    assert (one["promoted"], one["collected"]["masked_share"]) == (True, 1.0)
    assert one["collected"]["tokens"]["guide"] > 0
    assert found["policy"]["model"] == f"transformers:{folder}?lora={place}/run/loop/round-01/train/adapter"
    assert one["before"]["kl"] == pytest.approx(0, abs=1e-4)
    assert one["after"]["kl"] > 0
    assert lines(losses)[: len(before)] == before  # begun anew, it takes the same steps


def test_rounds_raise_what_the_policy_writes_alone_and_go_on_from_policy_and_value_head(
    place: Path, folder: Path
) -> None:
    found = run(place, command(folder, "--rounds", "3"))
    rewards = [found["rounds"][0]["before"]["reward"], *(one["after"]["reward"] for one in found["rounds"])]
    assert rewards[-1] > rewards[0] + 0.1, rewards
    assert [one["before"]["digest"] for one in found["rounds"][1:]] == [
        one["after"]["digest"] for one in found["rounds"][:-1]
    ]
    for round_ in (1, 2, 3):
        assert (place / f"run/loop/round-0{round_}/train" / CRITIC).is_file()


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Texts of both kinds; the guide's tokens are the first or the last."""
    rows: list[dict[str, Any]] = []
    for at in range(10):
        late = at % 2
        owners = ["policy"] * 2 + ["guide"] * 3 if late else ["guide"] * 2 + ["policy"] * 3
        plan = {"kind": "aggrevated" if late else "ppo_pp", "horizon": 5, "tau": 2 if late else 3}
        rows.append(
            {
                **plan,
                "roll_in": "policy" if late else "guide",
                "prompt": f"red {at}",
                "reference": "salt stone" if at < 5 else "",
                "tokens": [40 + at, 41, 42, 43, 44],
                "owners": owners,
                "paid": [0.0, 0.0, 0.0, 0.0, float(at % 3)],
                "id": str(at),
                "key": str(at),
            }
        )
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def updated(recipe: PpoRecipe, texts: Path, folder: Path, out: Path, **more: Any) -> Updated:
    given: dict[str, Any] = {"critic": None, "temperature": 1.0, "seed": 1, "on_step": told, **more}
    return update(recipe, texts, f"transformers:{folder}", out, **given)


def weights(out: Path) -> dict[str, Any]:
    return library("safetensors.torch").load_file(str(next(out.glob("adapter/*.safetensors"))))


def apart(one: Path, other: Path) -> float:
    mine, theirs = weights(one), weights(other)
    assert mine.keys() == theirs.keys()
    return max(float((mine[name] - theirs[name]).abs().max()) for name in mine)


def test_an_update_is_the_same_each_time_and_however_many_texts_are_read_at_once(
    texts: Path, folder: Path, tmp_path: Path
) -> None:
    done = updated(RECIPE, texts, folder, tmp_path / "a")
    assert (done.rows, done.steps, done.left_out) == (10, 6, {})
    assert done.tokens == 3 * (5 * 2 + 5 * 3)
    assert done.digest == adapter_digest(tmp_path / "a" / "adapter")
    assert updated(RECIPE, texts, folder, tmp_path / "a") == done
    assert updated(RECIPE, texts, folder, tmp_path / "b").digest == done.digest
    whole = RECIPE.model_copy(update={"at_once": 8})
    updated(whole, texts, folder, tmp_path / "c")
    assert apart(tmp_path / "a", tmp_path / "c") < 1e-4
    other = updated(RECIPE, texts, folder, tmp_path / "d", seed=2)
    assert other.digest != done.digest


def test_one_that_was_broken_off_is_begun_anew(texts: Path, folder: Path, tmp_path: Path) -> None:
    def stop(line: Mapping[str, Any]) -> None:
        if line["step"] == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        updated(RECIPE, texts, folder, tmp_path / "a", on_step=stop)
    assert not (tmp_path / "a" / "adapter").exists()
    assert (
        updated(RECIPE, texts, folder, tmp_path / "a").digest == updated(RECIPE, texts, folder, tmp_path / "b").digest
    )


def test_references_pull_and_too_long_texts_are_counted(texts: Path, folder: Path, tmp_path: Path) -> None:
    bare = RECIPE.model_copy(update={"nll": 0.0})
    updated(RECIPE, texts, folder, tmp_path / "a")
    updated(bare, texts, folder, tmp_path / "b")
    assert apart(tmp_path / "a", tmp_path / "b") > 1e-3
    rows = [json.loads(line) for line in texts.read_text().splitlines()]
    rows[0]["tokens"], rows[0]["owners"], rows[0]["paid"] = [40] * 3000, ["policy"] * 3000, [0.0] * 3000
    texts.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    done = updated(bare, texts, folder, tmp_path / "c")
    assert (done.rows, sum(done.left_out.values())) == (9, 1)
    with pytest.raises(DataError, match="no text to learn from"):
        updated(bare.model_copy(update={"max_length": 2}), texts, folder, tmp_path / "d")


def test_the_value_head_goes_on_and_all_weights_can_be_trained(texts: Path, folder: Path, tmp_path: Path) -> None:
    updated(RECIPE, texts, folder, tmp_path / "a")
    new = updated(RECIPE, texts, folder, tmp_path / "b", seed=5)
    kept = updated(RECIPE, texts, folder, tmp_path / "c", seed=5, critic=tmp_path / "a")
    assert kept.digest != new.digest
    heads = [library("safetensors.torch").load_file(str(tmp_path / one / CRITIC)) for one in "ac"]
    assert float((heads[0]["weight"] - heads[1]["weight"]).abs().max()) > 0
    assert set(heads[0]) == {"weight", "bias"}
    with pytest.raises(DataError, match="value head is gone"):
        updated(RECIPE, texts, folder, tmp_path / "e", critic=tmp_path)
    whole = updated(RECIPE.model_copy(update={"lora_rank": 0}), texts, folder, tmp_path / "w")
    assert whole.model == f"transformers:{tmp_path}/w/model"
    second = update(
        RECIPE.model_copy(update={"lora_rank": 0}), texts, whole.model, tmp_path / "x", critic=tmp_path / "w",
        temperature=1.0, seed=2, on_step=told,
    )  # fmt: skip
    assert second.digest != whole.digest
