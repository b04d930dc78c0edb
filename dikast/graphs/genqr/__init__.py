"""GenQR: what other code uses of it; see `dikast.graphs.genqr.graph`. Names are loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.graphs import PUBLIC
from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.genqr.context import Context, Input, Output, State, Update
    from dikast.graphs.genqr.graph import build, graph
    from dikast.graphs.genqr.presets import PAPER_SAMPLING, preset
    from dikast.graphs.genqr.records import FORMS

__all__ = ["FORMS", "PAPER_SAMPLING", "Context", "Input", "Output", "State", "Update", "build", "graph", "preset"]

open_package(__name__, {**PUBLIC, "FORMS": "records", "PAPER_SAMPLING": "presets", "preset": "presets"})
