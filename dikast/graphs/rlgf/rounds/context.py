"""The rounds' knobs and actors (`Context`); what goes into the graph and comes out is that of `dikast.graphs.looping`.

Light on purpose: the command line reads the flags of `dikast rlgf rounds` off this file, so it loads no engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from dikast.flags import Flag, NoFlag
from dikast.graphs.rlgf.context import Collecting
from dikast.graphs.rlgf.rounds.recipe import PpoRecipe
from dikast.graphs.rlgf.rounds.roles import OwnTrainer, Prompts, Trainer
from dikast.wire import CONTEXT, Spec

ROUNDS = "Rounds"
"""The heading of the loop's flags."""


class Context(Collecting):
    """Who takes part, and the loop's knobs beside those of a collection."""

    model_config = CONTEXT
    only_here: ClassVar[str] = "its stages are jobs of their own, in folders of this machine"

    folder: Annotated[Path, NoFlag("the run's own folder")] = Field(json_schema_extra={"fingerprint": False})
    """Where the rounds' stages lie."""
    prompts: Annotated[Prompts, Spec("dikast.graphs.rlgf.rounds.roles:load_prompts"), NoFlag("made of --prompts")]
    """What is asked."""
    solver: Annotated[str, Flag(metavar="SPEC")] = Field(min_length=1)
    """The policy that the first round begins with, and that the KL penalty holds to: transformers:MODEL, with or
    without an adapter."""
    sampler: Annotated[str, Flag(metavar="SPEC", panel=ROUNDS)] = ""
    """An engine with the same base model that writes the policy's turns, and is given each round's adapter:
    vllm:MODEL or server:URL#MODEL; without one, the policy's own."""
    trainer: Annotated[Trainer, Spec("dikast.graphs.rlgf.rounds.roles:load_trainer"), NoFlag("ours")] = OwnTrainer()
    """Who trains."""
    recipe: Annotated[PpoRecipe, NoFlag("each of its fields is a flag")] = PpoRecipe()
    """How texts are trained on."""
    rounds: Annotated[int, Flag(panel=ROUNDS)] = Field(default=5, ge=1, json_schema_extra={"fingerprint": False})
    """How many, each an iteration of the paper's; a higher number later goes on from the last."""
    parts: Annotated[int, Flag(panel=ROUNDS)] = Field(default=1, ge=1)
    """Into how many disjoint parts the prompts fall, by their hash; each round takes the next, after the last the
    first."""
    validation: Annotated[int, Flag(metavar="PERCENT", panel=ROUNDS)] = Field(default=20, ge=1, le=90)
    """Percent of the prompts that are never trained on: the policy answers them alone, and is measured."""
    held_texts: Annotated[int, Flag(panel=ROUNDS)] = Field(default=1, ge=1)
    """Texts that a policy writes to each of them."""
    switch_reward: Annotated[float | None, Flag(panel=ROUNDS)] = None
    """d2lols: go from aggrevated to ppo_pp once the policy's own reward on held-back prompts has reached this, in
    place of --switch-at."""
    policy: Annotated[Literal["best", "last"], Flag(panel=ROUNDS)] = "best"
    """`best` takes a new policy only if its reward on held-back prompts has not fallen, `last` always."""
    margin: Annotated[float, Flag(panel=ROUNDS)] = 0.0
    """By how much that reward has to rise for `best`; below 0 it may fall so far."""

    @model_validator(mode="after")
    def _can_be_rounds(self) -> Context:
        if self.switch_reward is not None and self.collector != "d2lols":
            raise ValueError("switch_reward: only d2lols switches")
        if self.sampling.temperature <= 0:
            raise ValueError("solver_temperature: a policy that is trained has to draw; give one above 0")
        return self
