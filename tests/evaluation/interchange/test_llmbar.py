from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.evaluation.interchange import llmbar
from dikast.evaluation.items import Pair, gold_of
from dikast.verdicts import PairVerdict
from tests.evaluation.interchange.test_columns import lines


def test_llmbar(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps([{"input": "q", "output_1": "a", "output_2": "b", "label": 2}]))
    assert llmbar.read_pairs(path) == [Pair("1", "q", "a", "b", gold="2")]
    step: dict[str, Any] = {"AB": {"completion": "Output (a)", "winner": "1"}, "BA": {"winner": None}}
    runs = llmbar.read_recorded(
        lines(tmp_path / "r.jsonl", {"id": "1", "evaluator": "GPT-4/Vanilla", "steps": [{"aux": "m"}, step]})
    )
    assert runs[0].stages[0].aux == "m"
    assert runs[0].verdict() == PairVerdict("1", "1", None)
    with pytest.raises(DataError, match="no verdict"):
        llmbar.Recorded("1", "e", runs[0].stages[:1]).verdict()


def test_llmbar_statistics_are_those_of_every_recorded_run(shared_data: Path) -> None:
    folder = shared_data / "evals" / "pairwise"
    pairs = {pair.id: pair for pair in llmbar.read_pairs(folder / "pairs.jsonl")}
    recorded = llmbar.read_recorded(folder / "recorded_judgments.jsonl")
    official = json.loads((folder / "official_statistics.json").read_text())
    assert len(official) > 20
    for run in official:
        verdicts = [
            row.verdict()
            for row in recorded
            if row.evaluator == run["evaluator"] and pairs[row.id].group == run["subset"]
        ]
        expected = {name: value for name, value in run["official"].items() if not name.startswith("kappa")}
        assert llmbar.official_statistics(verdicts, gold_of(pairs.values())) == expected


def test_llmbar_statistics_need_labels() -> None:
    with pytest.raises(DataError, match="no gold label for 'x'"):
        llmbar.official_statistics([PairVerdict("x", "1", "1")], {})
    with pytest.raises(DataError, match="no verdicts"):
        llmbar.official_statistics([], {"a": "1"})
