"""What a training is: one recipe a trainer, with our defaults and where they come from.

    SftRecipe(epochs=3, batch_size=8)
    DpoRecipe(beta=0.1, loss="sigmoid_norm", sft_weight=0.1)

A recipe is frozen and JSON; each of its fields is a flag of `dikast train`, and a line in a file for `--config`. With
rows and model it decides what comes out, so that it is part of a training folder's fingerprint, but for what only says
how the work is kept (`KEEPING`).

Defaults "of the handbook" are those of the LoRA recipes for zephyr-7b-beta in the alignment-handbook's repository.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from dikast.flags import Flag

Kind: TypeAlias = Literal["sft", "dpo", "value", "reward", "grpo"]
Loss: TypeAlias = Literal["sigmoid", "sigmoid_norm", "ipo", "hinge", "sppo_hard", "apo_zero", "apo_down"]

KEEPING = frozenset({"save_every", "checkpoints"})
"""Fields that do not change what comes out: how often the work is saved, and how much of it is kept."""


class Recipe(BaseModel):
    """What all trainers have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: ClassVar[Kind]
    panel: ClassVar[str] = "Recipe"
    """The heading of the fields' flags, wherever they are flags."""

    learning_rate: float = Field(default=2e-4, gt=0)
    """The highest rate of AdamW. SFT: 2e-4, of the handbook."""
    epochs: float = Field(default=1.0, gt=0)
    """How often each row is trained on, where --steps is 0. The handbook's value."""
    steps: int = Field(default=0, ge=0)
    """Optimizer steps; 0 for as many as --epochs makes."""
    batch_size: int = Field(default=4, ge=1)
    """Rows that one process holds at once. The handbook's value."""
    accumulation: int = Field(default=1, ge=1)
    """Batches whose gradients make one step; rows a step are --batch-size times this times --processes."""
    max_length: int = Field(default=1024, ge=2)
    """Tokens of a row; longer ones are left out and counted, as are those beyond the model's context. TRL's value."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps in which the rate grows from 0. The handbook's value."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the rate falls afterwards. The handbook's value; constant keeps it."""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's. TRL's value."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """The norm to which gradients are cut; 0 for no bound. TRL's value."""
    seed: int = Field(default=0, ge=0)
    """Of the rows' order, of new weights, and of dropout."""
    save_every: int = Field(default=50, ge=1)
    """Steps between two checkpoints; a killed training goes on from the last."""
    checkpoints: int = Field(default=2, ge=2)
    """How many of the last checkpoints are kept; each has the optimizer's state, twice the size of what is trained."""
    lora_rank: int = Field(default=16, ge=0)
    """Rank of a new LoRA adapter, of the handbook; 0 trains all weights. One that is gone on with keeps its own."""
    lora_alpha: float = Field(default=16.0, gt=0)
    """A new adapter's changes are scaled by this over the rank. The handbook's value."""
    lora_dropout: float = Field(default=0.05, ge=0, lt=1)
    """Dropout within a new adapter; DPO trains without, as TRL does. The handbook's value."""
    lora_targets: tuple[str, ...] = ()
    """Names of the layers that a new adapter sits on; none for all linear ones but the output, as the handbook."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic; auto is float32 on a CPU and bfloat16 on a GPU. What is trained is kept in float32."""
    gradient_checkpointing: Annotated[bool, Flag(names=("--gradient-checkpointing",))] = False
    """Compute activations twice instead of keeping them: less memory, about a fifth slower."""
    processes: int = Field(default=1, ge=1)
    """Above 1, `accelerate launch` starts as many, one a GPU; on a CPU they share it."""


class SftRecipe(Recipe):
    """Supervised fine-tuning: the likelihood of completions, given their prompts (TRL's SFTTrainer)."""

    kind: ClassVar[Kind] = "sft"


class DpoRecipe(Recipe):
    """Direct preference optimisation (arXiv 2305.18290): chosen above rejected, measured against a reference (TRL)."""

    kind: ClassVar[Kind] = "dpo"

    learning_rate: float = Field(default=5e-6, gt=0)
    """The highest rate of AdamW: 5e-6, of the handbook for LoRA; with all weights TRL has 1e-6."""
    beta: float = Field(default=0.1, gt=0)
    """How strongly the reference holds the model. The paper's and TRL's value; the handbook's for LoRA is 0.01."""
    loss: Loss = "sigmoid"
    """sigmoid is the paper's; sigmoid_norm divides each side by its length; the others are TRL's by these names."""
    sft_weight: float = Field(default=0.0, ge=0)
    """Weight of the chosen completions' negative log-likelihood, a token, added to the loss; DNO: 0.005."""
    ld_alpha: float | None = Field(default=None, ge=0, le=1)
    """Weight of the tokens beyond the shorter completion's length (LD-DPO, arXiv 2409.06411); none weighs all alike."""


class ValueRecipe(Recipe):
    """A value head: a number a row, by least squares on its `value` column (transformers' own Trainer)."""

    kind: ClassVar[Kind] = "value"

    learning_rate: float = Field(default=1e-4, gt=0)
    """The highest rate of AdamW: TRL's for reward models, which have such a head."""


class RewardRecipe(Recipe):
    """A reward model: chosen above rejected (Bradley-Terry), one number a text (TRL's RewardTrainer)."""

    kind: ClassVar[Kind] = "reward"

    learning_rate: float = Field(default=1e-4, gt=0)
    """The highest rate of AdamW. TRL's value."""
    centre: float = Field(default=0.0, ge=0)
    """Weight that keeps the sum of a pair's rewards near 0 (arXiv 2312.09244, who have 0.01); 0 for none, as TRL."""


class GrpoRecipe(Recipe):
    """Group relative policy optimisation (arXiv 2402.03300): samples against the mean of their group. Python only."""

    kind: ClassVar[Kind] = "grpo"

    learning_rate: float = Field(default=1e-6, gt=0)
    """The highest rate of AdamW. TRL's value."""
    group: int = Field(default=8, ge=2)
    """Completions a prompt. TRL's value; rows a step must be a multiple of it."""
    batch_size: int = Field(default=8, ge=1)
    """Completions that one process holds at once. TRL's value."""
    completion_length: int = Field(default=512, ge=1)
    """Tokens that a completion may have. TRL's value."""
    temperature: float = Field(default=1.0, gt=0)
    """Of sampling. TRL's value."""
    beta: float = Field(default=0.0, ge=0)
    """Weight of the divergence from the model as it is at the start; 0 needs no reference. TRL's value."""


RECIPES: dict[Kind, type[Recipe]] = {
    one.kind: one for one in (SftRecipe, DpoRecipe, ValueRecipe, RewardRecipe, GrpoRecipe)
}
