"""`dikast train`: flags, settings files, the dry run, what is told where something is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from dikast.training.backend import bases, libraries
from dikast.training.recipes import DpoRecipe, Recipe
from dikast.training.trainer import Trained
from tests.cli.conftest import Cli
from tests.training.speaking import Words

ROWS = [{"prompt": f"{at} and 2?", "chosen": " right", "rejected": " quite wrong"} for at in range(6)]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    rows = [*ROWS, {"prompt": "a", "chosen": "b", "rejected": "b"}]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose tokenizer is there, and nothing else of it."""

    def named(spec: str) -> bases.Base:
        return bases.Base(spec, "x", Path("x"), weights="sha256:1")

    def tokenizer(_: bases.Base) -> Words:
        return Words()

    def context(_: bases.Base) -> int:
        return 64

    monkeypatch.setattr(libraries, "check_installed", lambda: None)
    monkeypatch.setattr(bases, "base_of", named)
    monkeypatch.setattr(bases, "open_tokenizer", tokenizer)
    monkeypatch.setattr(bases, "context_of", context)


@pytest.mark.usefixtures("words")
def test_dry_run_counts_and_makes_no_folder(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    asked = ["train", "dpo", "--rows", pairs, "--model", "transformers:x", "-o", tmp_path / "out", "--dry-run"]
    ran = cli(*asked, "--batch-size", "4", "--json")
    told = json.loads(ran.out)
    assert ran.code == 0
    assert told == {
        "rows": 6,
        "left out": {"chosen and rejected are the same": 1},
        "tokens an epoch": 6 * (3 + 2 + 3 + 3),
        "tokens a row at most": 64,
        "steps": 2,
    }
    assert "1 left out: chosen and rejected are the same" in ran.err
    assert "steps\t2" in cli(*asked).out
    assert not (tmp_path / "out").exists()


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Calls of `train`, which trains nothing."""
    calls: list[dict[str, Any]] = []

    def train(recipe: Recipe, rows: Path, model: str, out: Path, **rest: Any) -> Trained:
        calls.append({"recipe": recipe, "rows": rows, "model": model, "out": out, **rest})
        rest["on_step"]({"step": 2, "steps": 2, "loss": 0.5})
        left: Mapping[str, int] = {"a text is empty": 1}
        return Trained(out, f"{model}?lora=x", "sha256:1", 6, left, 2, 99, 1.5, 0.5, 0.7)

    monkeypatch.setattr("dikast.training.trainer.train", train)
    return calls


def test_flags_beat_settings_which_beat_defaults(
    cli: Cli, pairs: Path, tmp_path: Path, trained: list[dict[str, Any]]
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[train.dpo]\nbeta = 0.3\nseed = 4\nsft-weight = 0.1\nmodel = "transformers:y"\n')
    ran = cli("train", "dpo", "--rows", pairs, "--config", settings, "--beta", "0.5", "--reference", "transformers:z")
    [call] = trained
    assert ran.code == 0
    assert call["recipe"] == DpoRecipe(beta=0.5, seed=4, sft_weight=0.1)
    assert (call["model"], call["reference"], call["force_new"]) == ("transformers:y", "transformers:z", False)
    assert call["out"] == Path("runs/train-dpo")
    assert "model\ttransformers:y?lora=x" in ran.out
    assert "step 2 of 2, loss 0.5000" in ran.err
    assert "1 left out: a text is empty" in ran.err


def test_json_is_the_whole_of_it(cli: Cli, pairs: Path, trained: list[dict[str, Any]]) -> None:
    ran = cli("train", "sft", "--rows", pairs, "--model", "transformers:x", "--json", "-o", "out", "--force-new")
    assert json.loads(ran.out) == {
        "folder": "out",
        "model": "transformers:x?lora=x",
        "digest": "sha256:1",
        "rows": 6,
        "left_out": {"a text is empty": 1},
        "steps": 2,
        "tokens": 99,
        "seconds": 1.5,
        "loss": 0.5,
        "first_loss": 0.7,
    }
    assert trained[0]["force_new"]


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["sft", "--model", "transformers:x"], 2, "--rows"),
        (["sft", "--rows", "ROWS"], 2, "--model is missing"),
        (["sft", "--rows", "ROWS", "--model", "transformers:x", "--beta", "1"], 2, "--beta"),
        (["value", "--rows", "ROWS", "--model", "transformers:x", "--reference", "y"], 2, "--reference"),
        (["dpo", "--rows", "ROWS", "--model", "transformers:x", "--learning-rate", "0"], 2, "--learning-rate: Input"),
        (["dpo", "--rows", "ROWS", "--model", "transformers:x", "--epochs", "nan"], 2, "not a finite number"),
        (["dpo", "--rows", "none.jsonl", "--model", "transformers:x"], 1, "no such file"),
        (["sft", "--rows", "ROWS", "--model", "transformers:x"], 1, "field 'completion': is missing"),
        (["dpo", "--rows", "ROWS", "--columns", "chosen=best", "--model", "transformers:x"], 1, "best"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(cli: Cli, pairs: Path, flags: list[str], code: int, said: str) -> None:
    ran = cli("train", *(str(pairs) if flag == "ROWS" else flag for flag in flags))
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


@pytest.mark.skipif(util.find_spec("trl") is not None, reason="needs an environment without the extra train")
def test_a_missing_library_names_its_extra(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    for more in ([], ["--dry-run"]):
        ran = cli("train", "dpo", "--rows", pairs, "--model", "transformers:x", "-o", tmp_path / "out", *more)
        assert ran.code == 4
        assert "is not installed\n  hint: pip install 'dikast[train]'" in ran.err
    assert not (tmp_path / "out").exists()
