"""What scoring writes down: the same as a run's rounds (`dikast.graphs.cweval.records`), of which there is one."""

from __future__ import annotations

from dikast.graphs.cweval.records import Draft, Judged, Round, Tested

__all__ = ["Draft", "Judged", "Round", "Tested"]
