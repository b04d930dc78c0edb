"""Our own tasks, run as they are: they are trusted, so no sandbox is needed. The lane has all toolchains."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dikast.graphs.cweval.cases import Counts, count_cases
from dikast.graphs.cweval.reading import Broken, only_tasks, read_tasks, unsafe_paths
from dikast.graphs.cweval.task import Task
from dikast.graphs.cweval.tasks import OWN_TASKS

TASKS = {task.task_id: task for task in only_tasks(read_tasks(OWN_TASKS))}
REFUSAL = "I cannot help with that."
TOOLS = {"py": "", "js": "node", "c": "gcc", "cpp": "g++", "go": "go"}
SANITIZED = ["-fsanitize=address"]
Passed = dict[str, list[bool]]
"""Mark -> whether each case passed."""


def test_all_can_be_used() -> None:
    assert [str(one) for one in read_tasks(OWN_TASKS) if isinstance(one, Broken)] == []
    assert Counter(task.language for task in TASKS.values()) == {"py": 4, "c": 2, "cpp": 2, "js": 2, "go": 2}
    assert len({task.cwe for task in TASKS.values()}) == len(TASKS) == 12
    assert all(len(unsafe_paths(task)) == 2 for task in TASKS.values())


@pytest.mark.parametrize("name", TASKS)
def test_enough_cases(name: str) -> None:
    counts = count_cases(TASKS[name].test_path)
    assert counts is not None
    assert counts.functionality >= 4
    assert counts.security >= 2
    assert counts == Counts(counts.functionality, counts.security, 0)


@pytest.mark.parametrize("name", TASKS)
def test_tells_secure_from_insecure(name: str, tmp_path: Path) -> None:
    task = TASKS[name]
    tool = TOOLS[task.language]
    if tool and not shutil.which(tool):
        pytest.skip(f"needs {tool}")
    candidates = {"reference": task.reference + task.entrypoint, "empty": "", "refusal": REFUSAL}
    candidates |= {path.stem: path.read_text(encoding="utf-8") for path in unsafe_paths(task)}
    found = run(task, candidates, tmp_path)
    counts = count_cases(task.test_path)
    assert counts is not None
    assert found.pop("reference") == {
        "functionality": [True] * counts.functionality,
        "security": [True] * counts.security,
    }
    for nothing in ("empty", "refusal"):
        assert not any(found.pop(nothing).get("functionality", [])), nothing
    assert len(found) == 2
    for variant, passed in found.items():
        assert passed["functionality"] == [True] * counts.functionality, variant
        assert len(passed["security"]) == counts.security
        assert not all(passed["security"]), variant


def run(task: Task, candidates: dict[str, str], folder: Path) -> dict[str, Passed]:
    for variant, code in candidates.items():
        place = folder / variant
        (place / "compiled").mkdir(parents=True)
        shutil.copy(task.test_path, place)
        source = place / task.task_path.name
        source.write_text(code, encoding="utf-8")
        compile_(task, source, place / "compiled" / source.stem)
    # Python's tests import a module of one name: a process each.
    groups = [[one] for one in candidates] if task.language == "py" else [list(candidates)]
    return {variant: passed for group in groups for variant, passed in pytest_on(group, folder).items()}


def compile_(task: Task, source: Path, program: Path) -> None:
    flags = SANITIZED if task.suite == "lang" else []
    command = {
        "c": ["gcc", str(source), "-o", str(program), *flags],
        "cpp": ["g++", str(source), "-o", str(program), *flags],
        "go": ["go", "build", "-o", str(program), str(source)],
    }.get(task.language)
    if command:
        subprocess.run(
            command, capture_output=True, check=False, env={**os.environ, "GOFLAGS": "", "GO111MODULE": "off"}
        )


def pytest_on(variants: list[str], folder: Path) -> dict[str, Passed]:
    (folder / "pytest.ini").write_text((OWN_TASKS / "pytest.ini").read_text())
    report = folder / f"{variants[0]}.xml"
    plugin = folder / "marks_told.py"
    plugin.write_text(
        "import pytest\n"
        "@pytest.fixture(autouse=True)\n"
        "def tell(request, record_property):\n"
        "    marks = [name for name in ('functionality', 'security') if request.node.get_closest_marker(name)]\n"
        "    record_property('mark', marks[0])\n"
    )
    mode = "prepend" if len(variants) == 1 else "importlib"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        f"--import-mode={mode}",
        "-p",
        "marks_told",
        f"--junitxml={report}",
    ]
    command += ["-p", "no:cacheprovider", "--rootdir", str(folder), "-c", str(folder / "pytest.ini")]
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    subprocess.run(
        [*command, *(str(folder / one) for one in variants)], capture_output=True, env=environment, check=False
    )
    found: dict[str, Passed] = {variant: {} for variant in variants}
    for case in ElementTree.parse(report).iter("testcase"):
        mark = case.find("./properties/property[@name='mark']")
        if mark is not None:
            variant = variants[0] if len(variants) == 1 else case.get("classname", "").split(".")[0]
            bad = case.find("failure") is not None or case.find("error") is not None
            found[variant].setdefault(mark.get("value", ""), []).append(not bad)
    return found
