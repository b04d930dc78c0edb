from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.limits import Limits
from dikast.jobs.folder import ROWS
from dikast.jobs.manifest import Attempt, Manifest
from dikast.jobs.stopping import INTERRUPTED
from dikast.jobs.summary import Summary, Tally, cost_of, read_standing
from dikast.records import Outcome, Usage

ONE, TWO = "01" * 16, "02" * 16


def summary(**fields: Any) -> Summary:
    whole: dict[str, Any] = {"folder": Path("x"), "graph": "g", "asked": 4, "outcomes": {Outcome.OK: 4}}
    return Summary(**whole | fields)


def line(key: str, outcome: str, **usage: int) -> dict[str, Any]:
    return {"key": key, "outcome": outcome, "usage": {"solver": usage} if usage else {}}


@pytest.mark.parametrize(
    ("fields", "owed", "failed", "code"),
    [
        ({}, 0, 0, 0),
        ({"asked": None}, None, 0, 0),
        ({"asked": 5}, 1, 0, 3),
        ({"foreign": 1}, 0, 0, 0),
        ({"asked": 2}, 0, 0, 0),  # rows that the input has no more are not owed twice
        ({"outcomes": {Outcome.OK: 3, Outcome.TIMEOUT: 1}}, 0, 1, 3),
        ({"outcomes": {Outcome.OK: 3, Outcome.UNPARSED: 1}}, 0, 0, 0),
        ({"stopped": "a limit"}, 0, 0, 3),
        ({"stopped": INTERRUPTED}, 0, 0, 130),
    ],
)
def test_what_is_owed_and_failed_and_the_exit_code(
    fields: dict[str, Any], owed: int | None, failed: int, code: int
) -> None:
    found = summary(**fields)
    assert (found.owed, found.failed, found.exit_code) == (owed, failed, code)


def test_a_rows_last_end_counts_and_every_calls_cost() -> None:
    tally = Tally().read([line(ONE, "timeout", calls=1), line(TWO, "ok"), line(ONE, "ok", calls=2)])
    assert tally.counts() == {Outcome.OK: 2}
    assert tally.usage == {"solver": Usage(calls=3)}
    assert ONE in tally
    assert "03" * 16 not in tally


def test_what_an_attempt_finishes_is_counted_and_only_earlier_rows_are_kept_by_key() -> None:
    tally = Tally().read([line(ONE, "timeout")])
    tally.finish(ONE, Outcome.OK)
    tally.finish(TWO, Outcome.ERROR)
    assert tally.counts() == {Outcome.OK: 1, Outcome.ERROR: 1}
    assert len(tally.ends) == 1


def test_lines_that_are_no_rows_are_listed_a_few_of_them() -> None:
    tally = Tally()
    assert tally.note == ""
    tally.foreign_lines = [1, 2, 3, 4, 5]
    assert "5 line(s)" in tally.note
    assert "(line 1, 2, 3, 4, 5)" in tally.note
    tally.foreign_lines.append(6)
    assert "(line 1, 2, 3, 4, 5, ...)" in tally.note


def test_a_run_has_a_cost_where_prices_are_known() -> None:
    usage = {"solver": Usage(input_tokens=2_000_000), "judge": Usage(output_tokens=1_000_000)}
    assert cost_of(usage, None) is None
    assert cost_of(usage, Limits()) is None
    assert cost_of(usage, Limits(price_input=1.0)) == 2.0
    assert cost_of(usage, Limits(price_output=3.0)) == 3.0


def test_a_manifests_counts_are_believed_while_the_journal_is_as_long_as_then(tmp_path: Path) -> None:
    attempt = Attempt(
        started="2026-01-01", asked=3, outcomes={"ok": 2}, usage={"solver": {"calls": 2}}, journal_bytes=5
    )
    made = Manifest(graph="g", samples=1, fingerprint={}, attempts=[attempt])
    assert read_standing(tmp_path, made) is None  # no journal
    (tmp_path / ROWS).write_bytes(b"12345")
    told = read_standing(tmp_path, made)
    assert told is not None
    assert (told.outcomes, told.usage, told.owed) == ({Outcome.OK: 2}, {"solver": Usage(calls=2)}, 1)
    (tmp_path / ROWS).write_bytes(b"123456")
    assert read_standing(tmp_path, made) is None
    attempt.journal_bytes = None
    assert read_standing(tmp_path, made) is None


def test_all_of_a_summary_is_json() -> None:
    told = summary(usage={"solver": Usage(calls=1)}, notes=("n",)).as_dict()
    assert told["outcomes"] == {"ok": 4}
    assert told["usage"] == {"solver": {"calls": 1}}
    assert (told["folder"], told["owed"], told["notes"]) == ("x", 0, ["n"])
