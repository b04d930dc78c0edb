"""Transfer Q*: what other code uses of it; see `dikast.graphs.transfer_q.graph`. Names are loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.graphs import PUBLIC
from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.transfer_q.context import Context, Input, Output, State, Update
    from dikast.graphs.transfer_q.graph import build, graph

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph"]

open_package(__name__, PUBLIC)
