"""The method that a run is of, found again from its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dikast.errors import UsageError
from dikast.graphs.again import ELSEWHERE, context_from, own_method, place_of

if TYPE_CHECKING:
    from dikast.graphs.method import Method
    from dikast.jobs import Run

__all__ = ["context_of", "find_method", "method_of", "place_of"]


def find_method(run: Run) -> Method | None:
    """The method that a run is of; `None` for a graph that belongs to none.

    Raises:
        UsageError: The manifest names a method that cannot be imported from here.
    """
    from dikast.cli.own import load_own

    reference = run.manifest.method
    return own_method(run.manifest) or (load_own(reference) if reference else None)


def method_of(run: Run) -> Method:
    """The method that a run is of, for commands that need one.

    Raises:
        UsageError: The run is of a graph that belongs to no method.
    """
    found = find_method(run)
    if found is None:
        raise UsageError(f"the run's graph {run.manifest.graph!r} is none of dikast's", hint=ELSEWHERE)
    return found


def context_of(run: Run) -> Any:
    """A run's context, made from its manifest again.

    Raises:
        UsageError: An actor was a live object that only its program can make again, or the run is an older version's.
    """
    return context_from(method_of(run), run)
