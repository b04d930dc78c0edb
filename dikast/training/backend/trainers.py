"""TRL's and transformers' trainers, made of a recipe, rows as token ids, and a model.

    trainer = make_trainer(recipe, start, columns, held, arguments(...), reference, callbacks)
    trainer.train(resume_from_checkpoint=checkpoint)

TRL's trainers are given token ids: their own preparation of a data set is left out, and so is their telemetry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dikast.training.backend.bases import BASE
from dikast.training.backend.libraries import library
from dikast.training.backend.opening import DEFAULT, HEADED, Start, copy_of
from dikast.training.recipes import DpoRecipe, Recipe, RewardRecipe, SftRecipe, TokensRecipe

CHECKPOINTS = "checkpoints"
SCHEDULES = {"constant": "constant_with_warmup"}
"""Ours -> transformers', where they differ."""
Columns = Sequence[Mapping[str, Any]]


def make_trainer(
    recipe: Recipe,
    start: Start,
    columns: Columns,
    held: Columns,
    common: Mapping[str, Any],
    reference: Any,
    callbacks: Sequence[Any],
) -> Any:
    """A trainer, ready to begin or to go on.

    Args:
        recipe: The recipe; it decides which trainer.
        start: The model.
        columns: What the trainer reads of each row.
        held: The same of rows to measure the loss on; may be empty.
        common: What all trainers are told.
        reference: DPO's, where it is not the model as it is at the start.
        callbacks: transformers'.
    """
    datasets = library("datasets")
    given: dict[str, Any] = {
        "train_dataset": datasets.Dataset.from_list([dict(one) for one in columns]),
        "eval_dataset": datasets.Dataset.from_list([dict(one) for one in held]) if held else None,
        "processing_class": start.tokenizer,
        "callbacks": list(callbacks),
    }
    if isinstance(recipe, SftRecipe):
        return sft_trainer(start, common, given)
    if isinstance(recipe, DpoRecipe):
        return dpo_trainer(recipe, start, common, given, reference)
    if isinstance(recipe, RewardRecipe):
        return reward_trainer(recipe, start, common, given)
    return value_trainer(recipe, start, common, given)


def arguments(recipe: Recipe, start: Start, folder: Path, *, steps: int, held: bool) -> dict[str, Any]:
    """What all trainers are told."""
    return {
        "output_dir": str(folder / CHECKPOINTS),
        "learning_rate": recipe.learning_rate,
        "num_train_epochs": recipe.epochs,
        "max_steps": recipe.steps or -1,
        "per_device_train_batch_size": recipe.batch_size,
        "per_device_eval_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulation,
        # Rounded up, as transformers does, a training of two steps would spend the first at a rate of 0.
        "warmup_steps": int(recipe.warmup * steps),
        "lr_scheduler_type": SCHEDULES.get(recipe.schedule, recipe.schedule),
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "optim": "adamw_torch",
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "train_sampling_strategy": "sequential" if isinstance(recipe, TokensRecipe) and recipe.by_epoch else "random",
        "bf16": start.half,
        "use_cpu": start.on_cpu,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "dataloader_pin_memory": not start.on_cpu,
        "save_strategy": "steps",
        "save_steps": recipe.save_every,
        "save_total_limit": recipe.checkpoints,
        "eval_strategy": "steps" if held else "no",
        "eval_steps": recipe.save_every if held else None,
        "logging_strategy": "steps",
        "logging_steps": 1,
        # Hidden, a loss that is no number would be logged as the mean of those before it.
        "logging_nan_inf_filter": False,
        "include_num_input_tokens_seen": "non_padding",
        "report_to": [],
        "disable_tqdm": True,
    }


def ours(trainer: Any) -> Any:
    """A TRL trainer that takes rows as they are, and tells nobody."""

    def as_it_is(_: Any, dataset: Any, *rest: Any) -> Any:
        return dataset

    return type(trainer.__name__, (untold(trainer),), {"_prepare_dataset": as_it_is})


def untold(trainer: Any) -> Any:
    """A TRL trainer that tells nobody, and writes no card of its own."""

    def nothing(*given: Any, **rest: Any) -> None:
        return None

    return type(trainer.__name__, (trainer,), {"_send_telemetry": nothing, "create_model_card": nothing})


def sft_trainer(start: Start, common: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Loss on the tokens that have a label: completions alone."""
    trl = library("trl")
    told = one_device(trl.SFTConfig(**common, max_length=None))
    return ours(trl.SFTTrainer)(model=start.model, args=told, peft_config=start.new_adapter, **given)


def dpo_trainer(
    recipe: DpoRecipe, start: Start, common: Mapping[str, Any], given: Mapping[str, Any], reference: Any
) -> Any:
    """DPO's loss, with the chosen side's likelihood beside it where the recipe weighs that.

    The reference is the model as it is now: with a new adapter the model without it, else a copy.
    """
    trl = library("trl")
    names, weights = ([recipe.loss, "sft"], [1.0, recipe.sft_weight]) if recipe.sft_weight else ([recipe.loss], [1.0])
    told = trl.DPOConfig(
        **common, max_length=None, beta=recipe.beta, loss_type=names, loss_weights=weights, ld_alpha=recipe.ld_alpha
    )
    if reference is None and start.new_adapter is None and not hasattr(start.model, "peft_config"):
        reference = copy_of(start.model)
    return ours(trl.DPOTrainer)(
        model=start.model, ref_model=reference, args=one_device(told), peft_config=start.new_adapter, **given
    )


def reward_trainer(recipe: RewardRecipe, start: Start, common: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Bradley-Terry's loss on pairs, of which each side is prompt and answer together."""
    trl = library("trl")
    told = trl.RewardConfig(**common, max_length=None, center_rewards_coefficient=recipe.centre or None)
    sides = {name: joined(given[name]) for name in ("train_dataset", "eval_dataset")}
    return ours(trl.RewardTrainer)(
        model=start.model, args=one_device(told), peft_config=start.new_adapter, **{**given, **sides}
    )


def joined(pairs: Any) -> Any:
    """A data set of pairs in the form that RewardTrainer reads."""
    if pairs is None:
        return None
    rows = [
        {"chosen_ids": one["prompt_ids"] + one["chosen_ids"], "rejected_ids": one["prompt_ids"] + one["rejected_ids"]}
        for one in pairs
    ]
    return library("datasets").Dataset.from_list(rows)


def value_trainer(recipe: Recipe, start: Start, common: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Least squares on a number a row, by transformers' own Trainer."""
    transformers, peft = library("transformers"), library("peft")
    transformers.set_seed(recipe.seed)  # the new adapter's weights
    model = peft.get_peft_model(start.model, start.new_adapter) if start.new_adapter is not None else start.model
    if start.new_adapter is not None and recipe.gradient_checkpointing:
        model.enable_input_require_grads()  # else the frozen embeddings end the gradient; TRL's trainers do the same
    told = one_device(transformers.TrainingArguments(**common))
    return transformers.Trainer(model=model, args=told, data_collator=collator(start.tokenizer.pad_token_id), **given)


def collator(padding: int) -> Any:
    """Rows of a value head as one batch."""
    torch = library("torch")

    def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        longest = max(len(row["input_ids"]) for row in rows)
        ids = [[*row["input_ids"], *([padding] * (longest - len(row["input_ids"])))] for row in rows]
        seen = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in rows]
        return {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.tensor(seen),
            "labels": torch.tensor([row["labels"] for row in rows], dtype=torch.float32),
        }

    return collate


def one_device(told: Any) -> Any:
    """Arguments under which one process uses one GPU, however many it sees; more processes have one each."""
    if told.n_gpu > 1:
        told._n_gpu = 1
    return told


def save(trainer: Any, recipe: Recipe, folder: Path, weights: str) -> None:
    """Write what was trained into a folder: an adapter, or a whole model with its tokenizer.

    Args:
        trainer: After its training.
        recipe: The recipe.
        folder: A new one.
        weights: Digest of the base model, which an adapter is written with.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    save_model(model, trainer.processing_class, recipe.kind not in HEADED, folder, weights)


def save_model(model: Any, tokenizer: Any, alone: bool, folder: Path, weights: str) -> None:
    """Write a model as it is into a folder: its adapter, or the whole with its tokenizer.

    Args:
        model: transformers' or PEFT's.
        tokenizer: Its tokenizer.
        alone: Whether an adapter is written without the model below it.
        folder: A new one.
        weights: Digest of the base model, which an adapter is written with.
    """
    adapter = hasattr(model, "peft_config")
    if adapter and alone:
        model.peft_config[DEFAULT].base_model_name_or_path = None  # a path of this machine; `BASE` says it by content
        model.save_pretrained(str(folder), selected_adapters=[DEFAULT])
        (folder / BASE).write_text(json.dumps({"weights": weights}) + "\n", encoding="utf-8")
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty form
        return
    whole = model.merge_and_unload() if adapter else model
    whole.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
