"""What runs are called: by their own names, dots and all, and told apart where two are alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import UsageError
from dikast.retrieval.names import find_run, name_runs


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.run.gz"], ["a"]),
        (["bm25.k1-0.9.b-0.4"], ["bm25.k1-0.9.b-0.4"]),
        (["run.beir-v1.0.0.bm25.txt", "x.res"], ["run.beir-v1.0.0.bm25", "x"]),
        (["input.teamA", "input.teamB"], ["input.teamA", "input.teamB"]),
        (["r1/export/after.run", "r2/export/after.run"], ["r1/export/after", "r2/export/after"]),
        (["r1/after.run", "r1/before.run", "r2/after.run.gz"], ["r1/after", "before", "r2/after"]),
        (["a.run", "a.txt"], ["a.run", "a.txt"]),
        ([".run"], [".run"]),
    ],
)
def test_names(paths: list[str], names: list[str]) -> None:
    named = name_runs([Path(path) for path in paths])
    assert list(named) == names
    assert list(named.values()) == [Path(path) for path in paths]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("bm25.k1-0.9", "bm25.k1-0.9"),
        ("bm25.k1-0.9.run.gz", "bm25.k1-0.9"),
        ("bm25.k1-0.9.run", "bm25.k1-0.9"),
        ("r1/export/after.run", "r1/export/after"),
        ("./r2/export/after.run", "r2/export/after"),
        ("r2/export/after", "r2/export/after"),
        ("elsewhere/x.txt", "x"),
    ],
)
def test_a_run_is_found_by_name_file_or_path(given: str, name: str) -> None:
    paths = ["bm25.k1-0.9.run.gz", "r1/export/after.run", "r2/export/after.run", "x.run"]
    assert find_run(given, name_runs([Path(path) for path in paths])) == name


def test_what_is_no_run_or_several_is_told() -> None:
    named = name_runs([Path("r1/after.run"), Path("r2/after.run"), Path("x.run")])
    with pytest.raises(UsageError, match="baseline 'y' is none of the runs: r1/after, r2/after, x"):
        find_run("y", named)
    with pytest.raises(UsageError, match=r"baseline 'after\.run' is the name of several runs: r1/after, r2/after"):
        find_run("after.run", named)
    with pytest.raises(UsageError, match="same name"):
        name_runs([Path("x.run"), Path("./x.run")])
