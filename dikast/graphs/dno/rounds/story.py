"""A loop of DNO's told: see `dikast.graphs.loop_story`."""

from dikast.graphs.loop_story import story

__all__ = ["story"]
