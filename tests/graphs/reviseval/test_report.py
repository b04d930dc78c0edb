"""What a run of judges leaves behind for other tools, whoever ends it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.graphs.reviseval.context import Context
from dikast.graphs.reviseval.report import report
from dikast.jobs import Run
from dikast.jobs.manifest import Attempt, Manifest
from dikast.jobs.reading import OUTCOMES


class Counted(Run):
    """A run whose rows are made up as they are read."""

    def __init__(self, path: Path, count: int) -> None:
        attempt = Attempt(started="2026-01-01T00:00:00+00:00", asked=count)
        manifest = Manifest(graph="reviseval", samples=1, fingerprint={}, attempts=[attempt])
        super().__init__(path, manifest)
        object.__setattr__(self, "count", count)
        object.__setattr__(self, "passes", 0)

    def rows(self, outcomes: Collection[str] = OUTCOMES) -> Iterator[dict[str, Any]]:
        del outcomes
        object.__setattr__(self, "passes", vars(self)["passes"] + 1)
        output: dict[str, Any] = {
            "winner": "1",
            "ab": "1",
            "ba": "1",
            "votes": [],
            "score": None,
            "judgements": [],
            "references": [],
        }
        for number in range(vars(self)["count"]):
            given = {"id": str(number), "instruction": "?" * 2000, "response_1": "a", "response_2": "b"}
            yield {"row": number + 1, "input": given, "output": output, "outcome": "ok"}


def peak_of(run: Counted) -> int:
    tracemalloc.start()
    report(run, Context.model_construct())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_the_journal_is_read_once_and_rows_are_not_held(tmp_path: Path) -> None:
    run = Counted(tmp_path / "big", 4000)
    small, big = peak_of(Counted(tmp_path / "small", 400)), peak_of(run)
    assert vars(run)["passes"] == 1
    # An id a row is held, to refuse twins; the 2 kB of text a row are not.
    assert (big - small) / 3600 < 400
    assert len((tmp_path / "big/export/verdicts.jsonl").read_text().splitlines()) == 4000


def test_two_rows_of_one_name_are_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    class Twins(Counted):
        def rows(self, outcomes: Collection[str] = OUTCOMES) -> Iterator[dict[str, Any]]:
            for row in super().rows(outcomes):
                yield {**row, "input": {**row["input"], "id": "same"}}

    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "verdicts.jsonl").write_text("old")
    with pytest.raises(DataError, match="two rows are called 'same'"):
        report(Twins(tmp_path, 2), Context.model_construct())
    assert (tmp_path / "export" / "verdicts.jsonl").read_text() == "old"


class Scored(Counted):
    """Single responses, every other one without a score."""

    def rows(self, outcomes: Collection[str] = OUTCOMES) -> Iterator[dict[str, Any]]:
        for row in super().rows(outcomes):
            number = row["row"]
            score, outcome = (None, "unparsed") if number % 2 else (0.0, "ok")
            given = {"id": str(number), "instruction": "?", "response": "a"}
            yield {**row, "input": given, "output": {**row["output"], "score": score}, "outcome": outcome}


def test_a_row_without_a_score_is_none_and_a_score_of_0_is_0(tmp_path: Path) -> None:
    found = report(Scored(tmp_path, 3), Context.model_construct())
    assert found.data["verdicts"] == {"none": 2, "0": 1}
    assert (tmp_path / "export" / "scores.jsonl").read_text().splitlines()[0] == '{"id": "1", "score": null}'


def test_what_was_asked_is_the_inputs_word_where_it_is_known(tmp_path: Path) -> None:
    run = Scored(tmp_path, 3)
    assert "3 scored of 3 asked" in str(report(run, Context.model_construct()).page)
    run.manifest.attempts[-1].asked = 5
    assert "3 scored of 5 asked" in str(report(run, Context.model_construct()).page)
    run.manifest.attempts[-1].asked = None
    assert "3 scored of 3 asked" in str(report(run, Context.model_construct()).page)
