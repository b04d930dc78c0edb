"""A compiled graph as a mermaid drawing, stable enough to be checked into a docstring.

LangGraph's own `draw_mermaid` carries styling that changes between versions, and draws error handlers as orphans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph.pregel import Pregel

HANDLER = "__error_handler__"
"""LangGraph names a node's error handler so; it is no step of the method."""


def mermaid(graph: Pregel[Any, Any, Any, Any]) -> str:
    """The drawing: edges in the order of the nodes, conditional ones dotted."""
    drawn = graph.get_graph()
    order = {name: number for number, name in enumerate(drawn.nodes)}
    edges = sorted(drawn.edges, key=lambda edge: (order[edge.source], order[edge.target]))
    lines = [
        f"    {edge.source} {'-.->' if edge.conditional else '-->'} {edge.target}"
        for edge in edges
        if not edge.source.startswith(HANDLER) and not edge.target.startswith(HANDLER)
    ]
    return "\n".join(["graph TD", *lines])
