"""ASTRAL: what other code uses of it; see `dikast.graphs.astral.graph`. Names are loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.graphs import PUBLIC
from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.astral.context import POLICY, Context, Input, Output, State, Update
    from dikast.graphs.astral.graph import build, graph

__all__ = ["POLICY", "Context", "Input", "Output", "State", "Update", "build", "graph"]

open_package(__name__, {**PUBLIC, "POLICY": "context"})
