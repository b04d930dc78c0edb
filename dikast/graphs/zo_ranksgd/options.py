"""Flags of `dikast tune METHOD` that are no field of its context, and the rows that they make of the method's."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, Field

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Row
from dikast.graphs.zo_ranksgd.context import KNOBS, Context

TUNING = "tuning"
"""The folder of the tuning within the run's."""
SAMPLE = 50
"""Rows that each settings are run on, where there are as many again to hold out."""
BUDGET = 24
"""About six rounds of ZO-RankSGD."""


class Options(BaseModel):
    """Set a method's knobs by rankings of its runs: settings are run over some rows, and moved to the better ones."""

    model_config = OPTIONS

    trials: Annotated[int, Flag(panel=KNOBS)] = Field(default=BUDGET, ge=2)
    """How many settings are run at most, those that it begins with included; a higher number later goes on."""
    sample: Annotated[int | None, Flag(metavar="ROWS", panel=KNOBS)] = Field(default=None, ge=1)
    """Rows of the input that each settings are run on, drawn by the seed. Default: half of them, 50 at most."""
    held: Annotated[int | None, Flag(metavar="ROWS", panel=KNOBS)] = Field(default=None, ge=0)
    """Other rows, on which start and outcome are compared at the end. Default: the rest, as many as the sample."""


def split_rows(rows: Iterable[Row], options: Options, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows to tune on, and those that are held out; none is in both.

    Raises:
        DataError: There are not so many.
    """
    every = [dict(row) for row in rows]
    size = options.sample or min(SAMPLE, (len(every) + 1) // 2)
    held = max(0, min(size, len(every) - size)) if options.held is None else options.held
    if size + held > len(every):
        hint = "give fewer: --sample N --held N"
        raise DataError(f"{size} rows to tune on and {held} to hold out, of {len(every)}", hint=hint)
    drawn = random.Random(seed).sample(range(len(every)), size + held)
    return [every[at] for at in sorted(drawn[:size])], [every[at] for at in sorted(drawn[size:])]


def read_input(options: Any, context: Context) -> list[Row]:
    """None: the rows are the tuned method's, which only the command knows.

    Raises:
        UsageError: Always.
    """
    del options, context
    raise UsageError("a tuning has its method's rows", hint="dikast tune METHOD ...")


def input_of(options: Options, context: Context, rows: Iterable[Row]) -> Row:
    """The graph's input: a tuning over some of these rows.

    Raises:
        DataError: There are not so many.
    """
    tuned, held = split_rows(rows, options, context.seed)
    return {"id": TUNING, "rows": tuned, "held": held, "budget": options.trials}


def notes(options: Options, context: Context, inputs: Iterable[Row]) -> Iterable[str]:
    """What is tuned, on what."""
    from dikast.tuning.knobs import parse_knobs, settings_in

    given = next(iter(inputs))
    knobs = parse_knobs(context.knobs, type(context.base))
    start = settings_in(knobs, context.base)
    yield "knobs: " + "; ".join(f"{one.name} from {one.told()}, now {start[one.name]}" for one in knobs)
    yield f"{options.trials} settings at most, on {len(given['rows'])} rows; {len(given['held'])} rows are held out"
    if not given["held"]:
        yield "no row is held out: what the outcome is worth elsewhere will not be known"
