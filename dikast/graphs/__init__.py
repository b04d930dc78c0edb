"""One file a method: each holds a `Context`, the nodes, and a compiled `graph`."""

from __future__ import annotations

from collections.abc import Mapping

GRAPHS: Mapping[str, str] = {
    "astral": "dikast.graphs.astral:graph",
    "genqr": "dikast.graphs.genqr:graph",
    "hidden_tables": "dikast.graphs.hidden_tables:graph",
    "reviseval": "dikast.graphs.reviseval:graph",
}
"""Name -> where the compiled graph is; `langgraph.json` says the same, which a test holds."""
