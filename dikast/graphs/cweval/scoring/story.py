"""A scored sample told: as a run's of CWEval's own."""

from __future__ import annotations

from dikast.graphs.cweval.story import story

__all__ = ["story"]
