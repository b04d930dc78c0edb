"""`dikast genqr learn`: weights for `--select evidence` from judged queries, and the file that holds them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from dikast.cli.output import say
from dikast.errors import DataError


class Learnt(BaseModel, frozen=True):
    """The file.

    Attributes:
        weights: Feature -> weight.
        queries: Ids of the queries that they were learnt from; on these they prove nothing.
    """

    model_config = ConfigDict(extra="forbid")

    weights: dict[str, float]
    queries: list[str]


def learn_weights(run: Path, qrels: str | None, out: Path) -> dict[str, Any]:
    """Learn from a run, write the file, return what it holds.

    Raises:
        UsageError: It is no GenQR run over a native index, or there are no judgments.
        DataError: There is nothing to learn from.
    """
    from dikast.cli.genqr_plot import read_run
    from dikast.graphs.genqr.analyses import learn_selection

    rows, context, grades = read_run(run, qrels)
    weights, queries = asyncio.run(learn_selection(rows, context, grades))
    learnt = Learnt(weights={name: round(weight, 6) for name, weight in weights.items()}, queries=queries)
    out.write_text(json.dumps(learnt.model_dump(), indent=1) + "\n", encoding="utf-8")
    say(
        f"learnt from {len(queries)} judged queries: {out}; use it for others: --select evidence --select-weights {out}"
    )
    return learnt.model_dump()


def read_weights(path: str) -> Learnt:
    """Read the file.

    Raises:
        DataError: It is none.
    """
    try:
        return Learnt.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        raise DataError(str(first["msg"]), path=path, field=field, hint="write it with dikast genqr learn") from error


def note_learnt(path: str, rows: Iterable[Mapping[str, str]]) -> None:
    """Say how many of these queries the weights were learnt from."""
    learnt = set(read_weights(path).queries)
    known = sum(row["qid"] in learnt for row in rows)
    if known:
        say(f"note: the weights were learnt from {known} of these queries; scores on them flatter the choice")
