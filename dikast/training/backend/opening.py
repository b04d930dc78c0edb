"""What a training starts from: a model with its adapter, opened; and DPO's reference.

    base = base_of("transformers:smollm2-135m?lora=runs/round1/adapter")
    start = open_start(base, recipe)

An adapter that the spec names is gone on with, where the recipe trains an adapter, else merged into the weights. A
value head is new, unless the folder has one already.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dikast.agents.models.transformers.adapters import missing_weights
from dikast.agents.models.transformers.loading import has_head
from dikast.errors import ModelUnavailable, UsageError
from dikast.http.server_errors import excerpt
from dikast.training.backend.bases import SAFE, Base, on_the_cpu, open_tokenizer
from dikast.training.backend.libraries import library, muted
from dikast.training.recipes import Recipe

HEADED = ("value", "reward")
"""Trainings of a model with one number for an output."""
DEFAULT = "default"
"""PEFT's name of the adapter that is trained."""


@dataclass(slots=True)
class Start:
    """A model that is about to be trained.

    Args:
        model: With the adapter that is gone on with, if there is one.
        tokenizer: Its tokenizer, with a token to pad with.
        new_adapter: PEFT's description of a new adapter; `None` for none.
        on_cpu: Whether it is trained on the CPU.
        half: Whether bfloat16 is computed in.
    """

    model: Any
    tokenizer: Any
    new_adapter: Any
    on_cpu: bool
    half: bool


def open_start(base: Base, recipe: Recipe) -> Start:
    """Open the model, with the adapter that is gone on with or merged.

    Raises:
        UsageError: There is no such device, or the adapter is another model's.
        ModelUnavailable: transformers cannot open it.
    """
    torch = library("torch")
    on_cpu = on_the_cpu(base)
    half = recipe.dtype == "bfloat16" or (recipe.dtype == "auto" and not on_cpu)
    headed = recipe.kind in HEADED
    # Weights that a step changes by less than bfloat16 can tell apart would stand still.
    stored = "bfloat16" if half and recipe.lora_rank and not headed else "float32"
    torch.manual_seed(recipe.seed)  # a new head's weights
    model, new_adapter = open_causal(base, stored), None
    if base.lora:
        goes_on = recipe.lora_rank > 0 and not headed
        model = adapted(model, base, trained=goes_on)
        model = model if goes_on else model.merge_and_unload().requires_grad_(True)
    if headed:
        model = with_head(model, base, recipe.seed)
    refuse_unknown_layers(model, recipe)
    if recipe.lora_rank and (headed or not base.lora):
        new_adapter = described_adapter(recipe, headed)
    tokenizer = open_tokenizer(base)
    if headed and not has_head(base.folder):
        set_padding_apart(tokenizer)
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return Start(model, tokenizer, new_adapter, on_cpu, half)


def set_padding_apart(tokenizer: Any) -> None:
    """Have a tokenizer pad with a token that ends no text.

    A head reads its number off at the last token that is no padding; vLLM's at the last. Both are the end of the turn.
    """
    end = tokenizer.eos_token_id
    if tokenizer.pad_token_id == end:
        others = (token for token in (*sorted(tokenizer.added_tokens_decoder), 0, 1) if token != end)
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(next(others))


def open_reference(reference: Base, start: Start) -> Any:
    """Another model as DPO's reference, on its way to where the training is.

    Raises:
        UsageError: Its adapter is another model's, or it has other tokens.
        ModelUnavailable: transformers cannot open it.
    """
    model = open_causal(reference, start.model.dtype)  # else the same model would not be its own reference
    if reference.lora:
        model = adapted(model, reference, trained=False).merge_and_unload()
    if open_tokenizer(reference).get_vocab() != start.tokenizer.get_vocab():
        raise UsageError(f"the reference {reference.folder.name} has other tokens than the model")
    return model.eval().requires_grad_(False)


def copy_of(model: Any) -> Any:
    """A model as it is now, which no step changes."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def open_causal(base: Base, dtype: Any) -> Any:
    """The causal model of a folder, on the CPU.

    Raises:
        ModelUnavailable: transformers cannot open it.
    """
    transformers = library("transformers")
    try:
        with muted():
            return transformers.AutoModelForCausalLM.from_pretrained(
                str(base.folder), dtype=dtype, use_safetensors=True, **SAFE
            )
    except Exception as error:
        raise ModelUnavailable(f"transformers cannot open {base.folder.name}: {excerpt(error)}") from error


def with_head(causal: Any, base: Base, seed: int) -> Any:
    """The model with one number for an output in place of a token's scores.

    Raises:
        ModelUnavailable: transformers has no such form of it.
    """
    transformers = library("transformers")
    library("torch").manual_seed(seed)
    try:
        with muted():
            model = transformers.AutoModelForSequenceClassification.from_pretrained(
                str(base.folder),
                dtype="float32",
                num_labels=1,
                problem_type="regression",
                use_safetensors=True,
                **SAFE,
            )
            # The adapter may have been merged into the causal model.
            inner = getattr(model, model.base_model_prefix)
            inner.load_state_dict(getattr(causal, causal.base_model_prefix).state_dict())
    except Exception as error:
        raise ModelUnavailable(f"{base.folder.name} cannot have a value head: {excerpt(error)}") from error
    return model


def adapted(model: Any, base: Base, *, trained: bool) -> Any:
    """A model with its adapter.

    Raises:
        UsageError: The adapter is another model's.
    """
    peft = library("peft")
    folder = Path(base.lora)
    try:
        with muted():
            found = peft.PeftModel.from_pretrained(model, str(folder), adapter_name=DEFAULT, is_trainable=trained)
        missing = missing_weights(found, folder, DEFAULT)
    except Exception as error:  # peft raises whatever its parts do
        told = f"the adapter in {folder.name} does not fit the model: {excerpt(error)}"
        raise UsageError(told, hint="was it trained on another base model?") from error
    if missing:
        told = f"the adapter in {folder.name} has weights for modules that the model lacks: {missing}"
        raise UsageError(told, hint="was it trained on another base model?")
    return found


def refuse_unknown_layers(model: Any, recipe: Recipe) -> None:
    """Refuse names of layers that the model does not have.

    Raises:
        UsageError: There is one.
    """
    found = {name.rpartition(".")[2]: one for name, one in model.named_modules()}
    for name in recipe.lora_targets:
        if name.rpartition(".")[2] not in found:
            linear = sorted(one for one, module in found.items() if hasattr(module, "in_features"))
            raise UsageError(f"the model has no layer {name!r} (lora_targets)", hint=f"it has {', '.join(linear)}")


def described_adapter(recipe: Recipe, headed: bool) -> Any:
    """PEFT's description of the adapter that a recipe asks for."""
    return library("peft").LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.lora_targets) or "all-linear",
        modules_to_save=["score"] if headed else None,
        task_type="SEQ_CLS" if headed else "CAUSAL_LM",
    )
