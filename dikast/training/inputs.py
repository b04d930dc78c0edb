"""What a training is made of: its recipe, its rows and its models, read, checked, and told by content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from dikast.errors import DataError, UsageError
from dikast.training.folder import TRAINING
from dikast.training.prompts import prompts_of
from dikast.training.recipes import KEEPING, GrpoRecipe, Recipe, TokensRecipe
from dikast.training.rows import PROBLEMS, Checked, Kind, for_trainer, missing_column, problem_of, read

if TYPE_CHECKING:
    from dikast.training.backend.bases import Base

ROWS: Mapping[str, Kind] = {
    "sft": "sft",
    "tokens": "tokens",
    "dpo": "preference",
    "reward": "preference",
    "value": "value",
}
"""Trainer -> the kind of its rows; GRPO's have prompts alone."""
PROMPT = "prompt"
"""The kind of GRPO's rows."""
Rows: TypeAlias = Path | str | Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a training is made of, checked.

    Args:
        recipe: The recipe.
        checked: Its rows.
        held: Rows to measure the loss on.
        base: The model.
        reference: DPO's, where it is another model.
        functions: GRPO's: reward functions by name, and the rollout's under `rollout`.
    """

    recipe: Recipe
    checked: Checked
    held: Sequence[Mapping[str, Any]]
    base: Base
    reference: Base | None
    functions: Mapping[str, Callable[..., Any]]

    def fingerprint(self) -> dict[str, Any]:
        """What decides the weights that come out."""
        recipe = {name: value for name, value in self.recipe.model_dump(mode="json").items() if name not in KEEPING}
        told: dict[str, Any] = {TRAINING: self.recipe.kind, "recipe": recipe}
        told |= {"rows": hash_of(self.checked.rows), "model": self.base.fingerprint()}
        told |= {"held": hash_of(self.held)} if self.held else {}
        told |= {"reference": self.reference.fingerprint()} if self.reference else {}
        return told | ({"functions": functions_told(self.functions)} if self.functions else {})


def gather(
    recipe: Recipe,
    rows: Rows,
    model: str,
    reference: str | None,
    held: Rows | None,
    columns: Mapping[str, str] | None = None,
    rewards: Sequence[Callable[..., Any]] = (),
    rollout: Callable[..., Any] | None = None,
) -> Inputs:
    """Read and check what a training is made of; rows first, which need no library.

    Raises:
        DikastError: As `train`.
    """
    if reference is not None and recipe.kind != "dpo":
        raise UsageError(f"a {recipe.kind} training has no reference model")
    functions = {name_of_function(one): one for one in rewards} | ({"rollout": rollout} if rollout else {})
    if bool(rewards) != (recipe.kind == "grpo"):
        raise UsageError("a grpo training needs reward functions" if not rewards else "reward functions are grpo's")
    checked = check_rows(rows, recipe, columns)
    held_rows = check_rows(held, recipe, columns).rows if held is not None else ()
    from dikast.training.backend.bases import base_of
    from dikast.training.backend.libraries import check_installed

    check_installed()
    base = base_of(model)
    if isinstance(recipe, GrpoRecipe) and recipe.beta and base.lora and not recipe.lora_rank:
        told = "grpo with beta, all weights and an adapter in the model: TRL would take the bare model for the start"
        raise UsageError(told, hint="train an adapter (lora_rank), or leave beta at 0")
    return Inputs(recipe, checked, held_rows, base, base_of(reference) if reference else None, functions)


def check_rows(rows: Rows, recipe: Recipe, columns: Mapping[str, str] | None = None) -> Checked:
    """Rows that can be trained on; the others counted.

    Args:
        rows: A file, or rows.
        recipe: Whose rows.
        columns: Our name -> the file's.

    Raises:
        DataError: There is none, or one lacks a column.
    """
    if recipe.kind == "grpo":
        return prompts_of(rows, columns)
    kind = ROWS[recipe.kind]
    if isinstance(rows, (str, Path)):
        found = read(rows, kind, columns)
        return Checked([for_trainer(row, kind) for row in in_order(found.rows, recipe)], found.left_out)
    kept: list[Mapping[str, Any]] = []
    left_out = Counter[str]()
    for number, row in enumerate(rows, start=1):
        if lacking := missing_column(row, kind):
            raise DataError("is missing", row=number, field=lacking)
        problem = problem_of(row, kind)
        if problem is None:
            kept.append(row)
        else:
            left_out[PROBLEMS[problem]] += 1
    refuse_empty(kept, left_out, kind)
    return Checked([for_trainer(row, kind) for row in in_order(kept, recipe)], dict(left_out))


def in_order(rows: Sequence[Mapping[str, Any]], recipe: Recipe) -> Sequence[Mapping[str, Any]]:
    """Rows as they come; by their epochs, shuffled within each, where the recipe wants that."""
    if not isinstance(recipe, TokensRecipe) or not recipe.by_epoch:
        return rows

    def place(row: Mapping[str, Any]) -> tuple[int, str]:
        epoch = row.get("epoch") or 0
        return int(epoch), hash_of([{"seed": recipe.seed, **for_trainer(row, "tokens")}])

    return sorted(rows, key=place)


def refuse_empty(kept: Sequence[object], left_out: Mapping[str, int], kind: str) -> None:
    """Refuse a training without rows.

    Raises:
        DataError: None is left.
    """
    if not kept:
        told = "; ".join(f"{count}: {why}" for why, count in left_out.items()) or "there is none"
        raise DataError(f"no {kind} row to train on", hint=told)


def hash_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """A hash of rows in their order, by what a trainer reads of them."""
    digest = sha256()
    for row in rows:
        digest.update(dumps(row, sort_keys=True, default=str).encode() + b"\n")
    return digest.hexdigest()


def functions_told(functions: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Functions by name, each with what its own `fingerprint()` says; `None` of one that says nothing."""
    found: dict[str, Any] = {}
    for name, one in sorted(functions.items()):
        tell: Any = getattr(one, "fingerprint", None)
        found[name] = None if tell is None else dict(tell())
    return found


def name_of_function(function: Callable[..., Any]) -> str:
    """A function's name, as a fingerprint tells it from others."""
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__qualname__)}"
