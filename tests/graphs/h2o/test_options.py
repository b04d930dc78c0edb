"""The rows of a run: prompts, needles, caches; and files that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DikastError
from dikast.graphs.h2o.context import Context
from dikast.graphs.h2o.method import method
from dikast.graphs.h2o.options import Options, read_rows
from tests.graphs.h2o.benches import Scripted


def options(folder: Path, rows: list[dict[str, Any]], **more: Any) -> Options:
    path = folder / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Options(prompts=path, **more)


def test_a_row_a_prompt_and_cache(tmp_path: Path) -> None:
    context = Context(solver=Scripted(), policies=("h2o", "window"), budgets=(0.5, 0.2))
    given = options(tmp_path, [{"id": "a", "q": "One. Two.", "gold": "x"}, {"id": "b", "q": "Three."}],
                    columns="prompt=q,answer=gold", needles=2)  # fmt: skip
    rows = list(read_rows(given, context))
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == 2 * 3 * 9
    assert ids[:9] == [
        "a full", "a h2o 0.5", "a window 0.5", "a without-heavy 0.25", "a without-random 0.25",
        "a h2o 0.2", "a window 0.2", "a without-heavy 0.1", "a without-random 0.1",
    ]  # fmt: skip
    assert rows[1] == {"id": "a h2o 0.5", "prompt": "One. Two.", "answer": "x", "policy": "h2o", "heavy": 0.25,
                       "recent": 0.25}  # fmt: skip
    needle = rows[9]
    assert (needle["id"], needle["depth"]) == ("a/needle-0 full", 0.0)
    assert needle["answer"] in needle["prompt"]
    assert method.rows_of_one is not None
    assert method.rows_of_one(context) == 9
    bare = context.model_copy(update={"observations": False, "split": 0.25})
    small = [row for row in read_rows(given, bare) if row["policy"] != "full"]
    assert {row["policy"] for row in small} == {"h2o", "window"}
    assert (small[0]["heavy"], small[0]["recent"]) == (0.125, 0.375)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "has no row|is empty|no rows"),
        ([{"prompt": " "}], "prompt"),
        ([{"id": "a", "prompt": "x"}, {"id": "a", "prompt": "y"}], "already stands"),
        ([{"text": "x"}], "prompt"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, rows: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(DikastError, match=told) as caught:
        list(read_rows(options(tmp_path, rows), Context(solver=Scripted())))
    assert "\n" not in str(caught.value)


def test_without_a_file_the_flag_is_named() -> None:
    with pytest.raises(DikastError, match="no prompts"):
        list(read_rows(Options(), Context(solver=Scripted())))
