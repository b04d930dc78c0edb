"""A folder a method; `METHODS` lists them and imports none.

A new method is a folder here, with its `method.py`, and one line below.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from dikast.errors import UsageError

if TYPE_CHECKING:
    from dikast.graphs.method import Method

METHODS: Mapping[str, str] = {
    "genqr": "Rewrite queries by instruction ensembles, search before and after.",
    "hidden_tables": "HiddenTables: programs for tables that their writer never sees.",
    "reviseval": "Judge responses by RevisEval or its rivals; measure judges; report.",
    "astral": "Test the safety of a system that you own: plan, run, calibrate, report.",
}
"""Folder -> one line of help."""

COMMANDS: Mapping[str, str] = {"hidden_tables": "tables", "reviseval": "judge"}
"""Folder -> the command's noun, where it is another word than the folder's."""


def command_of(name: str) -> str:
    """The noun of a method's command: `dikast NOUN run`."""
    return COMMANDS.get(name, name.replace("_", "-"))


def load_method(name: str) -> Method:
    """A method of `METHODS`, by its folder's name.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in METHODS:
        raise UsageError(f"no method is called {name!r}", hint=f"there are: {', '.join(METHODS)}")
    return import_module(f"dikast.graphs.{name}.method").method
