"""Flags of `dikast transfer-q run` that are no field of its context: the file of prompts, and the names in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.measures import COVERAGE, LENGTH, METRIC
from dikast.graphs.method import OPTIONS, Row
from dikast.graphs.transfer_q.context import Context

OURS = ("id", "prompt", "reference")
MANY = 20_000
"""Tokens of completions a text, beyond which a CPU is busy for hours."""


class Options(BaseModel):
    """Write texts by Transfer Q* or one of its rivals: a reward guides a model that nobody trains."""

    model_config = OPTIONS

    prompts: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Prompts, perhaps with references: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: prompt=instruction,reference=output; also id."""


def read_input(options: Options, context: Context) -> list[Row]:
    """The rows of the job; above one text a prompt each has its `sample`.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
        DataError: A row is broken, two have one id, or one lacks the reference that the reward measures by.
    """
    from dikast.rows import parse_columns, read_rows

    if options.prompts is None:
        raise UsageError("no prompts", hint="give --prompts FILE")
    columns = parse_columns(options.columns)
    if unknown := sorted(set(columns) - set(OURS)):
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(OURS)}")
    rewards = (context.reward, context.baseline_reward)
    specs = [one.spec for one in rewards if one is not None]
    if METRIC + COVERAGE in specs:
        raise UsageError(
            f"{METRIC}{COVERAGE} needs concepts, which rows of transfer-q have not", hint="take another one"
        )
    measured = next((spec for spec in specs if spec.startswith(METRIC) and spec != METRIC + LENGTH), "")
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for row in read_rows(options.prompts, columns):
        name, reference = row.text("id", default=str(row.place)), row.text("reference", "")
        if name in seen:
            raise row.error("id", f"{name!r} already stands on {seen[name]}")
        seen[name] = row.where
        prompt = row.text("prompt")
        if not prompt.strip():
            raise row.error("prompt", "empty", "give every row one")
        if measured and not reference.strip():
            raise row.error("reference", f"{measured} needs one", "give every row one, or another reward")
        given = {"id": name, "prompt": prompt, **({"reference": reference} if reference.strip() else {})}
        rows += [{**given, "sample": at} if context.texts > 1 else given for at in range(context.texts)]
    if not rows:
        raise DataError("no prompt", path=options.prompts, hint="give a file with rows")
    return rows


def most_rollout_tokens(context: Context) -> int:
    """Tokens of a text's completions at most, whatever the budgets say."""
    places = range(0, context.horizon, context.step_tokens)
    each = context.candidates * context.completions
    return sum(each * context.completion_tokens(place + int(context.by_token)) for place in places)


def most_steps(context: Context) -> int:
    """Choices of a text at most, where no chunk ends early."""
    return min(-(-context.horizon // context.step_tokens), context.step_budget or context.horizon)


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterator[str]:
    """What a person should know before anything runs."""
    del options, rows
    tokens, calls = most_rollout_tokens(context), most_steps(context) * context.calls_of_step
    if tokens > MANY and (context.token_budget is None or context.token_budget > MANY):
        yield (
            f"up to {tokens:,} tokens of completions and {calls:,} calls a text: a larger --block, a smaller --k,"
            " --rollouts, --rollout-tokens or --horizon, or a --token-budget makes them fewer"
        )
    if context.compat == "repo":
        yield "compat repo: weights that do not add up to 1, as the authors' program has them; to compare, not to use"
    if context.decoder != "transfer_q" and context.baseline is not None:
        yield f"decoder {context.decoder} asks no baseline: --baseline is left aside"
