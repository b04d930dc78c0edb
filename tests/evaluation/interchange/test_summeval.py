from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.evaluation.interchange import summeval
from tests.evaluation.interchange.test_columns import lines


def test_summeval_as_published_and_as_packed(tmp_path: Path) -> None:
    published = lines(
        tmp_path / "a.jsonl",
        {
            "id": "d", "model_id": "M1", "decoded": "s", "references": ["r1", "r2"],
            "expert_annotations": [{"fluency": 4}, {"fluency": 5}, {"fluency": 3}],
        },
    )  # fmt: skip
    packed = lines(tmp_path / "b.jsonl", {"doc_id": "d", "system": "M1", "summary": "s", "human": {"fluency": 4}})
    references = lines(tmp_path / "r.jsonl", {"doc_id": "d", "ref_summs": ["r1", "r2"]})
    assert summeval.read_summaries(published) == summeval.read_summaries(packed, references)
    assert summeval.read_summaries(packed)[0].references == ()
    lines(references, {"doc_id": "e", "ref_summs": []})
    with pytest.raises(DataError, match=r"b.jsonl:1: field 'doc_id': no references for 'd'"):
        summeval.read_summaries(packed, references)
    lines(packed, {"doc_id": "d", "system": "M1", "summary": "s", "human": {"fluency": None}})
    with pytest.raises(DataError, match="not a finite number"):
        summeval.read_summaries(packed)
