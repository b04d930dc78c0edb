"""Flags of `dikast rest-mcts rounds` that are no field of its context: the questions, and how rows are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from dikast.errors import UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.graphs.rest_mcts.rounds.context import Context
from dikast.training.recipes import DpoRecipe, Recipe, SftRecipe, ValueRecipe

LOOP = "loop"
"""The folder of the stages within the run's."""
CRITIC, PAIRS = ValueRecipe(), DpoRecipe()

PAIRED = ("learning_rate", "epochs", "beta", "sft_weight")
"""Fields of DPO's recipe with a flag of their own, `--pair-...`; what has none is the policy's."""


class Options(SftRecipe):
    """Train policy and critic by their own search, round by round: search, infer values, train, measure, go on."""

    model_config = OPTIONS

    questions: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Questions with gold answers, as for 'dikast rest-mcts run'."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: question=problem,answer=gold; also id."""
    critic_learning_rate: Annotated[float, Flag(panel=Recipe.panel)] = Field(default=CRITIC.learning_rate, gt=0)
    """The highest rate at which the critic is trained; what has no flag of its own is the policy's."""
    critic_epochs: Annotated[float, Flag(panel=Recipe.panel)] = Field(default=CRITIC.epochs, gt=0)
    """How often each value is trained on, where --steps is 0."""
    pair_learning_rate: Annotated[float, Flag(panel=Recipe.panel)] = Field(default=PAIRS.learning_rate, gt=0)
    """The highest rate at which Self-Rewarding trains the policy on pairs (DPO)."""
    pair_epochs: Annotated[float, Flag(panel=Recipe.panel)] = Field(default=PAIRS.epochs, gt=0)
    """How often each pair is trained on, where --steps is 0."""
    pair_beta: Annotated[float, Flag(panel=Recipe.panel)] = Field(default=PAIRS.beta, gt=0)
    """How strongly the policy as it was before the round holds the new one; the paper's value."""
    pair_sft_weight: Annotated[float, Flag(panel=Recipe.panel)] = Field(default=PAIRS.sft_weight, ge=0)
    """Weight of the preferred solutions' negative log-likelihood, a token, added to DPO's loss."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The loop's folder, the questions, and all recipes.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
    """
    from dikast.graphs.rest_mcts.rounds.roles import QuestionFile
    from dikast.rows import parse_columns

    if options.questions is None:
        raise UsageError("no questions", hint="give --questions FILE")
    questions = QuestionFile(options.questions.resolve(), parse_columns(options.columns))
    recipe: dict[str, Any] = {name: getattr(options, name) for name in SftRecipe.model_fields}
    recipe["seed"] = getattr(given.fields.get("sampling"), "seed", None) or recipe["seed"]  # one --seed speaks to all
    own: dict[str, Any] = {"learning_rate": options.critic_learning_rate, "epochs": options.critic_epochs}
    pairs: dict[str, Any] = {name: getattr(options, f"pair_{name}") for name in PAIRED}
    return {
        "folder": given.out,
        "questions": questions,
        "recipe": SftRecipe(**recipe),
        "critic_recipe": ValueRecipe(**{**recipe, **own}),
        "pair_recipe": DpoRecipe(**{**recipe, **pairs}),
    }


def read_input(options: Options, context: Context) -> list[Row]:
    """One row: the loop. That its questions can be split is told before anything runs."""
    from dikast.graphs.rest_mcts.rounds.plan import RestPlan

    del options
    _ = RestPlan(context).parts
    # With the number of rounds the row is another one, so that a loop that is over goes on where more are asked for.
    return [{"id": LOOP, "rounds": context.rounds}]


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """How the questions are split, and what the critic is for."""
    from dikast.graphs.rest_mcts.context import VALUELESS
    from dikast.graphs.rest_mcts.rounds.plan import RestPlan

    del options, rows
    parts = RestPlan(context).parts
    yield "questions: " + ", ".join(f"{len(mine)} in {name}" for name, mine in parts.items())
    if context.rounds > context.parts > 1:
        yield f"{context.rounds} rounds over {context.parts} parts: later rounds search questions of earlier ones again"
    if context.rival == "self_rewarding":
        yield "the policy marks its own solutions, and what it prefers trains it (Self-Rewarding); no critic is asked"
    elif all(one in VALUELESS for one in context.searches):
        yield "no search asks the critic: it is not trained (with self_consistency this is ReST-EM)"
