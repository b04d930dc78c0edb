"""--dry-run: what a run would ask and cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dikast.cli.estimate import estimate_run
from dikast.cli.own import NoContext
from dikast.cli.running import Running
from dikast.graphs.method import Calls, Method
from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli
from tests.jobs.graphs import graph_of, same

__all__ = ["files"]  # the fixtures

ROWS: list[Mapping[str, int]] = [{"value": 1}, {"value": 2}]


def told_of(folder: Path, price: str | None = None, **more: Any) -> Mapping[str, object]:
    method = Method(graph=graph_of(same), context=NoContext, rows=lambda options, context: ROWS, **more)
    return estimate_run(method, list(ROWS), NoContext(), Running(folder / "out", 1, "off", price=price))


@pytest.mark.parametrize(
    ("more", "calls"),
    [
        (["--method", "qa_expand"], 3 + 1 + 1),
        (["--method", "csqe", "--fluent"], 4 + 1),
        (["--select", "judge", "-n", "2", "--with-original"], 2 + 3),
        (["--feedback", "critic", "-n", "2"], 2 + 10),
        (["--feedback", "critic", "-n", "2", "--critic", "list+scripted:script:grader"], 2 + 1),
    ],
)
def test_a_dry_run_counts_every_call_of_a_row(cli: Cli, files: dict[str, Path], more: list[str], calls: int) -> None:
    owed = json.loads(cli(*arguments(files, "--dry-run", "--json", *more)).out)
    assert owed["calls at most"] == 2 * calls
    by_role = [number for name, number in owed.items() if name.endswith(" calls at most")]
    assert sum(by_role) == 2 * calls
    assert set(owed) >= {"rows asked", "rows owed", "input tokens, about", "output tokens at most"}


def test_rows_that_are_done_are_not_owed_again(cli: Cli, files: dict[str, Path]) -> None:
    assert cli(*arguments(files, "-o", "x", "--limit", "1")).code == 0
    owed = json.loads(cli(*arguments(files, "-o", "x", "--dry-run", "--json")).out)
    assert (owed["rows asked"], owed["rows owed"], owed["solver calls at most"]) == (2, 1, 10)


def test_what_critics_and_judges_write_costs_too(cli: Cli, files: dict[str, Path]) -> None:
    """A grade takes 200 tokens at most, a list of them 200 and 100 a document, a judgement of a query 300."""

    def output(*more: str) -> int:
        return json.loads(cli(*arguments(files, "--dry-run", "--json", "-n", "2", *more)).out)["output tokens at most"]

    assert output() == 2 * 2 * 40
    assert output("--feedback", "critic") == output() + 2 * 10 * 200
    listed = output("--feedback", "critic", "--critic", "list+scripted:script:grader")
    assert listed == output() + 2 * (200 + 10 * 100)
    assert output("--select", "judge") == output() + 2 * 2 * 300


def test_a_price_makes_a_cost(cli: Cli, files: dict[str, Path]) -> None:
    priced = arguments(files, "--dry-run", "--json", "--price", "3,5")
    owed = json.loads(cli(*priced).out)
    spent = 3 * owed["input tokens, about"] + 5 * owed["output tokens at most"]
    assert owed["cost at most, about"] == pytest.approx(spent / 1e6)
    assert "cost at most, about" not in json.loads(cli(*arguments(files, "--dry-run", "--json")).out)


def test_a_method_that_counts_no_calls_tells_rows_alone(tmp_path: Path) -> None:
    assert told_of(tmp_path) == {"rows asked": 2, "rows owed": 2}


def test_what_is_not_counted_stands_beside_the_number(tmp_path: Path) -> None:
    def calls(context: object, row: Mapping[str, Any]) -> Mapping[str, Calls]:
        return {"solver": Calls(row["value"], 10, 20)}

    told = told_of(tmp_path, "1,1", calls=calls, uncounted="schemas")
    assert (told["calls at most"], told["solver calls at most"]) == (3, 3)
    assert told["input tokens, without schemas, about"] == 20
    assert told["cost at most, without schemas, about"] == pytest.approx(60 / 1e6)
