"""Recipes: bounds, flags, and the shipped settings files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dikast.cli.parameters import knobs_of
from dikast.settings import read_toml
from dikast.training.recipes import KEEPING, RECIPES, DpoRecipe, Recipe, SftRecipe

FILES = sorted((Path(__file__).parents[2] / "recipes").glob("*/*.toml"))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_each_field_says_what_it_is_and_is_a_flag(recipe: type[Recipe]) -> None:
    assert all(info.description for info in recipe.model_fields.values())
    assert {one.field for one in knobs_of(recipe)} == recipe.model_fields.keys() - {"seed"}
    made = recipe()
    assert recipe(**made.model_dump(mode="json")) == made
    assert made.model_fields_set == set()
    assert recipe.model_fields.keys() > KEEPING


@pytest.mark.parametrize(
    ("field", "value"),
    [("learning_rate", 0), ("epochs", 0), ("warmup", 1), ("batch_size", 0), ("lora_rank", -1), ("typo", 1)],
)
def test_what_cannot_be_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=field):
        SftRecipe(**{field: value})


def test_a_recipe_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DpoRecipe().beta = 1.0


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
def test_shipped_settings_are_flags_of_their_command(path: Path) -> None:
    trainings = read_toml(path).get("train", {})
    # The updates of these are those of their commands alone: tests/cli/rlgf, tests/cli/rest_mcts.
    assert trainings or path.parent.name in ("rlgf", "rest_mcts")
    for kind, settings in trainings.items():
        chosen = RECIPES[kind](**settings)
        assert {name: getattr(chosen, name) for name in settings} == settings


def test_both_sizes_are_shipped_for_each_method() -> None:
    assert [f"{path.parent.name}/{path.stem}" for path in FILES] == [
        "dno/cpu-tiny",
        "dno/gpu",
        "rest_mcts/cpu-tiny",
        "rest_mcts/gpu",
        "rlgf/cpu-tiny",
        "rlgf/gpu",
        "self_tokens/cpu-tiny",
        "self_tokens/gpu",
        "tapir/cpu-tiny",
        "tapir/gpu",
    ]
