"""The oracle over relevance judgments: a simulated user who knows which documents are relevant.

    oracle = load_qrels_oracle("qrels:qrels.txt")
    oracle.relevant("q1", k=5)       # ids of the most relevant documents, best first

It is the only part of a graph that sees judgments. Documents that it names are ranked again by the search that they
helped to expand, so scores with it are inflated: report residual-collection scores
(`dikast.retrieval.residual`) beside the plain ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from dikast.errors import UsageError
from dikast.records import Qrels
from dikast.retrieval.trec import read_qrels

SCHEME = "qrels:"


class QrelsOracle:
    """Knows the judgments.

    Args:
        source: A qrels file, read at first use, or the judgments.
    """

    def __init__(self, source: str | Path | Qrels) -> None:
        self._source = source

    @property
    def spec(self) -> str:
        """`qrels:PATH`; empty for judgments that have no file."""
        return "" if isinstance(self._source, Mapping) else f"{SCHEME}{self._source}"

    @cached_property
    def _qrels(self) -> Qrels:
        return self._source if isinstance(self._source, Mapping) else read_qrels(self._source)

    def fingerprint(self) -> Mapping[str, object]:
        """The judgments, by their hash."""
        plain = json.dumps({qid: dict(grades) for qid, grades in self._qrels.items()}, sort_keys=True)
        return {"qrels": hashlib.sha256(plain.encode()).hexdigest()[:12]}

    def relevant(self, qid: str, k: int) -> list[str]:
        """The documents judged relevant to a query: highest grade first, then by id; at most `k`.

        A query without judgments has none.
        """
        grades = self._qrels.get(qid, {})
        found = sorted((-grade, docid) for docid, grade in grades.items() if grade > 0)
        return [docid for _, docid in found[:k]]


def load_qrels_oracle(spec: str) -> QrelsOracle:
    """An oracle from `qrels:PATH`.

    Raises:
        UsageError: The spec is not of that form.
    """
    if not spec.startswith(SCHEME) or spec == SCHEME:
        raise UsageError(f"oracle {spec!r:.200} is unknown", hint="qrels:PATH")
    return QrelsOracle(spec.removeprefix(SCHEME))
