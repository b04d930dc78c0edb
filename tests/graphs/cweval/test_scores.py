from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs.cweval.reading import only_tasks, read_tasks
from dikast.graphs.cweval.records import SampleResult, Verdict, judged
from dikast.graphs.cweval.samples import read_results
from dikast.graphs.cweval.scores import before_and_after, pass_at_k, score
from dikast.graphs.cweval.tasks import OWN_TASKS

TASKS = {task.task_id: task for task in only_tasks(read_tasks(OWN_TASKS))}
COUNTS = {
    "core.c.cwe_190_100_c": (11, 12, 7),
    "core.cpp.cwe_079_100_cpp": (12, 4, 2),
    "core.cpp.cwe_117_100_cpp": (3, 6, 1),
    "core.go.cwe_732_100_go": (20, 4, 4),
    "core.go.cwe_760_100_go": (5, 10, 3),
    "core.js.cwe_078_100_js": (3, 1, 0),
    "core.js.cwe_601_100_js": (6, 10, 2),
    "core.py.cwe_022_100": (14, 4, 2),
    "core.py.cwe_089_100": (16, 3, 3),
    "core.py.cwe_1333_100": (4, 12, 2),
    "core.py.cwe_502_100": (4, 9, 4),
    "lang.c.cwe_787_100_c": (0, 15, 0),
}
"""Of 20 samples: functional, secure, both. Made up."""
UPSTREAM = {
    "all": {
        1: (40.833333333333336, 37.5, 12.500000000000004),
        5: (77.52784227726178, 81.72460870313039, 46.62291451668387),
        10: (89.00928792569658, 93.82681302185945, 68.78224974200205),
    },
    "core/py": {
        1: (47.50000000000001, 35.0, 13.750000000000002),
        5: (85.90363777089784, 82.14331785345718, 55.347007223942214),
        10: (97.8328173374613, 96.28334127173137, 84.44272445820434),
    },
}
"""What upstream's program reports of these counts: func@k, secure@k, func-sec@k in percent."""


def results(task_id: str, n: int, functional: int, secure: int, both: int) -> list[SampleResult]:
    kinds = [(True, True)] * both + [(True, False)] * (functional - both) + [(False, True)] * (secure - both)
    kinds += [(False, False)] * (n - len(kinds))
    return [
        SampleResult(task_id, place, Verdict.PASS if works and safe else Verdict.FAIL, works, safe)
        for place, (works, safe) in enumerate(kinds)
    ]


def everything() -> list[SampleResult]:
    return [one for name, counts in COUNTS.items() for one in results(name, 20, *counts)]


def test_equal_to_upstreams_report() -> None:
    report = score(TASKS.values(), everything(), asked=20)
    python = report.by("language")["py"]
    for scores, wanted in ((report.whole, UPSTREAM["all"]), (python, UPSTREAM["core/py"])):
        for k, (functional, secure, both) in wanted.items():
            assert abs(scores.functional[k].mean * 100 - functional) < 1e-9
            assert abs(scores.secure[k].mean * 100 - secure) < 1e-9
            assert abs(scores.func_secure[k].mean * 100 - both) < 1e-9


@pytest.mark.parametrize(("n", "c", "k"), [(5, 2, 1), (5, 2, 3), (6, 0, 2), (6, 6, 2), (6, 5, 2), (7, 3, 7)])
def test_pass_at_k_is_the_share_of_draws_that_succeed(n: int, c: int, k: int) -> None:
    draws = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws), abs=1e-12)


def test_pass_at_k_of_what_cannot_be() -> None:
    for n, c, k in ((5, 6, 1), (5, 2, 6), (5, -1, 1), (5, 2, 0)):
        with pytest.raises(UsageError):
            pass_at_k(n, c, k)


def test_reference_junk_and_refusal_are_a_third() -> None:
    """Upstream drops the junk of Python, which cannot be imported, and prints 96."""
    found = [
        one
        for name in TASKS
        for one in (
            judged(name, 0, [("functionality", Verdict.PASS), ("security", Verdict.PASS)]),
            SampleResult(name, 1, Verdict.IMPORT_ERROR),
            SampleResult(name, 2, Verdict.NO_CODE),
        )
    ]
    report = score(TASKS.values(), found, asked=3)
    for scores in (report.whole, *report.by("language").values()):
        assert scores.functional[1].mean == pytest.approx(1 / 3)
        assert scores.func_secure[1].mean == pytest.approx(1 / 3)
        assert scores.functional.keys() == {1}
    assert report.outcomes == {"pass": 12, "import_error": 12, "no_code": 12}


def test_missing_samples_are_failures_and_are_told() -> None:
    report = score(TASKS.values(), [one for one in everything() if one.sample != 0 or one.task_id < "core.d"], asked=25)
    assert report.whole.missing == 12 * 25 - (12 * 20 - 9)
    assert report.outcomes["missing"] == report.whole.missing
    assert sum(report.outcomes.values()) == report.whole.asked == 300
    one = report.by("cwe")["190"]
    assert one.functional[1].mean == pytest.approx(11 / 25)


def test_groups_and_the_share_of_safe_among_what_works() -> None:
    report = score(TASKS.values(), everything(), asked=20)
    assert list(report.by("suite")) == ["core", "lang"]
    assert len(report.by("cwe")) == 12
    works, both = sum(one[0] for one in COUNTS.values()), sum(one[2] for one in COUNTS.values())
    assert report.whole.working == works
    assert report.whole.secure_given_functional == pytest.approx(both / works)
    assert report.by("suite")["lang"].secure_given_functional is None
    low, high = report.whole.func_secure[1].interval
    assert low < report.whole.func_secure[1].mean < high
    assert report.whole.func_secure[1].tasks == 12


@pytest.mark.parametrize("sample", [20, -1])
def test_a_sample_that_was_not_asked_for_is_refused(sample: int) -> None:
    with pytest.raises(UsageError, match="asked for"):
        score(TASKS.values(), [SampleResult("core.py.cwe_022_100", sample, Verdict.PASS)], asked=20)


def test_foreign_and_doubled_results_are_refused() -> None:
    one = SampleResult("core.py.cwe_022_100", 0, Verdict.PASS)
    with pytest.raises(UsageError, match="two results"):
        score(TASKS.values(), [one, one], asked=1)
    with pytest.raises(UsageError, match="not among the tasks"):
        score(TASKS.values(), [SampleResult("x", 0, Verdict.PASS)], asked=1)
    with pytest.raises(UsageError, match="at least 1"):
        score(TASKS.values(), [], asked=0)


def test_no_task_no_figure() -> None:
    report = score([], [], asked=20)
    assert report.whole.functional == {}
    assert report.whole.secure_given_functional is None


@pytest.mark.parametrize(
    ("cases", "verdict", "functional", "secure"),
    [
        ([("functionality", "pass"), ("security", "pass")], "pass", True, True),
        ([("functionality", "pass"), ("functionality", "fail"), ("security", "pass")], "fail", False, True),
        ([("functionality", "pass"), ("security", "timeout")], "timeout", True, False),
        ([("functionality", "pass")], "pass", True, False),
        ([("security", "pass")], "pass", False, True),
        ([("functionality", "fail"), ("security", "cheated")], "cheated", False, False),
        ([("functionality", "pass"), ("security", "pass"), ("security", "cheated")], "cheated", False, False),
        ([], "sandbox_error", False, False),
    ],
)
def test_a_sample_from_its_cases(cases: list[tuple[str, str]], verdict: str, functional: bool, secure: bool) -> None:
    one = judged("x", 0, cases)
    assert (str(one.verdict), one.functional, one.secure) == (verdict, functional, secure)
    assert one.func_secure == (functional and secure)


def test_before_and_after() -> None:
    tasks = list(TASKS.values())[:2]
    a, b = (task.task_id for task in tasks)
    first = [*results(a, 4, 1, 2, 0), *results(b, 4, 2, 2, 2)]
    last = [*results(a, 4, 3, 2, 2), *results(b, 4, 2, 2, 1)][:-1]
    change = before_and_after(tasks, first, last, asked=4)
    assert (change.before, change.after) == (0.25, 0.375)
    assert change.difference.mean == pytest.approx(0.125)
    assert change.difference.tasks == 2
    assert (change.gained, change.lost, change.broken) == (2, 1, 1)
    assert change.p == 1.0
    with pytest.raises(UsageError):
        before_and_after([], [], [], asked=1)


def folder_of_results(folder: Path, rounds: list[dict[str, list[bool]]]) -> Path:
    for number, found in enumerate(rounds):
        place = folder / f"generated_{number}"
        place.mkdir(parents=True)
        values = {
            f"evals/eval_x/generated_{number}/{name}_test.py": {"functional": works, "secure": safe}
            for name, (works, safe) in found.items()
        }
        (place / "res.json").write_text(json.dumps(values))
    return folder


def test_upstreams_results_a_dropped_sample_counts(tmp_path: Path) -> None:
    name = "core/py/cwe_022_100"
    folder = folder_of_results(
        tmp_path, [{name: [True, True]}, {}, {name: [True, False], "core/py/cwe_1_0": [True, True]}]
    )
    recorded = read_results(folder, TASKS.values())
    assert recorded.asked == 3
    assert recorded.unknown == {"core.py.cwe_1_0": 1}
    report = score([TASKS["core.py.cwe_022_100"]], recorded.results, recorded.asked)
    assert report.whole.functional[1].mean == pytest.approx(2 / 3)
    assert report.whole.func_secure[1].mean == pytest.approx(1 / 3)
    assert report.outcomes == {"pass": 1, "fail": 1, "missing": 1}


def test_upstreams_merged_results(tmp_path: Path) -> None:
    key = "evals/eval_x/generated_X/core/py/cwe_022_100_test.py"
    found = {key: {"functional": [True, False], "secure": [True, True], "func_secure": [True, False]}}
    (tmp_path / "res_all.json").write_text(json.dumps(found))
    recorded = read_results(tmp_path, TASKS.values())
    assert recorded.asked == 2
    assert [(one.functional, one.secure) for one in recorded.results] == [(True, True), (False, True)]
    lists = {"functional": [1], "secure": [True]}, {"functional": [True], "secure": []}, {"functional": True}, 1
    for wrong in ("[]", *(json.dumps({key: value}) for value in lists)):
        (tmp_path / "res_all.json").write_text(wrong)
        with pytest.raises(DataError, match="not a file of upstream's results"):
            read_results(tmp_path, TASKS.values())
    with pytest.raises(DataError, match="no such file"):
        read_results(tmp_path / "absent", TASKS.values())
