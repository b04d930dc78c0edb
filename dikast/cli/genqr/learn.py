"""`dikast genqr learn`: weights for `--select evidence` from judged queries."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from dikast.cli.output import say
from dikast.files import write_text
from dikast.graphs.genqr.weights import Learnt


def learn_weights(run: Path, qrels: str | None, out: Path) -> dict[str, Any]:
    """Learn from a run, write the file, return what it holds.

    Raises:
        UsageError: It is no GenQR run over a native index, or there are no judgments.
        DataError: There is nothing to learn from.
    """
    from dikast.cli.genqr.plot import read_run
    from dikast.graphs.genqr.analyses import learn_selection

    rows, context, grades = read_run(run, qrels)
    weights, queries = asyncio.run(learn_selection(rows, context, grades))
    learnt = Learnt(weights={name: round(weight, 6) for name, weight in weights.items()}, queries=queries)
    write_text(out, json.dumps(learnt.model_dump(), indent=1) + "\n")
    say(
        f"learnt from {len(queries)} judged queries: {out}; use it for others: --select evidence --select-weights {out}"
    )
    return learnt.model_dump()
