"""`import_object("module:name")`: something of the user's own, from the current folder too.

People expect what uvicorn does: a module beside them is found, although a console script does not look there.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from dikast.errors import UsageError

Marked = TypeVar("Marked")
HERE = ""
"""The current folder, as `sys.path` has it: looked up with each import, so that nothing is asked of the disk before."""

_allowed: ContextVar[frozenset[str] | None] = ContextVar("allowed", default=None)


@contextmanager
def importing_only(modules: Collection[str]) -> Generator[None]:
    """Have nothing of the user's own be imported inside the block but from these modules.

    For what is named by a file that may come from a stranger, such as a run's manifest.
    """
    before = _allowed.set(frozenset(modules))
    try:
        yield
    finally:
        _allowed.reset(before)


def import_object(reference: str) -> Any:
    """What stands at `module:name`.

    Raises:
        UsageError: It is not of that form, there is no such module, or nothing of that name in it.
    """
    module, colon, name = reference.partition(":")
    if not (module and colon and name):
        raise UsageError(
            f"{reference!r}: write MODULE:NAME", hint="the module as Python imports it, then what is in it"
        )
    try:
        found = import_here(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # the module is there, and what it imports is not
        raise UsageError(f"no module is called {module!r}", hint=f"looked here, too: {Path.cwd()}") from error
    if not hasattr(found, name):
        raise UsageError(f"{module} has nothing called {name!r}")
    return getattr(found, name)


def import_here(module: str) -> ModuleType:
    """A module, the current folder being the first place that is looked into.

    Raises:
        UsageError: It is none of those that `importing_only` allows.
    """
    allowed = _allowed.get()
    if allowed is not None and module not in allowed:
        raise UsageError(
            f"the module {module!r} is not loaded, since a stranger's file may name it", hint=f"--own {module}"
        )
    if HERE not in sys.path:
        sys.path.insert(0, HERE)
    if module not in sys.modules:
        # Python remembers what a folder held; a file that was written a moment ago may not be among it.
        invalidate_caches()
    return import_module(module)


def import_scripted(rest: str, spec: str, marked: type[Marked], home: str) -> Marked:
    """What `scripted:package.module:name` names.

    Args:
        rest: `package.module:name`.
        spec: The whole spec, for messages.
        marked: What `@scripted` makes of a function; nothing else may be named.
        home: The module that `@scripted` comes from, for the hint.

    Raises:
        UsageError: There is no such module or name, or the name is not marked with `@scripted`.
    """
    module_name, _, name = rest.partition(":")
    if not module_name or not name:
        raise UsageError(f"{spec!r}: write scripted:package.module:name")
    try:
        module = import_here(module_name)
    except (ImportError, ValueError, TypeError) as error:
        hint = "is it in the current folder, or its folder on PYTHONPATH?"
        raise UsageError(f"{spec!r}: cannot import {module_name!r}: {error}", hint=hint) from error
    found = vars(module).get(name)
    if not isinstance(found, marked):
        what = f"has no {name!r}" if found is None else f"{name!r} is not marked with @scripted"
        raise UsageError(f"{spec!r}: {module_name} {what}", hint=f"from {home} import scripted")
    return found
