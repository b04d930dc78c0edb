"""RAC at inference: draft, then correct; see `dikast.graphs.self_tokens.correcting.graph`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.graphs import PUBLIC
from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.self_tokens.correcting.context import Context, Input, Output, State, Update
    from dikast.graphs.self_tokens.correcting.graph import build, graph

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph"]

open_package(__name__, PUBLIC)
