"""Flags of `dikast dno rounds` that are no field of its context: the prompts, and the recipe."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.dno.rounds.context import RECIPE, ROUNDS, Context
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.training.recipes import DpoRecipe

LOOP = "loop"
"""The folder of the stages within the run's."""


class Options(BaseModel):
    """Train a policy against its own answers, round by round: collect, pair, train, measure, promote or roll back."""

    model_config = OPTIONS

    prompts: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Prompts with gold answers: CSV, TSV, JSON, JSON lines, Parquet; as for 'dikast dno run'."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: prompt=question,gold=answer."""
    recipe: Annotated[Path | None, Flag(metavar="FILE", panel=ROUNDS)] = None
    """How pairs are trained on, as JSON or TOML: fields of 'dikast train dpo', over DNO's own."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The loop's folder, the prompts, and the recipe.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
        DataError: The recipe is none.
    """
    from dikast.graphs.dno.rounds.roles import PromptFile
    from dikast.rows import parse_columns

    if options.prompts is None:
        raise UsageError("no prompts", hint="give --prompts FILE")
    prompts = PromptFile(options.prompts.resolve(), parse_columns(options.columns))
    return {"folder": given.out, "prompts": prompts, "recipe": read_recipe(options.recipe)}


def read_recipe(path: Path | None) -> DpoRecipe:
    """DNO's own recipe, with the fields that a file gives.

    Raises:
        DataError: The file cannot be read, or a field of it cannot be.
    """
    if path is None:
        return RECIPE
    try:
        text = path.read_text(encoding="utf-8")
        given = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        return DpoRecipe.model_validate({**RECIPE.model_dump(), **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise DataError(
            first["msg"], path=path, field=field, hint="the fields are those of 'dikast train dpo'"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"not a recipe: {error}", path=path, hint="a JSON object, or TOML") from error


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
