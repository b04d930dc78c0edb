"""ReST-MCTS*'s rounds: what other code uses of them; see `dikast.graphs.rest_mcts.rounds.graph`. Loaded when used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.rest_mcts.rounds.context import Context
    from dikast.graphs.rest_mcts.rounds.graph import Input, Output, State, Update, build, graph

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph"]

open_package(__name__, {name: "context" if name == "Context" else "graph" for name in __all__})
