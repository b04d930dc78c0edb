"""Flags of `dikast h2o run` that are no field of its context: the file of prompts, and needles in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.h2o.context import Context
from dikast.graphs.h2o.needles import with_needle
from dikast.graphs.h2o.removal import REMOVALS
from dikast.graphs.method import OPTIONS, Row

DECIMALS = 6
"""Shares are told and hashed with so many."""


class Options(BaseModel):
    """Measure what a small key-value cache saves and costs: memory, speed, agreement, perplexity, needles (H2O)."""

    model_config = OPTIONS

    prompts: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Prompts, with a reference (read behind it) or an answer (to be found in the reply) where you have them: CSV, TSV,
    JSON, JSON lines, Parquet."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: prompt=question,reference=text,answer=gold."""
    needles: int = Field(default=0, ge=0, le=16)
    """Take each prompt also as a document, with a number laid into it at so many depths, and ask for the number."""


def read_prompts(options: Options) -> list[Row]:
    """The user's prompts, and those with a needle.

    Raises:
        UsageError: No file is named.
        DataError: A row is broken, or two have one id.
    """
    from dikast.rows import parse_columns, read_rows

    if options.prompts is None:
        raise UsageError("no prompts", hint="give --prompts FILE")
    found: list[Row] = []
    seen: dict[str, str] = {}
    for row in read_rows(options.prompts, parse_columns(options.columns)):
        id_ = row.text("id", default=str(row.place))
        if id_ in seen:
            raise row.error("id", f"{id_!r} already stands on {seen[id_]}")
        seen[id_] = row.where
        prompt = row.text("prompt")
        if not prompt.strip():
            raise row.error("prompt", "is empty")
        texts = {name: row.text(name) for name in ("reference", "answer") if row.values.get(name) not in (None, "")}
        found.append({"id": id_, "prompt": prompt, **texts})
        for count in range(options.needles):
            depth = round(count / max(1, options.needles - 1), DECIMALS)
            asked, number = with_needle(prompt, id_, depth)
            found.append({"id": f"{id_}/needle-{depth:g}", "prompt": asked, "answer": number, "depth": depth})
    if not found:
        raise DataError("has no row", path=options.prompts, hint="give a prompt a row")
    return found


def caches(context: Context) -> Iterator[tuple[str, float, float]]:
    """Policy, heavy and recent share of each cache that a prompt is read with; the full one first."""
    yield "full", 1.0, 0.0
    for budget in context.budgets:
        heavy = round(budget * context.split, DECIMALS)
        for policy in context.policies:
            if policy != "full":
                yield policy, heavy, round(budget - heavy, DECIMALS)
        if context.observations and heavy:
            for removal in REMOVALS:
                yield removal, heavy, 0.0


def read_rows(options: Options, context: Context) -> Iterator[Row]:
    """A row a prompt and cache, the caches of a prompt together.

    Raises:
        DikastError: As `read_prompts`.
    """
    for prompt in read_prompts(options):
        for policy, heavy, recent in caches(context):
            name = f"{prompt['id']} {policy}" + (f" {round(heavy + recent, DECIMALS):g}" if policy != "full" else "")
            yield {**prompt, "id": name, "policy": policy, "heavy": heavy, "recent": recent}


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What should be known before."""
    del options, context, rows
    yield "rows are measured one after the other; seconds are of this machine and its load, ratios are within a prompt"
