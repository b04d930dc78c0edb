from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.graphs.cweval.cases import Counts, count_cases
from dikast.graphs.cweval.extract import extract, shared_by
from dikast.graphs.cweval.go_imports import IMPORT, imports_of, mended
from dikast.graphs.cweval.reading import Broken, only_tasks, read_tasks, unsafe_paths
from dikast.graphs.cweval.task import Task
from dikast.graphs.cweval.tasks import OWN_TASKS

C_TASK = (
    "#include <stdio.h>\n// BEGIN PROMPT\n/** Add one. */\nint inc(int n) {\n    // BEGIN SOLUTION\n"
    "    return n + 1;\n}\n\n"
)
C_MAIN = "// BEGIN ENTRYPOINT\nint main(void) {\n    return inc(-1);\n}\n"
TEST = "import pytest\n\n\n@pytest.mark.functionality\ndef test_a():\n    assert True\n"


@pytest.fixture
def snapshot() -> Path:
    """Upstream's repository, beside the checkout or where CWEVAL_SNAPSHOT says."""
    here = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("CWEVAL_SNAPSHOT", here.parent / "upstream" / "CWEval"))
    if not (folder / "benchmark").is_dir():
        pytest.skip(f"needs a snapshot of Co1lin/CWEval: no folder {folder}; set CWEVAL_SNAPSHOT")
    return folder


def write(folder: Path, **files: str) -> Path:
    place = folder / "core" / "c"
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        stem, _, extension = name.rpartition("__")
        (place / f"{stem}.{extension}").write_text(text, encoding="utf-8")
    return folder


def one(folder: Path) -> Task | Broken:
    [found] = read_tasks(folder)
    return found


def broken(folder: Path) -> str:
    found = one(folder)
    assert isinstance(found, Broken)
    assert "\n" not in str(found)
    assert isinstance(found.error, DataError)
    return str(found).replace(str(folder.resolve()), "")


def test_a_task_in_its_parts(tmp_path: Path) -> None:
    write(tmp_path, cwe_190_3_c_task__c=C_TASK + C_MAIN, cwe_190_3_c_test__py=TEST, cwe_190_3_c_unsafe__c="int x;")
    task = one(tmp_path)
    assert isinstance(task, Task)
    assert (task.task_id, task.language, task.suite) == ("core.c.cwe_190_3_c", "c", "core")
    assert (task.cwe, task.scenario) == ("190", "3")
    assert task.prompt == "/** Add one. */\nint inc(int n) {"
    assert task.header == "#include <stdio.h>"
    assert (task.reference, task.entrypoint) == (C_TASK, C_MAIN)
    assert unsafe_paths(task) == [task.unsafe_path]
    (task.folder / "cwe_190_3_c_unsafe2.c").write_text("int y;")
    assert [path.name for path in unsafe_paths(task)] == ["cwe_190_3_c_unsafe.c", "cwe_190_3_c_unsafe2.c"]


def test_a_part_of_the_folder_gives_the_same_ids() -> None:
    whole = {task.task_id for task in only_tasks(read_tasks(OWN_TASKS))}
    part = {task.task_id for task in only_tasks(read_tasks(OWN_TASKS / "core" / "py"))}
    assert part == {name for name in whole if name.startswith("core.py.")}
    assert len(part) == 4


def test_repeated_markers_are_taken_as_upstream_does(tmp_path: Path) -> None:
    text = "// BEGIN PROMPT\n" + C_TASK.replace("// BEGIN SOLUTION\n", "// BEGIN SOLUTION\n// BEGIN SOLUTION\n")
    write(tmp_path, cwe_190_0_c_task__c=text + C_MAIN, cwe_190_0_c_test__py=TEST)
    task = one(tmp_path)
    assert isinstance(task, Task)
    assert task.prompt == "/** Add one. */\nint inc(int n) {"
    assert task.header == "#include <stdio.h>"


@pytest.mark.parametrize(
    ("task", "line", "said"),
    [
        (C_TASK.replace("PROMPT", "PROMT") + C_MAIN, 2, "unknown marker: BEGIN PROMT"),
        (C_TASK.replace("// BEGIN PROMPT\n", "") + C_MAIN, None, "no marker BEGIN PROMPT"),
        (C_TASK.replace("    // BEGIN SOLUTION\n", "") + C_MAIN, None, "no marker BEGIN SOLUTION"),
        (C_TASK, None, "no marker BEGIN ENTRYPOINT"),
        (C_TASK + C_MAIN + C_MAIN, 13, "a second BEGIN ENTRYPOINT"),
        (C_MAIN + C_TASK, 9, "out of place"),
        ("// BEGIN PROMPT\n// BEGIN SOLUTION\nint x;\n" + C_MAIN, 2, "no prompt"),
        ("// BEGIN PROMPT\nint f() {\n// BEGIN SOLUTION\n" + C_MAIN, 3, "no reference"),
    ],
)
def test_a_broken_marker_is_told_with_its_line(tmp_path: Path, task: str, line: int | None, said: str) -> None:
    write(tmp_path, cwe_190_0_c_task__c=task, cwe_190_0_c_test__py=TEST)
    told = broken(tmp_path)
    assert said in told
    assert told.startswith("/core/c/cwe_190_0_c_task.c:" + (f"{line}:" if line else " "))
    assert "(" in told  # the remedy


def test_two_references_a_missing_test_and_a_test_alone(tmp_path: Path) -> None:
    write(tmp_path / "a", cwe_190_0_c_task__c=C_TASK + C_MAIN, cwe_190_0_c_task__cpp="", cwe_190_0_c_test__py=TEST)
    assert "two references for one test: cwe_190_0_c_task.c and cwe_190_0_c_task.cpp" in broken(tmp_path / "a")
    write(tmp_path / "b", cwe_190_0_c_task__c=C_TASK + C_MAIN)
    assert "the tests of cwe_190_0_c_task.c are missing" in broken(tmp_path / "b")
    write(tmp_path / "c", cwe_190_0_c_test__py=TEST)
    assert "a test file without a task" in broken(tmp_path / "c")


def test_bad_tests_and_bad_names(tmp_path: Path) -> None:
    write(tmp_path / "a", cwe_190_0_c_task__c=C_TASK + C_MAIN, cwe_190_0_c_test__py="import os\ndef (:\n")
    assert "cwe_190_0_c_test.py:2: the tests are no Python" in broken(tmp_path / "a")
    write(tmp_path / "b", cwe_x_task__c=C_TASK)
    assert "does not say weakness and scenario" in broken(tmp_path / "b")
    write(tmp_path / "c", cwe_190_0_js_task__c=C_TASK, cwe_190_0_js_test__py=TEST)
    assert "the name says js, the extension c" in broken(tmp_path / "c")
    write(tmp_path / "d", cwe_190_0_rs_task__rs=C_TASK, cwe_190_0_rs_test__py=TEST)
    assert "no language has the extension '.rs'" in broken(tmp_path / "d")
    write(tmp_path / "e", cwe_190_0_c_task__c=C_TASK + C_MAIN, cwe_190_0_c_test__py=TEST)
    (tmp_path / "e" / "core" / "c" / "cwe_190_0_c_task.c").write_bytes(b"int x;\n\xff\n")
    assert "cwe_190_0_c_task.c:2: not UTF-8" in broken(tmp_path / "e")


def test_one_broken_task_leaves_the_others(tmp_path: Path) -> None:
    write(tmp_path, cwe_190_0_c_task__c=C_TASK, cwe_190_0_c_test__py=TEST)
    write(tmp_path, cwe_190_1_c_task__c=C_TASK + C_MAIN, cwe_190_1_c_test__py=TEST)
    assert [type(each) for each in read_tasks(tmp_path)] == [Broken, Task]


def test_a_copy_is_told(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder, cwe_190_0_c_task__c=C_TASK + C_MAIN, cwe_190_0_c_test__py=TEST)
    found = read_tasks(tmp_path)
    assert [type(each) for each in found] == [Task, Broken]
    assert "a task of the same id lies in" in str(found[1])


def test_no_folder_and_no_task(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_tasks(tmp_path / "absent")
    with pytest.raises(DataError, match="no task"):
        read_tasks(tmp_path)


def counted(tmp_path: Path, text: str) -> Counts | None:
    (tmp_path / "a_test.py").write_text("import pytest\n" + text)
    return count_cases(tmp_path / "a_test.py")


def test_cases_are_counted_by_reading(tmp_path: Path) -> None:
    text = (
        "F = [pytest.param(1, marks=pytest.mark.functionality), pytest.param(2, marks=[pytest.mark.functionality])]\n"
        "_raw = [(1,), (2,), (3,)]\n"
        "S = [pytest.param(*p, marks=pytest.mark.security) for p in _raw]\n"
        "S += [pytest.param(9, marks=pytest.mark.security)] * 2\n"
        "@pytest.mark.parametrize('x', F + S)\ndef test_a(x): ...\n"
        "@pytest.mark.parametrize('x', S)\ndef test_a_unsafe_security(x): ...\n"
        "@pytest.mark.security\n@pytest.mark.parametrize('x', range(2))\n@pytest.mark.parametrize('y', [1, 2, 3])\n"
        "def test_b(x, y): ...\n"
        "def test_c(): ...\n"
    )
    assert counted(tmp_path, text) == Counts(2, 11, 1)


@pytest.mark.parametrize("values", ["made()", "[x for x in y if x]", "LATER"])
def test_what_is_not_understood_is_not_counted(tmp_path: Path, values: str) -> None:
    assert counted(tmp_path, f"@pytest.mark.parametrize('x', {values})\ndef test_a(x): ...\n") is None


def test_all_of_upstreams_tasks_are_read(snapshot: Path, shared_data: Path) -> None:
    lines = (shared_data / "evals" / "cweval" / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    manifest = {row["task_id"]: row for row in map(json.loads, lines)}
    tasks = {each.task_id: each for each in only_tasks(read_tasks(snapshot))}
    assert tasks.keys() == manifest.keys()
    assert len(tasks) == 119
    for name, task in tasks.items():
        row = manifest[name]
        assert (task.language, task.suite, f"CWE-{task.cwe}", int(task.scenario)) == (
            row["lang"], row["suite"], row["cwe"], row["scenario"],
        )  # fmt: skip
        text = task.task_path.read_text(encoding="utf-8")
        assert task.reference + task.entrypoint == text
        # The manifest counted up to the words BEGIN SOLUTION; what a model is shown ends before their line.
        marker = next(line for line in text.splitlines() if "BEGIN SOLUTION" in line)
        assert len(task.prompt + "\n" + marker.partition("BEGIN")[0].rstrip()) == row["prompt_chars"]
        counts = count_cases(task.test_path)
        assert counts is not None
        assert (counts.functionality, counts.security) == (row["n_functionality"], row["n_security"])
        assert (task.unsafe_path is not None) == row["unsafe_file"]


def test_upstreams_references_are_extracted_whole(snapshot: Path) -> None:
    """Where upstream's own parse is sound, first fenced block or else all of it, ours is the same."""
    for task in only_tasks(read_tasks(snapshot)):
        for reply in (f"Here.\n\n```{task.language}\n{task.reference}\n```\nDone.", task.reference):
            assert extract(reply, task).code.strip() == task.reference.strip(), task.task_id


def test_upstreams_go_needs_no_goimports(snapshot: Path) -> None:
    tasks = [task for task in only_tasks(read_tasks(snapshot)) if task.language == "go"]
    packages = shared_by(tasks).packages
    for task in tasks:
        whole = task.reference + task.entrypoint
        assert mended(whole, packages) == whole, task.task_id
        bare = IMPORT.sub("", whole)
        assert set(imports_of(mended(bare, packages)).values()) == set(imports_of(whole).values()), task.task_id
