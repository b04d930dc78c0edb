"""TRL's GRPOTrainer, with reward functions and, if given, a rollout function: the one place that knows their form.

TRL calls `rollout_func` experimental, and warns of it; here it is muted with the other libraries' advice, and the train
lane's tests hold its form under the pinned version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dikast.errors import UsageError
from dikast.training.backend.libraries import library
from dikast.training.backend.opening import Start
from dikast.training.backend.trainers import one_device, untold
from dikast.training.recipes import GrpoRecipe

ROLLOUT = "rollout"


def grpo_trainer(
    recipe: GrpoRecipe,
    start: Start,
    rows: Sequence[Mapping[str, Any]],
    common: Mapping[str, Any],
    callbacks: Sequence[Any],
    functions: Mapping[str, Callable[..., Any]],
) -> Any:
    """A trainer, ready to begin.

    Args:
        recipe: The recipe.
        start: The model.
        rows: Prompts; every other column goes to the reward functions.
        common: What all trainers are told.
        callbacks: transformers'.
        functions: Reward functions by name, and the rollout's under `rollout`.

    Raises:
        UsageError: The rows of a step are no multiple of the group.
    """
    at_once = recipe.batch_size * recipe.accumulation * recipe.processes
    if at_once % recipe.group:
        raise UsageError(f"completions a step ({at_once}) are no multiple of the group ({recipe.group})")
    trl, datasets = library("trl"), library("datasets")
    told = trl.GRPOConfig(
        **common,
        num_generations=recipe.group,
        max_completion_length=recipe.completion_length,
        temperature=recipe.temperature,
        beta=recipe.beta,
        remove_unused_columns=False,
    )
    rollout = {"rollout_func": functions[ROLLOUT]} if ROLLOUT in functions else {}
    return untold(trl.GRPOTrainer)(
        model=start.model,
        args=one_device(told),
        reward_funcs=[one for name, one in functions.items() if name != ROLLOUT],
        train_dataset=datasets.Dataset.from_list([dict(row) for row in rows]),
        processing_class=start.tokenizer,
        peft_config=start.new_adapter,
        callbacks=list(callbacks),
        **rollout,
    )
