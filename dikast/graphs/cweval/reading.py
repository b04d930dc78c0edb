"""The tasks of a folder in upstream's format: what can be used, and a line for what cannot.

    for one in read_tasks("benchmark"):
        print(one if isinstance(one, Broken) else one.task_id)

A task is two files that lie side by side, three where there is an insecure variant, the folder being `SUITE/LANGUAGE`:

| file | what |
| --- | --- |
| `cwe_NUMBER_SCENARIO[_LANGUAGE]_task.EXTENSION` | header, prompt, reference and entry point, parted by markers |
| `cwe_NUMBER_SCENARIO[_LANGUAGE]_test.py` | pytest cases, marked `functionality` or `security` |
| `cwe_NUMBER_SCENARIO[_LANGUAGE]_unsafe.EXTENSION` | an insecure solution; more of them: `_unsafe2` and on (ours) |

A marker is a comment on a line of its own: `BEGIN PROMPT`, `BEGIN SOLUTION`, `BEGIN ENTRYPOINT`. Python needs
the second alone: its prompt begins with the file, and tests import the module. Repeated markers are as upstream takes
them: the last `PROMPT` counts, and the first `SOLUTION`.

Nothing is imported or run. Whether the tests work, and whether they tell the insecure from the secure, is for
whoever runs them.
"""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, get_args

from dikast.errors import DataError
from dikast.graphs.cweval.task import Language, Task

LANGUAGES: tuple[Language, ...] = get_args(Language)
"""Extensions, which are also the names of the languages."""
PROMPT, SOLUTION, ENTRYPOINT = "PROMPT", "SOLUTION", "ENTRYPOINT"
MARKER = re.compile(r"^[ \t]*(?://|#|/\*)[ \t]*BEGIN[ \t]+([A-Za-z]+)")
NAME = re.compile(r"cwe_(\d+)_(\d+)(?:_([a-z]+))?")
MADE = ("__pycache__", "compiled", "node_modules")
"""Folders of what was made from the tasks."""
BENCHMARK = "benchmark"
"""Where upstream's repository keeps its tasks."""
NAMING = "name it cwe_NUMBER_SCENARIO_task.py, or cwe_NUMBER_SCENARIO_LANGUAGE_task.LANGUAGE"


@dataclass(frozen=True)
class Broken:
    """A task that cannot be used, as one line says it.

    Args:
        task_id: As it would have been.
        path: The file that is wrong, or missing.
        line: 1-based; `None` where it is no single line's fault.
        message: What is wrong.
        hint: The remedy.
    """

    task_id: str
    path: Path
    line: int | None
    message: str
    hint: str

    @property
    def error(self) -> DataError:
        """The same, to be raised by who wants this task alone."""
        return DataError(self.message, path=self.path, line=self.line, hint=self.hint)

    def __str__(self) -> str:
        """File, line, what is wrong, and what to do."""
        return str(self.error)


class _Wrong(Exception):
    """What a `Broken` is made of."""

    def __init__(self, path: Path, line: int | None, message: str, hint: str) -> None:
        super().__init__(message)
        self.what = (path, line, message, hint)


class _Parts(NamedTuple):
    header: str
    prompt: str
    reference: str
    entrypoint: str


def read_tasks(folder: str | Path) -> list[Task | Broken]:
    """All tasks below a folder, by their ids.

    Args:
        folder: Upstream's `benchmark`, or the repository that holds it; a part of it, such as `benchmark/core/py`; or
            a folder of one's own.

    Raises:
        DataError: There is no such folder, or no task in it.
    """
    root = Path(folder).resolve()
    if not root.is_dir():
        raise DataError("no such folder", path=folder, hint="name the folder that holds core/ and lang/")
    if (root / BENCHMARK).is_dir():
        root = root / BENCHMARK
    groups: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in _files(root):
        stem, _, kind = path.stem.rpartition("_")
        if kind == "task" or (kind == "test" and path.suffix == ".py" and stem.startswith("cwe_")):
            groups[path.parent / stem].append(path)
    if not groups:
        raise DataError("no task in this folder or below it", path=folder, hint=NAMING)
    return _unique([_read(stem, sorted(paths)) for stem, paths in sorted(groups.items())])


def only_tasks(read: list[Task | Broken]) -> list[Task]:
    """Those that can be used."""
    return [one for one in read if isinstance(one, Task)]


def unsafe_paths(task: Task) -> list[Path]:
    """The insecure variants that are files: `_unsafe`, then `_unsafe2` and on, which are an addition of ours."""
    if task.unsafe_path is None:
        return []
    stem = task.unsafe_path.stem
    more = (task.folder / f"{stem}{number}{task.unsafe_path.suffix}" for number in range(2, 10))
    return [task.unsafe_path, *(path for path in more if path.is_file())]


def _files(root: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in MADE and not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names))


def _read(stem: Path, paths: list[Path]) -> Task | Broken:
    tasks = [path for path in paths if path.suffix != ".py" or path.stem.endswith("_task")]
    language = tasks[0].suffix[1:] if tasks else stem.parent.name
    suite = stem.parent.parent.name if stem.parent.name == language else stem.parent.name
    task_id = f"{suite}.{language}.{stem.name}"
    try:
        return _task(task_id, suite, stem, tasks)
    except _Wrong as wrong:
        return Broken(task_id, *wrong.what)


def _task(task_id: str, suite: str, stem: Path, tasks: list[Path]) -> Task:
    test = stem.with_name(f"{stem.name}_test.py")
    if not tasks:
        raise _Wrong(test, None, "a test file without a task", f"add {stem.name}_task with its language's extension")
    if len(tasks) > 1:
        names = " and ".join(path.name for path in tasks)
        raise _Wrong(tasks[0], None, f"two references for one test: {names}", "keep one of them, or rename the other")
    path = tasks[0]
    language, number, scenario = _named(path, stem.name)
    parts = _parts(path, _text(path), language)
    if not test.is_file():
        raise _Wrong(test, None, f"the tests of {path.name} are missing", "write them, or take the task away")
    _refuse_bad_python(test, _text(test))
    unsafe = stem.with_name(f"{stem.name}_unsafe{path.suffix}")
    found = unsafe if unsafe.is_file() else None
    return Task(task_id, language, suite, number, scenario, path.parent, path, test, found, parts.prompt,
                parts.reference, parts.entrypoint, parts.header)  # fmt: skip


def _named(path: Path, stem: str) -> tuple[Language, str, str]:
    """Language, number of the weakness, scenario."""
    name, extension = NAME.fullmatch(stem), path.suffix[1:]
    if extension not in LANGUAGES:
        raise _Wrong(path, None, f"no language has the extension {path.suffix!r}", f"known: {', '.join(LANGUAGES)}")
    if not name:
        raise _Wrong(path, None, "the name does not say weakness and scenario", NAMING)
    if (name[3] or "py") != extension:
        raise _Wrong(path, None, f"the name says {name[3] or 'py'}, the extension {extension}", NAMING)
    return extension, name[1], name[2]


def _text(path: Path) -> str:
    data = b""
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise _Wrong(path, None, f"cannot be read: {error.strerror}", "give the right to read it") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Wrong(path, line, "not UTF-8", "save the file as UTF-8") from error


def _parts(path: Path, text: str, language: Language) -> _Parts:
    lines = text.splitlines(keepends=True)
    places = _markers(path, lines)
    for needed in (SOLUTION,) if language == "py" else (PROMPT, SOLUTION, ENTRYPOINT):
        if not places[needed]:
            comment = "#" if language == "py" else "//"
            raise _Wrong(path, None, f"no marker BEGIN {needed}", f"add the line {comment} BEGIN {needed}")
    if len(places[ENTRYPOINT]) > 1:
        raise _Wrong(path, places[ENTRYPOINT][1] + 1, "a second BEGIN ENTRYPOINT", "keep one of them")
    begin = places[PROMPT][-1] + 1 if places[PROMPT] else 0
    solution = places[SOLUTION][0]
    entry = places[ENTRYPOINT][0] if places[ENTRYPOINT] else len(lines)
    if not begin <= solution < entry or places[SOLUTION][-1] > entry:
        order = "the order is PROMPT, SOLUTION, ENTRYPOINT"
        raise _Wrong(path, solution + 1, "BEGIN SOLUTION stands out of place", order)
    prompt = "".join(lines[begin:solution]).strip()
    if not prompt:
        raise _Wrong(path, solution + 1, "no prompt before BEGIN SOLUTION", "write signature and docstring there")
    if not "".join(lines[solution + 1 : entry]).strip():
        raise _Wrong(path, solution + 1, "no reference after BEGIN SOLUTION", "write the solution there")
    header = "".join(line for line in lines[:begin] if not MARKER.match(line)).strip()
    return _Parts(header, prompt, "".join(lines[:entry]), "".join(lines[entry:]))


def _markers(path: Path, lines: list[str]) -> dict[str, list[int]]:
    """Marker -> the 0-based lines on which it stands."""
    places: dict[str, list[int]] = {PROMPT: [], SOLUTION: [], ENTRYPOINT: []}
    for place, line in enumerate(lines):
        marker = MARKER.match(line)
        if marker is None:
            continue
        if marker[1] not in places:
            known = ", ".join(f"BEGIN {name}" for name in places)
            raise _Wrong(path, place + 1, f"an unknown marker: BEGIN {marker[1]}", f"known: {known}")
        places[marker[1]].append(place)
    return places


def _refuse_bad_python(path: Path, text: str) -> None:
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise _Wrong(path, error.lineno, f"the tests are no Python: {error.msg}", "mend this line") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise _Wrong(path, None, f"the tests are no Python: {error}", "mend the file") from error


def _unique(read: list[Task | Broken]) -> list[Task | Broken]:
    """A second task of an id is told: two folders of the same names, one of which may be a copy."""
    first: dict[str, Task | Broken] = {}
    found: list[Task | Broken] = []
    for one in read:
        other = first.setdefault(one.task_id, one)
        if other is not one and isinstance(one, Task):
            path, other_path = one.task_path, other.task_path if isinstance(other, Task) else other.path
            hint = "name a folder that holds one of them"
            found.append(Broken(one.task_id, path, None, f"a task of the same id lies in {other_path.parent}", hint))
        else:
            found.append(one)
    return sorted(found, key=lambda one: one.task_id)
