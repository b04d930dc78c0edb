"""SummHay: what other code uses of it; see `dikast.graphs.summhay.graph`. Names are loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.graphs import PUBLIC
from dikast.lazy import open_package

if TYPE_CHECKING:
    from dikast.graphs.summhay.context import Context, Input, Output, State, Update
    from dikast.graphs.summhay.graph import build, graph
    from dikast.graphs.summhay.haystack import Haystack, read_haystack, write_haystack
    from dikast.graphs.summhay.scores import Covered, Scores, SummaryScore, pool, score_summary

__all__ = [
    "Context",
    "Covered",
    "Haystack",
    "Input",
    "Output",
    "Scores",
    "State",
    "SummaryScore",
    "Update",
    "build",
    "graph",
    "pool",
    "read_haystack",
    "score_summary",
    "write_haystack",
]

SCORING = dict.fromkeys(("Covered", "Scores", "SummaryScore", "pool", "score_summary"), "scores")
FILES = dict.fromkeys(("Haystack", "read_haystack", "write_haystack"), "haystack")

open_package(__name__, {**PUBLIC, **SCORING, **FILES})
