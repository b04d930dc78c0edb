"""Whoever trains, by name; what can be trained is told before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import UsageError
from dikast.training.role import Trainer, TrlTrainer, load_trainer, refuse_untrainable


def test_there_is_one_trainer_by_name() -> None:
    assert isinstance(load_trainer("trl"), Trainer)
    assert load_trainer("trl").fingerprint() == {"trainer": "trl"}
    with pytest.raises(UsageError, match="no trainer is called 'other'") as told:
        load_trainer("other")
    assert told.value.hint == "there is trl"


def test_trls_trains_what_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[object] = []

    def note(*arguments: object, **named: object) -> str:
        given.extend((arguments, named))
        return "done"

    monkeypatch.setattr("dikast.training.trainer.train", note)
    from dikast.training.recipes import DpoRecipe

    rows, held = tmp_path / "rows.jsonl", tmp_path / "held.jsonl"
    found: object = TrlTrainer().train(DpoRecipe(), rows, "transformers:m", tmp_path, on_step=print, held=held)
    assert found == "done"
    assert given == [(DpoRecipe(), rows, "transformers:m", tmp_path), {"held": held, "on_step": print}]


def test_only_models_of_transformers_are_trained_by_trl() -> None:
    refuse_untrainable(TrlTrainer(), "transformers:m")
    with pytest.raises(UsageError, match="only transformers: models are trained"):
        refuse_untrainable(TrlTrainer(), "vllm:m")
