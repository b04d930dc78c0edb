"""Samples that were made elsewhere, tested and scored; see `dikast.graphs.cweval.scoring.graph`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.graphs import PUBLIC
from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.cweval.scoring.context import Context, Input, Output, State, Update
    from dikast.graphs.cweval.scoring.graph import build, graph

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph"]

open_package(__name__, PUBLIC)
