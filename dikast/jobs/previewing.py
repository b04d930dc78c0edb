"""Before a job: a few rows printed whole, and what all of them may cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dikast.agents.foreign_calls import counting_foreign_calls
from dikast.agents.ledger import recording
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.limits import Limits
from dikast.jobs.attempt import Work
from dikast.jobs.exits import exits_end_rows
from dikast.jobs.feed import Feed
from dikast.jobs.fingerprint import fingerprint
from dikast.jobs.folder import ROWS, refuse_foreign, refuse_mismatch
from dikast.jobs.inputs import read_inputs
from dikast.jobs.job import check_graph
from dikast.jobs.keys import add_keys
from dikast.jobs.made_of import name_of
from dikast.jobs.manifest import NAME, read_manifest
from dikast.jobs.shards import Shard
from dikast.jobs.summary import Tally, cost_of
from dikast.records import Usage
from dikast.redaction import Redact, Redaction

if TYPE_CHECKING:
    from dikast.jobs.inputs import Graph

PREVIEWED = 3


async def preview(
    graph: Graph,
    rows: Iterable[object],
    context: object,
    n: int = PREVIEWED,
    *,
    row_limits: Limits | None = None,
    cache: RequestCache | None = None,
    redact: Redact | str | None = None,
) -> list[dict[str, Any]]:
    """Run the first rows at once and return them whole, as a journal would have them; no run folder.

    A row that met a bug has its traceback under `trace`.

    Raises:
        DataError: One of these rows is bad.
        DikastError: Something that no row can work with: a wrong setting, a model that cannot be reached.
    """
    schema = check_graph(graph, 1, 1)
    work = Work(graph, context, row_limits, redaction=None if redact is None else Redaction.of(redact))
    first = list(add_keys(read_inputs(islice(rows, n), schema), 1))
    with recording(cache=cache), counting_foreign_calls(), exits_end_rows():
        ended = await asyncio.gather(*(work.do(row) for row in first))
    for done in ended:
        if done.fatal is not None:
            raise done.fatal
    return [{**json.loads(done.line), **({"trace": done.trace} if done.trace else {})} for done in ended]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job may take.

    Args:
        asked: Rows of the input times samples.
        owed: Those that have no outcome yet.
        seen: Finished rows that the estimate rests on; with 0 there is none, and `usage` is `None`.
        usage: What the owed rows may spend by role, at the average of the rows seen.
        cost: At the limits' prices; `None` without prices or rows seen.
    """

    asked: int
    owed: int
    seen: int
    usage: Mapping[str, Usage] | None
    cost: float | None

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        usage = None if self.usage is None else {role: spent.as_dict() for role, spent in self.usage.items()}
        return {"asked": self.asked, "owed": self.owed, "seen": self.seen, "usage": usage, "cost": self.cost}


def estimate(
    graph: Graph,
    rows: Iterable[object],
    context: object,
    out: Path | None = None,
    *,
    samples: int = 1,
    limits: Limits | None = None,
    previewed: Iterable[Mapping[str, Any]] = (),
    on_owed: Callable[[Mapping[str, Any]], object] | None = None,
    shard: Shard | None = None,
    redact: Redact | str | None = None,
) -> Estimate:
    """What a job would do and may spend; runs and writes nothing.

    Args:
        graph: As for `run`.
        rows: As for `run`; all of them are checked.
        context: As for `run`.
        out: The run folder, if there is one: its finished rows are not owed, and their average is the estimate.
        samples: As for `run`.
        limits: For their prices.
        previewed: Rows that `preview` returned, to go by as well.
        on_owed: Called with the input of each row that is owed.
        shard: As for `run`.
        redact: As for `run`.

    Raises:
        DataError: A bad row.
        ResumeMismatchError: The folder's run has another fingerprint.
    """
    schema = check_graph(graph, samples, 1)
    tally = Tally()
    if out is not None and out.exists():
        refuse_foreign(out)
        if (out / NAME).exists():
            redaction = None if redact is None else Redaction.of(redact)
            refuse_mismatch(out, read_manifest(out), fingerprint(name_of(graph), context, samples, redaction))
        tally.read_file(out / ROWS)
    asked = owed = 0
    for row in Feed(rows, schema, samples, tally, shard):
        asked, owed = asked + 1, owed + (row is not None)
        if row is not None and on_owed is not None:
            on_owed(row.input)
    tally.read(previewed)
    seen = len(tally.ends)
    usage = {role: scaled(spent, owed / seen) for role, spent in tally.usage.items()} if seen else None
    return Estimate(asked, owed, seen, usage, None if usage is None else cost_of(usage, limits))


def scaled(usage: Usage, factor: float) -> Usage:
    """Each field times a factor, counts rounded."""
    values = {field.name: getattr(usage, field.name) * factor for field in fields(usage)}
    return Usage(**{name: value if name == "seconds" else round(value) for name, value in values.items()})
