"""A run's method and context, found again from its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.cli.methods import context_of, find_method, method_of, place_of
from dikast.errors import UsageError
from dikast.graphs import METHODS, load_method
from dikast.jobs.manifest import Attempt, Manifest
from dikast.jobs.reading import Run


def run_of(graph: str, method: str = "", **context: Any) -> Run:
    attempts = [Attempt(started="2026-01-01T00:00:00+00:00")]
    manifest = Manifest(graph=graph, method=method, samples=1, fingerprint={}, context=context, attempts=attempts)
    return Run(Path("runs/x"), manifest)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_ours_is_found_by_its_name_and_by_its_place(name: str) -> None:
    assert find_method(run_of(name)) is load_method(name)
    assert find_method(run_of(name, place_of(name))) is load_method(name)


def test_a_method_of_ones_own_goes_before_ours_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from dikast.graphs import load_method\nfrom dataclasses import replace\n"
    (tmp_path / "own_private_method.py").write_text(f"{source}mine = replace(load_method('genqr'), private=True)\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = find_method(run_of("genqr", "own_private_method:mine"))
    assert found is not None
    assert found.private


def test_a_graph_alone_is_of_no_method() -> None:
    assert find_method(run_of("anything")) is None
    with pytest.raises(UsageError, match=r"graph 'anything' is none of dikast's \(retry it where it was made"):
        method_of(run_of("anything"))
    assert method_of(run_of("genqr")) is load_method("genqr")


def test_a_method_that_cannot_be_imported_from_here_is_told() -> None:
    with pytest.raises(UsageError, match="no module is called 'no_such_module'"):
        find_method(run_of("anything", "no_such_module:method"))


def test_an_actor_that_was_an_object_cannot_be_made_again() -> None:
    with pytest.raises(UsageError, match=r"the run's solver was an object, python:mine.Solver, .* where it was made"):
        context_of(run_of("genqr", solver="python:mine.Solver", retriever="bm25:x.jsonl"))


def test_settings_of_another_version_are_refused_by_their_name() -> None:
    with pytest.raises(UsageError, match=r"^runs/x: settings of another version of dikast: columns: ") as raised:
        context_of(run_of("hidden_tables", solver="replay:x.jsonl", oracle="tables:t?questions=q", columns=7))
    assert "can be shown and exported" in raised.value.hint


def test_a_context_is_made_again(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"id": "d", "contents": "x"}\n')
    context = context_of(run_of("genqr", solver="replay:x.jsonl", retriever=f"bm25:{corpus}", depth=7))
    assert (context.depth, context.solver.spec) == (7, "replay:x.jsonl")
