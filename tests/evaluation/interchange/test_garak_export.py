from __future__ import annotations

import json
from pathlib import Path

from dikast.evaluation.axes import DEFAULT_AXES
from dikast.evaluation.interchange.garak_export import write_garak
from dikast.evaluation.safety.summary import summarise
from tests.evaluation.safety_cases import made_up


def test_what_is_written_has_garaks_shape(tmp_path: Path) -> None:
    cases = made_up(DEFAULT_AXES, ("model-a",), benign=0)
    path = tmp_path / "ours.report.jsonl"
    write_garak(path, cases)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [row["entry_type"] for row in rows]
    assert kinds[:2] == ["start_run setup", "init"]
    assert kinds[-1] == "completion"
    assert kinds.count("attempt") == 420
    assert kinds.count("eval") == 14
    for row in rows:
        if row["entry_type"] == "attempt":
            assert row["status"] == 2
            assert row["probe_classname"].count(".") == 1
            assert len(row["outputs"]) == len(row["detector_results"]["dikast.Oracle"]) == len(row["conversations"])
        if row["entry_type"] == "eval":
            assert row["passed"] + row["fails"] == row["total_evaluated"]
            assert row["total_evaluated"] + row["nones"] == row["total_processed"] == 30
    assert sum(row.get("fails", 0) for row in rows) == summarise(cases).targets[0].unsafe.count
