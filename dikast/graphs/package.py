"""What a method's package is: its public names, each loaded from its file at first use.

`dikast.graphs.genqr` gives `genqr.Context` without LangGraph, and `genqr.graph` with it. The compiled graph and the
file that it stands in have one name, `graph`; as an attribute of the package that name is always the compiled graph,
whichever was imported first.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

GRAPH = "graph"


class MethodPackage(ModuleType):
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
        """Set an attribute; where the import system lays the file `graph.py` here, take the graph in it."""
        found = getattr(value, GRAPH, value) if name == GRAPH and isinstance(value, ModuleType) else value
        super().__setattr__(name, found)

    def __dir__(self) -> list[str]:
        """All names, loaded or not."""
        return sorted({*super().__dir__(), *self.homes})


def open_package(name: str, homes: Mapping[str, str]) -> None:
    """Make a package's public names be loaded at first use.

    Args:
        name: The package's `__name__`.
        homes: Public name -> file of the package that defines it.
    """
    package = sys.modules[name]
    package.__class__ = MethodPackage
    package.__dict__["homes"] = homes
