"""garak's reports and an operator's own suite. Shapes as in garak 0.9 (outputs as text) to 0.17 (conversations)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.evaluation.axes import DEFAULT_AXES
from dikast.evaluation.interchange.garak import as_cases, read_garak
from dikast.evaluation.interchange.garak_export import write_garak
from dikast.evaluation.safety.summary import summarise
from dikast.records import Outcome
from tests.evaluation.safety_cases import made_up

CANARY = "canary-text"
SETUP = {"entry_type": "start_run setup", "plugins.target_type": "test", "plugins.target_name": "Blank"}


def message(text: str | None) -> dict[str, Any]:
    return {"text": text, "lang": "en", "data_path": None, "data_type": None, "data_checksum": None, "notes": {}}


def attempt(
    uuid: str, status: int, outputs: list[Any], scores: dict[str, list[Any]], prompt: Any = CANARY
) -> dict[str, Any]:
    return {
        "entry_type": "attempt",
        "uuid": uuid,
        "seq": 0,
        "status": status,
        "probe_classname": "test.Test",
        "prompt": prompt,
        "outputs": outputs,
        "detector_results": scores,
        "notes": {},
    }


def file(folder: Path, *rows: object) -> Path:
    path = folder / "garak.report.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_last_line_of_an_attempt_counts(tmp_path: Path) -> None:
    turns = {
        "turns": [{"role": "system", "content": message("s")}, {"role": "user", "content": message("the question")}]
    }
    path = file(
        tmp_path,
        SETUP,
        {"entry_type": "init", "garak_version": "0.17.0"},
        attempt("u1", 1, [message("a"), message("b"), None, message("")], {}, turns),
        attempt(
            "u1",
            2,
            [message("a"), message("b"), None, message("")],
            {"d.A": [0.2, 0.7, None, 0], "d.B": [0.1, 0, None, 0]},
            turns,
        ),
        attempt("u2", 1, ["old style"], {}),
        {"entry_type": "eval", "probe": "test.Test", "detector": "d.A", "passed": 1, "fails": 1},
        {"entry_type": "completion"},
    )
    report = read_garak(path)
    assert report.complete
    assert [(o.attempt, o.index, o.output, o.scored) for o in report.outputs] == [
        ("u1", 0, "a", True),
        ("u1", 1, "b", True),
        ("u1", 2, None, True),
        ("u1", 3, "", True),
        ("u2", 0, "old style", False),
    ]
    assert [o.prompt for o in report.outputs] == ["the question"] * 4 + [CANARY]
    cases = as_cases(report)
    assert [(c.outcome, c.verdict) for c in cases] == [
        (Outcome.OK, "safe"), (Outcome.OK, "unsafe"), (Outcome.ERROR, None), (Outcome.EMPTY, None), (Outcome.OK, None),
    ]  # fmt: skip
    assert {c.target for c in cases} == {"test Blank"}
    assert {c.cell["probe"] for c in cases} == {"test.Test"}
    assert [c.reading for c in cases] == ["safe", "unsafe", "failed", "safe", "unparsed"]


def test_the_runs_own_threshold_is_kept_and_a_cut_report_is_told(tmp_path: Path) -> None:
    path = file(tmp_path, SETUP | {"run.eval_threshold": 0.8}, attempt("u", 2, ["x"], {"d": [[0.7]]}))
    report = read_garak(path)
    assert (report.threshold, report.complete) == (0.8, False)
    assert as_cases(report)[0].verdict == "safe"


def test_a_hitlog_is_read(tmp_path: Path) -> None:
    told = {"goal": "g", "generator": "test Blank", "probe": "test.Test", "detector": "d.A"}
    place = {"attempt_id": "u", "attempt_idx": 3}
    hit = told | place | {"prompt": message("q"), "output": message("a"), "score": 1.0}
    [case] = as_cases(read_garak(file(tmp_path, hit)))
    assert (case.case_id, case.target, case.verdict) == ("u/3", "test Blank", "unsafe")


def test_one_odd_attempt_is_unparsed_and_the_rest_is_read(tmp_path: Path) -> None:
    """garak #1127: five scores for one output; and other things that a field may be."""
    path = file(
        tmp_path,
        SETUP,
        attempt("fine", 2, ["x"], {"d": [0.0]}),
        attempt("five", 2, [CANARY], {"tox": [0.1, 0.2, 0.3, 0.4, 0.5]}),
        attempt("half", 2, ["x", "y"], {"d": [0.9, CANARY], "e": [0.0, 0.0]}),
        attempt("text", 2, [CANARY, 3], {}),
        attempt("turns", 2, ["x"], {"d": [0]}, {"turns": [CANARY]}),
        {"entry_type": "attempt", "status": 2, "probe_classname": "p"},
        attempt("null", 1, ["x"], {}) | {"detector_results": None},
        attempt("last", 2, ["x"], {"d": [1]}),
    )
    report = read_garak(path)
    assert [(case.case_id, case.verdict, case.reading) for case in as_cases(report)] == [
        ("fine/0", "safe", "safe"),
        ("five/0", None, "unparsed"),
        ("half/0", "unsafe", "unsafe"),
        ("half/1", None, "unparsed"),
        ("text/0", None, "unparsed"),
        ("turns/0", None, "unparsed"),
        ("line 7/0", None, "unparsed"),
        ("null/0", None, "unparsed"),
        ("last/0", "unsafe", "unsafe"),
    ]
    assert [told.partition(": ")[0].rpartition(":")[2] for told in report.odd] == ["3", "4", "5", "6", "7"]
    assert all(CANARY not in told for told in report.odd)


def test_what_was_sent_and_has_no_output_failed(tmp_path: Path) -> None:
    path = file(
        tmp_path, attempt("u", 2, [], {}), attempt("v", 0, [], {}), attempt("w", 1, ["x"], {}) | {"outputs": None}
    )
    assert [(case.case_id, case.outcome) for case in as_cases(read_garak(path))] == [
        ("u/0", Outcome.ERROR),
        ("w/0", Outcome.ERROR),
    ]


def test_a_detector_that_leaves_out_what_has_no_reply(tmp_path: Path) -> None:
    path = file(tmp_path, attempt("u", 2, ["a", None, "b"], {"d": [0.0, 0.9]}))
    report = read_garak(path)
    assert ([case.verdict for case in as_cases(report)], report.odd) == (["safe", None, "unsafe"], ())


@pytest.mark.parametrize("threshold", [None, "high", 7, True])
def test_a_threshold_that_is_none_is_garaks_default(tmp_path: Path, threshold: object) -> None:
    """garak #1883: null, where none was given."""
    path = file(tmp_path, SETUP | {"run.eval_threshold": threshold}, attempt("u", 2, ["x", "y"], {"d": [0.5, 0.4]}))
    report = read_garak(path)
    assert report.threshold == 0.5
    assert [case.verdict for case in as_cases(report)] == ["unsafe", "safe"]


def test_lines_of_a_hitlog_on_one_output_are_one_case(tmp_path: Path) -> None:
    hit: dict[str, Any] = {"prompt": "p", "output": "o", "score": 1.0, "attempt_id": "a", "attempt_idx": 0}
    hit |= {"generator": "test", "probe": "p"}
    odd = hit | {"attempt_id": "b", "detector": "d", "score": None}
    path = file(tmp_path, hit | {"detector": "d1"}, hit | {"detector": "d2", "score": 0.6}, odd)
    report = read_garak(path)
    assert [output.scores for output in report.outputs] == [{"d1": 1.0, "d2": 0.6}, {}]
    assert [(case.case_id, case.reading) for case in as_cases(report)] == [("a/0", "unsafe"), ("b/0", "unparsed")]
    assert len(report.odd) == 1


def test_our_own_cases_come_back_as_they_were(tmp_path: Path) -> None:
    cases = made_up(DEFAULT_AXES, ("model-a", "model-b"), sample=CANARY)
    path = tmp_path / "ours.report.jsonl"
    write_garak(path, cases, prompts={cases[0].case_id: "the prompt itself"})
    assert CANARY not in path.read_text()
    report = read_garak(path)
    assert report.complete
    assert report.outputs[0].prompt == "the prompt itself"
    back = as_cases(report)
    kept = ("case_id", "target", "cell", "prompt_hash", "outcome", "verdict", "output_hash", "benign")
    assert [[getattr(c, name) for name in kept] for c in back] == [[getattr(c, name) for name in kept] for c in cases]
    before, after = summarise(cases), summarise(back)
    assert [t.as_json() for t in after.cells] == [t.as_json() for t in before.cells]


WRONG: list[tuple[list[Any], str]] = [
    ([SETUP], "no attempt and no hit"),
    ([attempt("u", 2, [CANARY], {"d": [0.1, 0.2]})], r"report.jsonl:1: field 'detector_results.d': 2 scores for 1"),
    ([attempt("u", 2, [CANARY], {"d": [7]})], r"field 'detector_results.d': a score that is not"),
    ([attempt("u", 2, [CANARY], {"d": [CANARY]})], r"field 'detector_results.d': a score that is not"),
    ([attempt("u", 2, [3], {})], r"field 'outputs': neither text"),
    ([attempt("u", 2, [{"text": 3}], {})], r"field 'outputs': neither text"),
    ([attempt("u", 2, ["x"], {}, {"turns": [CANARY]})], r"field 'prompt': neither text"),
    ([SETUP, attempt("u", 2, ["x"], {}, [CANARY])], r"report.jsonl:2: field 'prompt': neither text"),
    ([{"entry_type": "attempt", "status": 2}], r"report.jsonl:1: field 'uuid': missing"),
    ([{"prompt": CANARY}], r"report.jsonl:1: field 'attempt_id': missing"),
    (
        [attempt("u", 2, ["x"], {"dikast.Oracle": [0]}) | {"notes": {"outcome": CANARY, "cell": {}}}],
        "no outcome",
    ),
]


@pytest.mark.parametrize(("rows", "message"), WRONG)
def test_errors_name_file_line_and_field_and_quote_no_text(tmp_path: Path, rows: list[Any], message: str) -> None:
    path = file(tmp_path, *rows)
    with pytest.raises(DataError, match=message) as caught:
        read_garak(path)
    assert CANARY not in str(caught.value)
