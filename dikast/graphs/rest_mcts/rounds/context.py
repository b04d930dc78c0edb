"""The rounds' knobs and actors (`Context`); what goes into the graph and comes out is that of `dikast.graphs.looping`.

Light on purpose: the command line reads the flags of `dikast rest-mcts rounds` off this file, so it loads no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, cast

from pydantic import Field, model_validator

from dikast.agents.models.request import Sampling
from dikast.flags import Flag, NoFlag, SamplingOf
from dikast.graphs.rest_mcts.context import JUDGEMENTS, JUDGING, Searching
from dikast.graphs.rest_mcts.roles import StepCritic
from dikast.graphs.rest_mcts.rounds.roles import Questions
from dikast.training.recipes import DpoRecipe, SftRecipe, ValueRecipe
from dikast.training.role import Trainer, TrlTrainer
from dikast.wire import CONTEXT, Spec

ROUNDS = "Rounds"
"""The heading of the loop's flags."""
Rival: TypeAlias = Literal["none", "rest_em", "self_rewarding"]
RIVALS: Mapping[Rival, tuple[str, ...]] = {"rest_em": ("self_consistency",), "self_rewarding": ("best_of_n",)}
"""Rival -> how it draws solutions: whole ones, and Self-Rewarding has them valued."""


def nobody() -> StepCritic:
    """No critic."""
    from dikast.graphs.rest_mcts.critics import Nobody

    return Nobody()


class Context(Searching):
    """Who takes part, and the loop's knobs beside those of a search."""

    model_config = CONTEXT
    only_here: ClassVar[str] = "its stages are jobs of their own, in folders of this machine"

    folder: Annotated[Path, NoFlag("the run's own folder")] = Field(json_schema_extra={"fingerprint": False})
    """Where the rounds' stages lie."""
    questions: Annotated[
        Questions, Spec("dikast.graphs.rest_mcts.rounds.roles:load_questions"), NoFlag("made of --questions")
    ]
    """What is asked, with gold answers."""
    solver: Annotated[str, Flag(metavar="SPEC")] = Field(min_length=1)
    """The policy that the first round begins with: transformers:MODEL, with or without an adapter; before it prefix+
    or chat+ for how a next step is asked for."""
    critic: Annotated[StepCritic, Spec("dikast.graphs.rest_mcts.critics:load_critic", model=True)] = Field(
        default_factory=lambda: nobody()
    )
    """Values partial solutions in the first round: a model's SPEC, head+SPEC for a trained value head, judge+SPEC,
    function:MODULE:NAME. Rivals need none."""
    rival: Annotated[Rival, Flag(panel=ROUNDS)] = "none"
    """Another method in the same loop, on the same budget: rest_em trains on whole samples that are right;
    self_rewarding has the policy mark its own whole samples, and trains it on the best against the worst (DPO)."""
    judgements: Annotated[int, Flag(panel=ROUNDS)] = Field(default=JUDGEMENTS, ge=1)
    """self_rewarding: how often the policy marks each of its solutions; the mean counts."""
    judging: Annotated[Sampling, SamplingOf("judge")] = JUDGING
    """self_rewarding: of the policy as judge; its tokens count towards the budget."""
    sampler: Annotated[str, Flag(metavar="SPEC", panel=ROUNDS)] = ""
    """An engine with the same base model that writes the steps, and is given each round's adapter: vllm:MODEL or
    server:URL#MODEL; without one, the policy's own."""
    trainer: Annotated[Trainer, Spec("dikast.training.role:load_trainer"), NoFlag("TRL's")] = TrlTrainer()
    """Who trains."""
    recipe: Annotated[SftRecipe, NoFlag("each of its fields is a flag")] = SftRecipe()
    """How the policy is trained on right solutions."""
    critic_recipe: Annotated[ValueRecipe, NoFlag("made of the recipe's flags and --critic-...")] = ValueRecipe()
    """How the critic is trained on inferred values."""
    pair_recipe: Annotated[DpoRecipe, NoFlag("made of the recipe's flags and --pair-...")] = DpoRecipe()
    """How self_rewarding trains the policy on pairs."""
    rounds: Annotated[int, Flag(panel=ROUNDS)] = Field(default=2, ge=1, json_schema_extra={"fingerprint": False})
    """How many; a higher number later goes on from the last."""
    parts: Annotated[int, Flag(panel=ROUNDS)] = Field(default=1, ge=1)
    """Into how many disjoint parts the questions fall, by their hash; each round takes the next, after the last the
    first."""
    validation: Annotated[int, Flag(metavar="PERCENT", panel=ROUNDS)] = Field(default=20, ge=1, le=90)
    """Percent of the questions that are never trained on: policies answer them greedily, and are measured."""
    critic_validation: Annotated[int, Flag(metavar="PERCENT", panel=ROUNDS)] = Field(default=10, ge=0, le=90)
    """Percent of a round's searched questions whose values the new critic is not trained on, but measured by, beside
    the old one's; at 0 every new critic is taken."""
    policy: Annotated[Literal["best", "last"], Flag(panel=ROUNDS)] = "best"
    """`best` takes a new policy only if its accuracy on held-back questions has not fallen, `last` always."""
    margin: Annotated[float, Flag(panel=ROUNDS)] = Field(default=0.0, ge=-1, le=1)
    """By how much that accuracy (0 to 1) has to rise for `best`; below 0 it may fall so far."""
    least_value: float = 0.0
    """Right solutions that the critic values lower are no training rows for the policy; the program's is .2."""

    @property
    def asking(self) -> list[str]:
        """Searches that ask the critic; Self-Rewarding's asks the policy."""
        return [] if self.rival == "self_rewarding" else super().asking

    @model_validator(mode="before")
    @classmethod
    def _draws_as_its_rival(cls, given: Any) -> Any:
        """A rival has a search of its own.

        Raises:
            ValueError: Another one is named beside it.
        """
        told = cast(dict[str, Any], given) if isinstance(given, dict) else dict[str, Any]()
        own = RIVALS.get(told.get("rival", "none"))
        if own is None:
            return cast(object, given)
        asked = tuple(told.get("searches") or cls.model_fields["searches"].default)
        if asked not in (own, cls.model_fields["searches"].default):
            raise ValueError(f"rival {told['rival']} draws by {own[0]}, and not by {', '.join(asked)}")
        return {**told, "searches": own}
