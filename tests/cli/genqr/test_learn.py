"""'dikast genqr learn'."""

from __future__ import annotations

import json
from pathlib import Path

from dikast.retrieval.relevance import FEATURES
from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli

__all__ = ["files"]  # the fixtures


def test_selection_is_learnt_from_judged_queries_and_used_for_others(
    cli: Cli, files: dict[str, Path], tmp_path: Path
) -> None:
    cli(*arguments(files, "-o", "x", "-n", "2"))
    learnt = cli("genqr", "learn", "x", "-o", "weights.json", "--json")
    assert learnt.code == 0, learnt.err
    told = json.loads(learnt.out)
    assert told == json.loads((tmp_path / "weights.json").read_text(encoding="utf-8"))
    assert (set(told["weights"]), told["queries"]) == (set(FEATURES), ["q1", "q2"])
    assert any(told["weights"].values())
    chosen = ["-n", "2", "--select", "evidence", "--select-weights", "weights.json", "-o", "y"]
    ran = cli(*arguments(files, *chosen))
    assert (ran.code, "learnt from 2 of these queries" in ran.err) == (0, True), ran.err
    manifest = json.loads((tmp_path / "y/manifest.json").read_text(encoding="utf-8"))
    assert manifest["context"]["evidence_weights"] == told["weights"]
