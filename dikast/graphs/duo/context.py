"""Those of the study over tiers."""

from dikast.graphs.duo.tiers.context import Context, Input, Output, State, Update

__all__ = ["Context", "Input", "Output", "State", "Update"]
