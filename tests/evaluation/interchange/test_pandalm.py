from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.evaluation.interchange import pandalm
from tests.evaluation.interchange.test_columns import lines


def test_pandalm(tmp_path: Path) -> None:
    row: dict[str, Any] = {"idx": 0, "instruction": "do", "input": "this", "response1": "a", "response2": True}
    path = lines(
        tmp_path / "t.jsonl",
        {**row, "annotator1": 0, "annotator2": 0, "annotator3": 1},
        {**row, "idx": 1, "input": "", "annotator1": 0, "annotator2": 2, "annotator3": 1},
    )
    first, second = pandalm.read_pairs(path)
    assert (first.instruction, first.response_2, first.gold) == ("do\n\nthis", "True", "tie")
    assert first.annotations == ("tie", "tie", "1")
    assert (second.instruction, second.gold) == ("do", None)
    with pytest.raises(DataError, match="no annotator's verdict"):
        pandalm.read_pairs(lines(path, row))
