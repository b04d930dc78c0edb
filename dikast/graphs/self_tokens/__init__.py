"""BASH and RAC: what other code uses of it; see `dikast.graphs.self_tokens.graph`. Names are loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.graphs import PUBLIC
from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.self_tokens.context import Context, Input, Output, State, Update
    from dikast.graphs.self_tokens.graph import build, graph
    from dikast.graphs.self_tokens.mixing import Mixed, draw, mix, probability, stream_of

__all__ = [
    "Context",
    "Input",
    "Mixed",
    "Output",
    "State",
    "Update",
    "build",
    "draw",
    "graph",
    "mix",
    "probability",
    "stream_of",
]

open_package(__name__, {**PUBLIC, **dict.fromkeys(("Mixed", "draw", "mix", "probability", "stream_of"), "mixing")})
