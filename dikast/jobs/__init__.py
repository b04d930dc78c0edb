"""Batch jobs: many rows through one graph, in a run folder that survives being killed.

    from dikast import jobs

    summary = await jobs.run(genqr.graph, rows, genqr.Context(solver=...), Path("runs/x"))
    for row in jobs.Run.open(Path("runs/x")).rows():
        print(row["outcome"], row["output"])

Rows are done in this process, or by workers of a Ray cluster: `jobs.run(..., engine=jobs.Ray("head:6379"))`.

Names are loaded at first use, so that listing runs does not load LangGraph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.jobs.engines.ray import Ray
    from dikast.jobs.exports import export
    from dikast.jobs.inputs import Reread
    from dikast.jobs.job import Progress, retry, run
    from dikast.jobs.merge import merge
    from dikast.jobs.previewing import Estimate, estimate, preview
    from dikast.jobs.reading import Difference, Run, diff, list_runs
    from dikast.jobs.shards import Shard
    from dikast.jobs.summary import Summary

_HOMES = {
    "Difference": "reading",
    "Estimate": "previewing",
    "Progress": "job",
    "Ray": "engines.ray",
    "Reread": "inputs",
    "Run": "reading",
    "Shard": "shards",
    "Summary": "summary",
    "diff": "reading",
    "estimate": "previewing",
    "export": "exports",
    "list_runs": "reading",
    "merge": "merge",
    "preview": "previewing",
    "retry": "job",
    "run": "job",
}

__all__ = [
    "Difference",
    "Estimate",
    "Progress",
    "Ray",
    "Reread",
    "Run",
    "Shard",
    "Summary",
    "diff",
    "estimate",
    "export",
    "list_runs",
    "merge",
    "preview",
    "retry",
    "run",
]

open_package(__name__, _HOMES)
