"""H2O: what other code uses of it; see `dikast.graphs.h2o.graph`. Names are loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.graphs import PUBLIC
from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.h2o.context import Context, Input, Output, State, Update
    from dikast.graphs.h2o.graph import build, graph

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph"]

open_package(__name__, PUBLIC)
