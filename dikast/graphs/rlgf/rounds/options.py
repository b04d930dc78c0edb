"""Flags of `dikast rlgf rounds` that are no field of its context: the prompts, and how texts are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from dikast.errors import UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.graphs.rlgf.rounds.context import Context
from dikast.graphs.rlgf.rounds.recipe import PpoRecipe

LOOP = "loop"
"""The folder of the stages within the run's."""


class Options(PpoRecipe):
    """Train a policy beside a guide, round by round: collect, update by PPO, measure it alone, promote or roll back."""

    model_config = OPTIONS

    prompts: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Prompts, or concepts to write a sentence with, as for 'dikast rlgf run'."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: prompt=question,reference=target, or concepts=words,reference=target; also id."""
    instruction: Annotated[str, Flag(metavar="TEXT")] = ""
    """Stands before every prompt, or before the concepts in place of the usual one."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The loop's folder, the prompts, and the recipe.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
    """
    from dikast.graphs.rlgf.rounds.roles import PromptFile
    from dikast.rows import parse_columns

    if options.prompts is None:
        raise UsageError("no prompts", hint="give --prompts FILE")
    reward = given.fields.get("reward")
    spec = reward if isinstance(reward, str) else getattr(reward, "spec", "")
    prompts = PromptFile(options.prompts.resolve(), parse_columns(options.columns), options.instruction, spec)
    recipe = PpoRecipe(**{name: getattr(options, name) for name in PpoRecipe.model_fields})
    return {"folder": given.out, "prompts": prompts, "recipe": recipe}


def read_input(options: Options, context: Context) -> list[Row]:
    """One row: the loop. That its prompts can be split is told before anything runs."""
    from dikast.graphs.rlgf.rounds.plan import RlgfPlan

    del options
    _ = RlgfPlan(context).parts
    # With the number of rounds the row is another one, so that a loop that is over goes on where more are asked for.
    return [{"id": LOOP, "rounds": context.rounds}]


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """How the prompts are split; that all measures can be taken.

    Raises:
        MissingExtraError: A measure needs a library that is not installed.
    """
    from dikast.graphs.measures import check_measures
    from dikast.graphs.rlgf.rounds.plan import RlgfPlan

    del options, rows
    check_measures(context.measures)
    parts = RlgfPlan(context).parts
    yield "prompts: " + ", ".join(f"{len(mine)} in {name}" for name, mine in parts.items())
    if context.guide.spec.startswith(("text+", "chat+")) and context.collector != "ppo":
        yield "the guide is asked by text: each turn costs the policy two more calls, and tokens at a seam may differ"
    if not context.kl:
        yield "no KL penalty: watch the KL to the start, which each round's measurement tells"
