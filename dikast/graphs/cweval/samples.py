"""Samples that were made elsewhere: HumanEval-like files, and the folders of upstream's program.

    samples = read_samples("samples.jsonl", tasks)       # {"task_id": ..., "solution": ...} a line
    samples = read_eval_folder("evals/eval_x", tasks)    # generated_0/core/c/cwe_022_0_c_raw.c, ...
    recorded = read_results("evals/eval_x", tasks)       # what upstream measured: res.json, else res_all.json

| field | what |
| --- | --- |
| `task_id` | a task's id, here with dots or slashes: `core.c.cwe_022_0_c` |
| `solution` | a reply, or a program: code is looked for in it |
| `completion` | what stands behind the prompt: the two together are the code |
| `sample` | the number among the task's samples, from 0; without it they are counted as they come |

Nothing is dropped in silence: a sample that is named twice, or has both texts or none, is an error; one of a task that
is not in the folder is told in `Samples.unknown`, since a file may have been made for all tasks, and scored on some.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from dikast.errors import DataError
from dikast.graphs.cweval.extract import BlockChoice, Shared, complete, extract
from dikast.graphs.cweval.reading import LANGUAGES
from dikast.graphs.cweval.records import SampleResult, Verdict
from dikast.graphs.cweval.task import Task
from dikast.json_text import read_json
from dikast.row import Row
from dikast.rows import read_rows

Form = Literal["reply", "completion", "program"]
GENERATED = re.compile(r"generated_(\d{1,9})")
RESULTS, ALL_RESULTS = "res.json", "res_all.json"
TEXTS = ("solution", "completion")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a model made of a task, once.

    Args:
        task_id: The task.
        sample: Its number, from 0.
        text: What was written.
        form: A whole `reply`, of which code is a part; a `completion`, which the prompt goes before; or a `program`,
            entry point included.
    """

    task_id: str
    sample: int
    text: str
    form: Form


@dataclass(frozen=True, slots=True)
class Samples:
    """What was read.

    Args:
        samples: Those of known tasks, by task and number.
        unknown: Ids of tasks that are not among the given -> how many samples they have.
    """

    samples: tuple[Sample, ...]
    unknown: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Recorded:
    """What upstream's program measured.

    Args:
        results: A result a sample, as it was written down.
        asked: Samples that were asked for, a task.
        unknown: As for `Samples`.
    """

    results: tuple[SampleResult, ...]
    asked: int
    unknown: Mapping[str, int] = field(default_factory=dict[str, int])


def read_samples(path: str | Path, tasks: Iterable[Task], columns: Mapping[str, str] | None = None) -> Samples:
    """Read a file with a sample a row, in any format that `dikast.rows` reads.

    Raises:
        DataError: The file or a row is wrong: says where; or no sample is of a known task.
    """
    known = {task.task_id for task in tasks}
    seen: Counter[str] = Counter()
    named: set[tuple[str, int]] = set()
    samples: list[Sample] = []
    for row in read_rows(path, columns):
        sample = _sample(row, seen)
        if (sample.task_id, sample.sample) in named:
            message = f"sample {sample.sample} of {sample.task_id} stands here a second time"
            raise row.error("sample", message, "number the samples of a task from 0, or leave the numbers out")
        named.add((sample.task_id, sample.sample))
        samples.append(sample)
    return _known(samples, known, Path(path))


def program_of(sample: Sample, task: Task, shared: Shared, block: BlockChoice = "first") -> tuple[str, Verdict | None]:
    """The program to be tested; or an empty text, and why there is none.

    Code is looked for in a reply alone: a completion stands behind the prompt as it is, a program is one already.
    """
    if not sample.text.strip():
        return "", Verdict.NO_CODE
    if sample.form == "program":
        return sample.text, None
    if sample.form == "completion":
        return complete(f"{task.prompt}\n{sample.text}", task, shared), None
    found = extract(sample.text, task, block=block)
    return (complete(found.code, task, shared), None) if found.verdict is None else ("", found.verdict)


def read_eval_folder(folder: str | Path, tasks: Iterable[Task]) -> Samples:
    """Read what upstream's program generated: the replies (`_raw`), or the programs (`_task`) where they are gone.

    Raises:
        DataError: There is no `generated_N` in the folder, or no sample of a known task.
    """
    samples: list[Sample] = []
    for number, generated in _generated(Path(folder)):
        found: dict[str, Sample] = {}
        for path in sorted(one for one in generated.rglob("*_*") if one.suffix[1:] in LANGUAGES and one.is_file()):
            stem, _, kind = path.stem.rpartition("_")
            task_id = ".".join((*path.parent.relative_to(generated).parts, stem))
            if kind in ("raw", "task") and (kind == "raw" or task_id not in found):
                found[task_id] = Sample(task_id, number, _text(path), "reply" if kind == "raw" else "program")
        samples += found.values()
    return _known(samples, {task.task_id for task in tasks}, Path(folder))


def read_results(folder: str | Path, tasks: Iterable[Task]) -> Recorded:
    """Read what upstream's program measured, sample by sample, its own judgement unchanged.

    A sample that it dropped, since its module could not be imported, is absent, so that it counts as a failure here. Of
    `res_all.json` alone the numbers of the samples are not known, and how many were asked for is the most of any task.

    Raises:
        DataError: The folder has neither file, or one is not what upstream writes.
    """
    folder, known = Path(folder), {task.task_id for task in tasks}
    parts = [
        (number, path / RESULTS) for number, path in _generated(folder, needed=False) if (path / RESULTS).is_file()
    ]
    if parts:
        found = [one for number, path in parts for one in _of_one_round(path, number)]
        asked = len(_generated(folder))
    else:
        found = list(_of_all(folder / ALL_RESULTS))
        asked = max((one.sample + 1 for one in found), default=0)
    unknown = Counter(one.task_id for one in found if one.task_id not in known)
    return Recorded(tuple(one for one in found if one.task_id in known), asked, dict(unknown))


def _sample(row: Row, seen: Counter[str]) -> Sample:
    task_id = row.text("task_id").replace("/", ".")
    texts = [name for name in TEXTS if row.values.get(name) is not None]
    if len(texts) != 1:
        what = "both solution and completion" if texts else "neither solution nor completion"
        raise row.error("solution", f"the row has {what}", "give one of them")
    number = seen[task_id]
    if row.values.get("sample") is not None:
        value = row.number("sample")
        if value < 0 or value != int(value):
            raise row.error("sample", f"not a whole number from 0: {value:g}")
        number = int(value)
    seen[task_id] += 1
    return Sample(task_id, number, row.text(texts[0]), "completion" if texts[0] == "completion" else "reply")


def _known(samples: list[Sample], known: set[str], path: Path) -> Samples:
    mine = sorted((one for one in samples if one.task_id in known), key=lambda one: (one.task_id, one.sample))
    unknown = Counter(one.task_id for one in samples if one.task_id not in known)
    if not mine:
        example = next(iter(unknown), "none")
        message = f"none of the {len(samples)} samples is of a task in the tasks' folder; the first is of {example!r}"
        raise DataError(message, path=path, hint=f"ids are like {min(known, default='core.py.cwe_022_0')}")
    return Samples(tuple(mine), dict(unknown))


def _generated(folder: Path, *, needed: bool = True) -> list[tuple[int, Path]]:
    """The folders `generated_N`, by their numbers."""
    paths = folder.iterdir() if folder.is_dir() else iter(())
    found = [(int(name[1]), path) for path in paths if (name := GENERATED.fullmatch(path.name)) and path.is_dir()]
    if needed and not found:
        raise DataError(
            "no folder generated_0, generated_1, ...", path=folder, hint="name a folder such as evals/eval_x"
        )
    return sorted(found)


def _of_one_round(path: Path, number: int) -> Iterator[SampleResult]:
    for name, value in _object(read_json(path), path).items():
        fields = _object(value, path, name)
        functional, secure = (_truth(fields.get(key), path, name) for key in ("functional", "secure"))
        yield _result(_task_id(name), number, functional, secure)


def _of_all(path: Path) -> Iterator[SampleResult]:
    for name, value in _object(read_json(path), path).items():
        fields = _object(value, path, name)
        columns = [fields.get(key) for key in ("functional", "secure")]
        if not all(isinstance(column, list) for column in columns):
            raise _not_upstreams(path, name)
        functional, secure = cast(list[list[object]], columns)
        if len(functional) != len(secure):
            raise _not_upstreams(path, name)
        for number, (works, safe) in enumerate(zip(functional, secure, strict=True)):
            yield _result(_task_id(name), number, _truth(works, path, name), _truth(safe, path, name))


def _result(task_id: str, number: int, functional: bool, secure: bool) -> SampleResult:
    return SampleResult(task_id, number, Verdict.PASS if functional and secure else Verdict.FAIL, functional, secure)


def _task_id(name: str) -> str:
    """`evals/eval_x/generated_0/core/c/cwe_022_0_c_test.py` -> `core.c.cwe_022_0_c`."""
    path = Path(name)
    return ".".join((*path.parent.parts[-2:], path.stem.removesuffix("_test")))


def _object(value: object, path: Path, field: str | None = None) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _not_upstreams(path, field)
    return cast(dict[str, object], value)


def _truth(value: object, path: Path, field: str) -> bool:
    if not isinstance(value, bool):
        raise _not_upstreams(path, field)
    return value


def _not_upstreams(path: Path, field: str | None) -> DataError:
    hint = "upstream writes {test file: {functional, secure}}, truth values in res.json, lists of them in res_all.json"
    return DataError("not a file of upstream's results", path=path, field=field, hint=hint)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
