"""What scored samples amount to: as a run of CWEval's own."""

from __future__ import annotations

from dikast.graphs.cweval.report import report

__all__ = ["report"]
