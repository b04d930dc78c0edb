"""What a method protects is taken out of a row before it is indexed, shown or exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dikast.graphs.method import Method

WITHHELD = "withheld: the row is not as its method's rows are, so that what is to be protected in it is not known"


def guarded(method: Method | None, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row without what its method protects; of a row that the method cannot read, nothing but how it ended."""
    if method is None or method.guard is None:
        return row
    try:
        return method.guard(row)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return {**row, "input": {}, "output": None, "calls": [], "reason": WITHHELD, "trace": ""}


def hides(method: Method | None) -> bool:
    """Whether the method's rows have something that is shown on request only."""
    return method is not None and bool(method.guard or method.reveal)
