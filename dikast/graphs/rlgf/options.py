"""Flags of `dikast rlgf run` that are no field of its context: the file of prompts, and the names in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Row
from dikast.graphs.rlgf.context import Context

OURS = ("id", "prompt", "reference")
HINT = "give the columns prompt and reference by --columns prompt=concepts,reference=target"
METRIC = "metric:"


class Options(BaseModel):
    """Have a policy and a guide write texts in turns, and reward them."""

    model_config = OPTIONS

    prompts: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Prompts, perhaps with references: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your file: prompt=concepts,reference=target; also id."""


def read_input(options: Options, context: Context) -> list[Row]:
    """The rows of the job.

    Raises:
        UsageError: No file is named, or a column of ours is not known.
        DataError: A row is broken, or lacks the reference that the reward measures by.
    """
    from dikast.rows import parse_columns

    if options.prompts is None:
        raise UsageError("no prompts", hint="give --prompts FILE")
    spec = context.reward.spec
    measured = spec if spec.startswith(METRIC) else ""
    return read_prompts(options.prompts, parse_columns(options.columns), texts=context.texts, measured=measured)


def read_prompts(path: Path, columns: Mapping[str, str], *, texts: int = 1, measured: str = "") -> list[Row]:
    """Rows of a file of prompts, in the shape of the graph's input.

    Args:
        path: The file.
        columns: Our name -> the file's.
        texts: How many texts to each; above 1 each row has its `sample`.
        measured: The reward that needs a reference; empty for none.

    Raises:
        UsageError: A column of ours is not known.
        DataError: A row is broken, two have one id, or there is none.
    """
    from dikast.rows import read_rows

    unknown = sorted(set(columns) - set(OURS))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(OURS)}")
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for row in read_rows(path, columns):
        if row.values.get("prompt") is None:
            raise row.error("prompt", "missing", HINT)
        name, prompt, reference = row.text("id", default=str(row.place)), row.text("prompt"), row.text("reference", "")
        if name in seen:
            raise row.error("id", f"{name!r} already stands on {seen[name]}")
        seen[name] = row.where
        if not prompt.strip():
            raise row.error("prompt", "empty", "give every row one")
        if measured and not reference.strip():
            raise row.error("reference", f"{measured} needs one", "give every row one, or another --reward")
        given = {"id": name, "prompt": prompt, **({"reference": reference} if reference.strip() else {})}
        rows += [{**given, "sample": sample} if texts > 1 else given for sample in range(texts)]
    if not rows:
        raise DataError("no prompt", path=path, hint="give a file with rows")
    return rows


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What a person should know before anything runs."""
    del options, rows
    if context.guide.spec.startswith(("text+", "chat+")) and context.collector != "ppo":
        yield "the guide is asked by text: each turn costs the policy two more calls, and tokens at a seam may differ"
    if context.reference is None and context.kl:
        yield "no reference: rewards have no KL penalty (--reference SPEC, as a rule the policy at the start)"
