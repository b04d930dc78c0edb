"""The rounds' knobs and actors (`Context`); what goes into the graph and comes out is that of `dikast.graphs.looping`.

Light on purpose: the command line reads the flags of `dikast dno rounds` off this file, so it loads no engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dikast.flags import Flag, NoFlag
from dikast.graphs.dno.context import Collecting
from dikast.graphs.dno.rounds.roles import Prompts
from dikast.training.recipes import DpoRecipe
from dikast.training.replay import FIRST, RATIO
from dikast.training.role import Trainer, TrlTrainer
from dikast.wire import CONTEXT, Spec

PARTS = 3
"""Disjoint parts of the prompts, one an iteration (the paper's three)."""
RECIPE = DpoRecipe(learning_rate=5e-5, beta=0.1, sft_weight=0.005, epochs=1.0, batch_size=4, accumulation=16)
"""The paper's: one epoch, 64 pairs a step, beta 0.1, rate 5e-5, a small SFT term of 0.005."""
ROUNDS = "Rounds"
"""The heading of the loop's flags."""


class Context(Collecting):
    """Who takes part, and the loop's knobs beside those of a collection."""

    model_config = CONTEXT
    only_here: ClassVar[str] = "its stages are jobs of their own, in folders of this machine"

    folder: Annotated[Path, NoFlag("the run's own folder")] = Field(json_schema_extra={"fingerprint": False})
    """Where the rounds' stages lie."""
    prompts: Annotated[Prompts, Spec("dikast.graphs.dno.rounds.roles:load_prompts"), NoFlag("made of --prompts")]
    """What is asked, with gold answers."""
    solver: Annotated[str, Flag(metavar="SPEC")] = Field(min_length=1)
    """The student that the first round begins with: transformers:MODEL, with or without an adapter."""
    sampler: Annotated[str, Flag(metavar="SPEC", panel=ROUNDS)] = ""
    """An engine with the same base model that draws the answers, and is given each round's adapter: vllm:MODEL or
    server:URL#MODEL; without one, the policy's own."""
    trainer: Annotated[Trainer, Spec("dikast.training.role:load_trainer"), NoFlag("TRL's")] = TrlTrainer()
    """Who trains."""
    recipe: Annotated[DpoRecipe, NoFlag("each of its fields is a flag")] = RECIPE
    """How pairs are trained on."""
    rounds: Annotated[int, Flag(panel=ROUNDS)] = Field(default=3, ge=1, json_schema_extra={"fingerprint": False})
    """How many; a higher number later goes on from the last."""
    parts: Annotated[int, Flag(panel=ROUNDS)] = Field(default=PARTS, ge=1)
    """Into how many disjoint parts the prompts fall, by their hash; each round takes the next, after the last the
    first."""
    validation: Annotated[int, Flag(metavar="PERCENT", panel=ROUNDS)] = Field(default=10, ge=1, le=90)
    """Percent of the prompts that are never trained on: policies are compared on them."""
    policy: Annotated[Literal["last", "best", "average"], Flag(panel=ROUNDS)] = "best"
    """`best` takes a new policy only if it wins, `last` always. `average` takes it always, and draws the next answers
    from all policies up to then in turn: the mixture that converges where preference is intransitive."""
    gate: Annotated[float, Flag(panel=ROUNDS)] = Field(default=0.5, ge=0, le=1)
    """Win rate against the current policy that `best` asks of a new one."""
    replay_first: Annotated[float, Flag(panel=ROUNDS)] = Field(default=FIRST, ge=0, lt=1)
    """Share of the round before among the training rows at most."""
    replay_ratio: Annotated[float, Flag(panel=ROUNDS)] = Field(default=RATIO, ge=0, le=1)
    """How the share shrinks from one round to the one before it: 30 %, 15 %, ..."""
