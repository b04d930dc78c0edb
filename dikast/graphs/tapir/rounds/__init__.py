"""TAPIR's rounds: what other code uses of it; see `dikast.graphs.tapir.rounds.graph`. Names are loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.tapir.rounds.context import Context
    from dikast.graphs.tapir.rounds.graph import Input, Output, State, Update, build, graph

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph"]

open_package(__name__, {name: "context" if name == "Context" else "graph" for name in __all__})
