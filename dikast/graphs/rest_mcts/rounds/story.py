"""A loop of ReST-MCTS* told: see `dikast.graphs.loop_story`."""

from dikast.graphs.loop_story import story

__all__ = ["story"]
