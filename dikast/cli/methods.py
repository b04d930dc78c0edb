"""The method that a run is of, found again from its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dikast.errors import UsageError
from dikast.graphs import METHODS, load_method
from dikast.graphs.method import Method

if TYPE_CHECKING:
    from dikast.jobs import Run

ELSEWHERE = "retry it where it was made: jobs.retry"


def place_of(name: str) -> str:
    """The `module:name` of one of dikast's own methods."""
    return f"dikast.graphs.{name}.method:method"


def find_method(run: Run) -> Method | None:
    """The method that a run is of; `None` for a graph that belongs to none.

    Raises:
        UsageError: The manifest names a method that cannot be imported from here.
    """
    from dikast.cli.own import load_own

    name, reference = run.manifest.graph, run.manifest.method
    if name in METHODS and reference in ("", place_of(name)):
        return load_method(name)
    return load_own(reference) if reference else None


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
    from pydantic import ValidationError

    for field, value in run.manifest.context.items():
        if isinstance(value, str) and value.startswith("python:"):
            told = f"the run's {field} was an object, {value}, which cannot be made from here"
            raise UsageError(told, hint=ELSEWHERE)
    try:
        return method_of(run).context.model_validate(run.manifest.context)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        hint = "it can be shown and exported; to go on with it, use the dikast that it was made by"
        raise UsageError(
            f"{run.path}: settings of another version of dikast: {where}: {first['msg']}", hint=hint
        ) from error
