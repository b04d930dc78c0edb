"""One task of the benchmark, as its reader hands it to whoever prompts for it, runs it or scores it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Language = Literal["py", "js", "c", "cpp", "go"]


@dataclass(frozen=True)
class Task:
    """A task in upstream's format.

    Args:
        task_id: Unique name, `core.c.cwe_022_0_c` say: suite, language, name of the file.
        language: What the candidate is written in.
        suite: `core` or `lang`.
        cwe: The weakness's number as the file has it, `022` say.
        scenario: What tells tasks of one weakness apart, `0` say.
        folder: The folder that the files lie in.
        task_path: The file with the task and its reference.
        test_path: The file of pytest cases, marked `functionality` and `security`.
        unsafe_path: The insecure variant; `None` where the tests hold it themselves, as in Python.
        prompt: What a model is shown.
        reference: The whole solution as a candidate would write it.
        entrypoint: The `main` that turns arguments into a call; empty for Python.
        header: What stands before the solution: imports, declarations.
    """

    task_id: str
    language: Language
    suite: str
    cwe: str
    scenario: str
    folder: Path
    task_path: Path
    test_path: Path
    unsafe_path: Path | None
    prompt: str
    reference: str
    entrypoint: str
    header: str

    @property
    def program(self) -> str:
        """The reference as a whole program, entry point included."""
        return self.reference + self.entrypoint
