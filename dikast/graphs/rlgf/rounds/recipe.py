"""How a round's texts are trained on: the paper's PPO, as a recipe whose fields are flags.

The defaults are those of the authors' program for IMDB (TRIL), but for the adapter, which is ours: with an adapter a
rate of 1e-5 moves little, so that `recipes/rlgf` has a higher one.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from dikast.flags import Flag

PANEL = "Update"
ADAPTER = "Adapter"


class PpoRecipe(BaseModel):
    """PPO with a value head on texts that policy and guide wrote; the guide's tokens are masked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    panel: ClassVar[str] = PANEL

    learning_rate: Annotated[float, Flag(panel=PANEL)] = Field(default=1e-5, gt=0)
    """Of Adam. TRIL's."""
    epochs: Annotated[int, Flag(panel=PANEL)] = Field(default=5, ge=1)
    """How often the texts of a round are gone through. TRIL's."""
    batch_size: Annotated[int, Flag(panel=PANEL)] = Field(default=28, ge=1)
    """Texts of one step. TRIL's."""
    at_once: Annotated[int, Flag(panel=PANEL)] = Field(default=8, ge=1)
    """Texts that the model reads at once, for less memory; the step is the same."""
    max_length: Annotated[int, Flag(panel=PANEL)] = Field(default=1024, ge=2)
    """Tokens of prompt and text; longer ones are left out and counted."""
    gamma: Annotated[float, Flag(panel=PANEL)] = Field(default=0.99, gt=0, le=1)
    """Discount a token. TRIL's."""
    lam: Annotated[float, Flag(panel=PANEL)] = Field(default=0.95, ge=0, le=1)
    """Of the advantage estimate: 1 for whole returns, 0 for one step. TRIL's."""
    clip: Annotated[float, Flag(panel=PANEL)] = Field(default=0.2, gt=0)
    """How far a probability ratio may move the objective. TRIL's."""
    value_clip: Annotated[float, Flag(panel=PANEL)] = Field(default=0.2, gt=0)
    """How far a value may move from what it was. TRIL's."""
    value_weight: Annotated[float, Flag(panel=PANEL)] = Field(default=0.5, ge=0)
    """Of the value's loss. TRIL's for IMDB; 30 for CommonGen, 0.1 for TL;DR."""
    nll: Annotated[float, Flag(panel=PANEL)] = Field(default=0.1, ge=0)
    """Weight of the references' negative log-likelihood, a token, added to the loss. TRIL's."""
    normalise: Annotated[bool, Flag(panel=PANEL)] = True
    """Bring the advantages of a round to mean 0 and spread 1."""
    lora_rank: Annotated[int, Flag(panel=ADAPTER)] = Field(default=16, ge=0)
    """Rank of a new LoRA adapter; 0 trains all weights. One that is gone on with keeps its own."""
    lora_alpha: Annotated[float, Flag(panel=ADAPTER)] = Field(default=16.0, gt=0)
    """A new adapter's changes are scaled by this over the rank."""
    lora_targets: Annotated[tuple[str, ...], Flag(panel=ADAPTER)] = ()
    """Names of the layers that a new adapter sits on; none for all linear ones but the output."""
    dtype: Annotated[Literal["auto", "float32", "bfloat16"], Flag(panel=PANEL)] = "auto"
    """Arithmetic; auto is float32 on a CPU and bfloat16 on a GPU. What is trained is kept in float32."""
