"""What a query of a run is worth, by any measure of retrieval: for tuning, where only the rewritten query counts.

As in the report, a row that failed has no value, and one that came out `unparsed`, `refused` or `empty` has that of the
original query, which a user would get.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from dikast.errors import UsageError
from dikast.graphs.genqr.report import AFTER, rankings
from dikast.graphs.method import Values
from dikast.jobs.reading import Run
from dikast.records import Outcome, Qrels
from dikast.retrieval.measures import measure, read_measures
from dikast.retrieval.trec import read_qrels


def measures(name: str) -> Values:
    """nDCG@10, MAP, R@100, ...: any measure that 'dikast measure' knows.

    Raises:
        UsageError: It is none, or several.
    """
    if len(read_measures(name)) != 1:
        raise UsageError(f"{name!r}: several measures have no order together", hint="name one, such as nDCG@10")
    return partial(values_of, name)


def values_of(name: str, run: Run, context: Any) -> Mapping[str, float]:
    """Key of a row -> the value of its query; without those that failed or have no judgments.

    Raises:
        UsageError: The run was given no judgments.
    """
    del context
    place = run.manifest.settings.get("qrels")
    if not place:
        raise UsageError(f"{name} needs judgments", hint="give --qrels FILE")
    qrels = judgments(str(place))
    rows = [row for row in run.rows() if row["output"] is not None and not Outcome(row["outcome"]).failed]
    keys = {str(row["input"]["qid"]): row["key"] for row in rows if str(row["input"]["qid"]) in qrels}
    if not keys:
        return {}
    found = measure({qid: qrels[qid] for qid in keys}, rankings(rows)[AFTER], [name])[name]
    return {keys[qid]: value for qid, value in found.items()}


@cache
def judgments(place: str) -> Qrels:
    """A file of judgments, which all runs of a tuning share."""
    return read_qrels(place)
