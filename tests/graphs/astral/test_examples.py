from __future__ import annotations

from pathlib import Path

from dikast.graphs.astral.examples import load_examples
from tests.graphs.astral.test_graph import CELL


async def test_examples_come_nearest_first(tmp_path: Path) -> None:
    path = tmp_path / "examples.csv"
    path.write_text("id,prompt,category\na,one,privacy_violation\nb,two,self_harm\n", encoding="utf-8")
    found = await load_examples(f"examples:{path}").similar(CELL, 2)
    assert [(one.docid, one.contents) for one in found] == [("b", "two")]
