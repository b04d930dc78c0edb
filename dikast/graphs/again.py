"""A run's method and context, found again from its manifest.

method = own_method(run.manifest)       # dikast's own, or a plugin's; loads nothing else that a manifest names
context = context_from(method, run)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dikast.errors import UsageError
from dikast.graphs import METHODS, PLUGINS, load_method, load_plugin

if TYPE_CHECKING:
    from dikast.graphs.method import Method
    from dikast.jobs.manifest import Manifest
    from dikast.jobs.reading import Run

ELSEWHERE = "retry it where it was made: jobs.retry"
OURS = re.compile(r"dikast\.graphs\.((\w+)(?:\.(\w+))?)\.method:method")


def place_of(name: str) -> str:
    """The `module:name` of one of dikast's own methods."""
    return f"dikast.graphs.{name}.method:method"


def own_method(manifest: Manifest) -> Method | None:
    """The method of dikast's own, or of an installed plugin, that a run is of; `None` for somebody else's, or none.

    Whatever a manifest says, dikast's modules and what plugins declare is all that is imported: a stranger may have
    written it.

    Raises:
        UsageError: The plugin is broken.
    """
    if plugin := next((one for one in PLUGINS.every().values() if one.value == manifest.method), None):
        return load_plugin(plugin)
    if manifest.graph in METHODS and not manifest.method:
        return load_method(manifest.graph)
    if not (named := OURS.fullmatch(manifest.method)) or named[2] not in METHODS:
        return None
    if named[3] and named[3] not in load_method(named[2]).verbs.values():
        return None
    return load_method(named[1])


def context_from(method: Method, run: Run) -> Any:
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
        return method.context.model_validate(run.manifest.context)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        hint = "it can be shown and exported; to go on with it, use the dikast that it was made by"
        raise UsageError(
            f"{run.path}: settings of another version of dikast: {where}: {first['msg']}", hint=hint
        ) from error
