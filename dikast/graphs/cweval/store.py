"""What is known of tasks from earlier runs on this machine: their cases, and what their references took."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dikast.disk import make_folder
from dikast.files import write_json
from dikast.graphs.cweval.task import Task
from dikast.graphs.cweval.verdict import Case

_VERSION = 2


class Store:
    """Small JSON files in a folder, by hash of the test file; several processes may share it.

    Args:
        folder: Made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def cases(self, task: Task) -> tuple[Case, ...] | None:
        """The cases of a task; `None` where they are not known."""
        found = self._read("cases", task.test_path.read_bytes())
        return None if found is None else tuple(Case(name, kind) for name, kind in found)

    def keep_cases(self, task: Task, cases: Sequence[Case]) -> None:
        """Keep a task's cases."""
        self._write("cases", task.test_path.read_bytes(), [[case.name, case.kind] for case in cases])

    def times(self, task: Task) -> dict[str, float] | None:
        """Seconds that the reference took, by case; `None` where it was not timed."""
        return self._read("times", _task_bytes(task))

    def keep_times(self, task: Task, seconds: Mapping[str, float]) -> None:
        """Keep what the reference took."""
        self._write("times", _task_bytes(task), dict(seconds))

    def _path(self, kind: str, content: bytes) -> Path:
        return self._folder / kind / f"{hashlib.sha256(content).hexdigest()}-{_VERSION}.json"

    def _read(self, kind: str, content: bytes) -> Any:
        try:
            return json.loads(self._path(kind, content).read_text())
        except (OSError, ValueError):
            return None

    def _write(self, kind: str, content: bytes, value: Any) -> None:
        path = self._path(kind, content)
        make_folder(path.parent)
        write_json(path, value)


def _task_bytes(task: Task) -> bytes:
    return task.test_path.read_bytes() + b"\0" + task.reference.encode()
