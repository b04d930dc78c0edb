from __future__ import annotations

import json
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.graphs.cweval.extract import shared_by
from dikast.graphs.cweval.reading import only_tasks, read_tasks
from dikast.graphs.cweval.records import Verdict
from dikast.graphs.cweval.samples import Sample, program_of, read_eval_folder, read_samples
from dikast.graphs.cweval.tasks import OWN_TASKS

TASKS = {task.task_id: task for task in only_tasks(read_tasks(OWN_TASKS))}
PY, C = "core.py.cwe_1333_100", "core.c.cwe_190_100_c"
SHARED = shared_by(TASKS.values())


def file(folder: Path, *rows: dict[str, object]) -> Path:
    path = folder / "samples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_of_samples(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        {"task_id": PY, "solution": "a"},
        {"task_id": PY.replace(".", "/"), "solution": "b"},
        {"task_id": C, "completion": "c", "solution": None},
        {"task_id": "core.py.cwe_9_9", "solution": "d"},
    )
    found = read_samples(path, TASKS.values())
    assert found.samples == (Sample(C, 0, "c", "completion"), Sample(PY, 0, "a", "reply"), Sample(PY, 1, "b", "reply"))
    assert found.unknown == {"core.py.cwe_9_9": 1}


def test_other_names_of_columns(tmp_path: Path) -> None:
    path = file(tmp_path, {"id": PY, "code": "a", "n": 4})
    found = read_samples(path, TASKS.values(), {"task_id": "id", "solution": "code", "sample": "n"})
    assert found.samples == (Sample(PY, 4, "a", "reply"),)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"task_id": PY}], "line 1|jsonl:1.*neither solution nor completion"),
        ([{"task_id": PY, "solution": "a", "completion": "b"}], "both solution and completion"),
        ([{"solution": "a"}], "'task_id'.*missing"),
        ([{"task_id": PY, "solution": "a", "sample": -1}], "not a whole number"),
        ([{"task_id": PY, "solution": "a", "sample": 0.5}], "not a whole number"),
        ([{"task_id": PY, "solution": "a", "sample": 1}] * 2, "jsonl:2: .*a second time"),
        ([{"task_id": "x", "solution": "a"}], "none of the 1 samples is of a task"),
    ],
)
def test_a_wrong_row_is_told(tmp_path: Path, rows: list[dict[str, object]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_samples(file(tmp_path, *rows), TASKS.values())


def test_upstreams_folder(tmp_path: Path) -> None:
    for number in (0, 1, 10):
        place = tmp_path / f"generated_{number}" / "core" / "c"
        place.mkdir(parents=True)
        (place / "cwe_190_100_c_task.c").write_text(f"int program{number};")
        (place / "cwe_190_100_c_test.py").write_text("")
        (place / "compiled").mkdir()
        (place / "compiled" / "cwe_190_100_c_task").write_text("")
    (tmp_path / "generated_1" / "core" / "c" / "cwe_190_100_c_raw.c").write_text("a reply")
    found = read_eval_folder(tmp_path, TASKS.values())
    assert found.samples == (
        Sample(C, 0, "int program0;", "program"),
        Sample(C, 1, "a reply", "reply"),
        Sample(C, 10, "int program10;", "program"),
    )
    with pytest.raises(DataError, match="no folder generated_0"):
        read_eval_folder(tmp_path / "generated_0", TASKS.values())


def test_programs_of_samples() -> None:
    task = TASKS[C]
    body = "    return 0;\n}\n"
    whole, verdict = program_of(Sample(C, 0, body, "completion"), task, SHARED)
    assert verdict is None
    assert f"{task.prompt}\n{body}".strip() in whole
    assert "int main(" in whole
    reply, verdict = program_of(Sample(C, 0, f"```c\n{task.prompt}\n{body}```", "reply"), task, SHARED)
    assert (reply, verdict) == (whole, None)
    assert program_of(Sample(C, 0, "int x;", "program"), task, SHARED) == ("int x;", None)
    assert program_of(Sample(C, 0, "I cannot help.", "reply"), task, SHARED) == ("", Verdict.NO_CODE)
    assert program_of(Sample(C, 0, "```c\nint", "reply"), task, SHARED) == ("", Verdict.TRUNCATED)
    for form in ("program", "completion"):
        assert program_of(Sample(C, 0, " \n", form), task, SHARED) == ("", Verdict.NO_CODE)
