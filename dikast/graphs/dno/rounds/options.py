"""Flags of `dikast dno rounds` that are no field of its context: the prompts, and how pairs are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from dikast.errors import UsageError
from dikast.flags import Flag
from dikast.graphs.dno.rounds.context import RECIPE, Context
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.training.recipes import DpoRecipe

LOOP = "loop"
"""The folder of the stages within the run's."""


class Options(DpoRecipe):
    """Train a policy against its own answers, round by round: collect, pair, train, measure, promote or roll back."""

    model_config = OPTIONS

    prompts: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Prompts with gold answers: CSV, TSV, JSON, JSON lines, Parquet; as for 'dikast dno run'."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: prompt=question,gold=answer."""
    learning_rate: Annotated[float, Flag(panel=DpoRecipe.panel)] = Field(default=RECIPE.learning_rate, gt=0)
    """The highest rate of AdamW: DNO's."""
    accumulation: Annotated[int, Flag(panel=DpoRecipe.panel)] = Field(default=RECIPE.accumulation, ge=1)
    """Batches whose gradients make one step: 64 pairs a step, as DNO has them."""
    sft_weight: Annotated[float, Flag(panel=DpoRecipe.panel)] = Field(default=RECIPE.sft_weight, ge=0)
    """Weight of the chosen answers' negative log-likelihood, a token, added to the loss: DNO's."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The loop's folder, the prompts, and the recipe.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
    """
    from dikast.graphs.dno.rounds.roles import PromptFile
    from dikast.rows import parse_columns

    if options.prompts is None:
        raise UsageError("no prompts", hint="give --prompts FILE")
    prompts = PromptFile(options.prompts.resolve(), parse_columns(options.columns))
    recipe = {name: getattr(options, name) for name in DpoRecipe.model_fields}
    seed = given.fields.get("seed", RECIPE.seed)
    return {"folder": given.out, "prompts": prompts, "recipe": DpoRecipe(**{**recipe, "seed": seed})}


def read_input(options: Options, context: Context) -> list[Row]:
    """One row: the loop. That its prompts can be split is told before anything runs."""
    from dikast.graphs.dno.rounds.plan import DnoPlan

    del options
    _ = DnoPlan(context).parts
    # With the number of rounds the row is another one, so that a loop that is over goes on where more are asked for.
    return [{"id": LOOP, "rounds": context.rounds}]


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """How the prompts are split, and where parts come again."""
    from dikast.graphs.dno.rounds.plan import DnoPlan

    del options, rows
    parts = DnoPlan(context).parts
    yield "prompts: " + ", ".join(f"{len(mine)} in {name}" for name, mine in parts.items())
    if context.rounds > context.parts:
        yield f"{context.rounds} rounds over {context.parts} parts: later rounds ask prompts of earlier ones again"
