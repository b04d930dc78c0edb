"""Whether the first rows of an attempt all failed at the same thing: then the others would too, and cost the same.

    shared = SharedFailure()
    why = shared.row_ended(line)        # "the first 16 rows failed alike: ..."; empty while the job may go on

Only failures of model calls count: a server that refuses each request (a field that it does not take, an empty account,
a web page in place of an API), or that answers none in time. What a row owes to its own input (a prompt beyond the
context, a content filter) says nothing of the next row, and a bug in a graph is in a record with its traceback.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dikast.records import Outcome

FIRST_ROWS = 16
"""Each has been through its client's own retries, so that this many are no accident."""
FAILURES = frozenset({Outcome.ERROR, Outcome.TIMEOUT})
OWN = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|(?<![^\s'\"`])[^\s\d'\"`]*+\d\S*")
"""What may differ from row to row in one and the same failure: quoted texts, and words with a digit."""


class SharedFailure:
    """Looks at the rows that end until one of them is well, or fails at something else."""

    def __init__(self) -> None:
        self._seen = 0
        self._kind: str | None = None
        self._over = False

    def row_ended(self, line: bytes) -> str:
        """Look at the journal's line of a row that ended.

        Returns:
            Why no further row should start; empty if there is no reason.
        """
        if self._over:
            return ""
        reason = failed_at(json.loads(line))
        kind = OWN.sub("", reason)
        if not reason or self._kind not in (None, kind):
            self._over = True
            return ""
        self._kind, self._seen = kind, self._seen + 1
        self._over = self._seen == FIRST_ROWS
        return f"the first {FIRST_ROWS} rows failed alike: {reason}" if self._over else ""


def failed_at(record: dict[str, Any]) -> str:
    """Why the model calls of a failed row failed, all of them; empty for a row that is well, or failed otherwise."""
    calls = record["calls"]
    if record["outcome"] not in FAILURES or not all(call["outcome"] in FAILURES for call in calls):
        return ""
    return calls[0]["reason"] if calls else ""
