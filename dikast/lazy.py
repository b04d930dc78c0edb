"""Packages whose public names are loaded at first use, so that importing them costs nothing.

    open_package(__name__, {"Context": "context", "graph": "graph"})

`dikast.graphs.genqr` gives `genqr.Context` without LangGraph, and `genqr.graph` with it. Where a name and the file that
it stands in are called the same (the graph in `graph.py`), the package's attribute of that name is always what the file
defines, whichever was imported first.

    if TYPE_CHECKING:
        import numpy as np
    else:
        np = open_module("numpy")

A module of somebody else that only some functions of a file need is imported when the first of them asks.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class LazyPackage(ModuleType):
    """A package whose public names are loaded when they are asked for."""

    homes: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        """Load a public name from its file."""
        if name.startswith("__") or name not in self.homes:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{self.__name__}.{self.homes[name]}"), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; where the import system lays a file here, take what is in it under the same name."""
        is_file = isinstance(value, ModuleType) and self.homes.get(name) == name
        super().__setattr__(name, getattr(value, name, value) if is_file else value)

    def __dir__(self) -> list[str]:
        """All names, loaded or not."""
        return sorted({*super().__dir__(), *self.homes})


class LazyModule:
    """A module that is imported when something of it is asked for.

    Args:
        name: Its full name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        """What the module has under this name; looked up once."""
        value = getattr(import_module(self._name), name)
        setattr(self, name, value)
        return value


def open_module(name: str) -> Any:
    """A stand-in for a module, which is imported at first use."""
    return LazyModule(name)


def open_package(name: str, homes: Mapping[str, str]) -> None:
    """Make a package's public names be loaded at first use.

    Args:
        name: The package's `__name__`.
        homes: Public name -> the module below the package that defines it.
    """
    package = sys.modules[name]
    package.__dict__["homes"] = homes
    package.__class__ = LazyPackage
