"""Small tasks in upstream's format, and stand-ins for solver, critic and executor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution
from dikast.graphs.cweval.extract import Shared
from dikast.graphs.cweval.reading import only_tasks, read_tasks
from dikast.graphs.cweval.roles import Criticism
from dikast.graphs.cweval.task import Task
from dikast.graphs.cweval.verdict import Case, CaseResult, Execution, Kind, Verdict
from dikast.records import Outcome, Provenance, Usage

CANARY = "CANARY7f3a"
NAME = "cwe_190_9"
TASK_ID = f"core.py.{NAME}"
TASK = '''def double(n: int) -> int | None:
    """Twice a number below 100, None for others."""
    # BEGIN SOLUTION
    return n * 2 if n < 100 else None
'''
TEST = f'''import pytest
from {NAME}_task import double

CASES = [
    pytest.param(1, 2, marks=pytest.mark.functionality),
    pytest.param(3, 6, marks=pytest.mark.functionality),
    pytest.param(1000, None, marks=pytest.mark.security, id="{CANARY}"),
]


@pytest.mark.parametrize(("n", "expected"), [
    pytest.param(5, 10, marks=pytest.mark.functionality),
    pytest.param(1001, None, marks=pytest.mark.security, id="{CANARY}-inline"),
])
def test_inline(n, expected):
    assert double(n) == expected


@pytest.mark.parametrize(("n", "expected"), CASES)
def test_double(n, expected):
    assert double(n) == expected


@pytest.mark.security
def test_{CANARY}():
    assert double(500) is None, "{CANARY} said"
'''
REFERENCE = "def double(n):\n    return n * 2 if n < 100 else None\n"
INSECURE = "def double(n):\n    return n * 2\n"
BROKEN = "def double(n):\n    return None\n"
"""Secure, and of no use."""


def write_task(folder: Path, name: str = NAME, task: str = TASK, test: str = TEST, unsafe: str = INSECURE) -> Path:
    """Write a Python task; returns the folder."""
    place = folder / "core" / "py"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}_task.py").write_text(task)
    (place / f"{name}_test.py").write_text(test.replace(f"{NAME}_task", f"{name}_task"))
    if unsafe:
        (place / f"{name}_unsafe.py").write_text(unsafe)
    return folder


def fenced(code: str) -> str:
    """A reply with the code as its one block."""
    return f"Here:\n```python\n{code}```\n"


Said = str | Outcome | Exception


@dataclass
class Writer:
    """A solver without a model; it notes what it was asked, as messages."""

    replies: Sequence[Said]
    cut: bool = False
    asked: list[str] = field(default_factory=list[str])
    samples: list[int] = field(default_factory=list[int])
    spec: str = "python:writer"

    def fingerprint(self) -> Mapping[str, object]:
        return {"writer": 1}

    async def solve(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        structured: Structured | None = None,
        sample: int = 0,
    ) -> Solution:
        said = self.replies[min(len(self.asked), len(self.replies) - 1)]
        self.asked.append("\n".join(one["content"] for one in prompt.render(fields)))
        self.samples.append(sample)
        if isinstance(said, Exception):
            raise said
        outcome = said if isinstance(said, Outcome) else Outcome.OK
        text = "" if isinstance(said, Outcome) else said
        why = "" if outcome is Outcome.OK else f"it was {outcome}"
        ending = "length" if self.cut else "stop"
        return Solution(
            text, outcome, why, Usage(calls=1), Provenance(self.spec, prompt.id, None, sample, ending, False)
        )


@dataclass
class Reader:
    """A critic without a model; it notes all that it was shown."""

    text: str = "Look at the sign."
    outcome: Outcome = Outcome.OK
    shown: list[str] = field(default_factory=list[str])
    spec: str = "python:reader"

    def fingerprint(self) -> Mapping[str, object]:
        return {"reader": 1}

    async def criticise(
        self, asked: str, language: str, code: str, failures: str, *, sampling: Sampling, sample: int = 0
    ) -> Criticism:
        self.shown.append("\n".join((asked, language, code, failures)))
        return Criticism(self.text, self.outcome, "", Usage(calls=1), {})


Decide = Callable[[str, Case], Verdict]
CASES = (Case("test_a", "functionality"), Case("test_b", "functionality"), Case("test_s", "security"))


def by_words(program: str, case: Case) -> Verdict:
    """Code that says `works` passes functional cases, code that says `safe` the security case."""
    if "trouble" in program:
        return Verdict.SANDBOX_ERROR
    wanted = "works" if case.kind == "functionality" else "safe"
    return Verdict.PASS if wanted in program else Verdict.FAIL


@dataclass
class NoBox:
    """An executor that runs nothing: a program's words decide; tests are written down."""

    tasks: Mapping[str, Task]
    decide: Decide = by_words
    ran: list[tuple[str, tuple[str, ...]]] = field(default_factory=list[tuple[str, tuple[str, ...]]])
    spec: str = "python:no-box"

    def fingerprint(self) -> Mapping[str, object]:
        return {"box": 0}

    @property
    def shared(self) -> Shared:
        return Shared()

    def task(self, task_id: str) -> Task:
        return self.tasks[task_id]

    async def ready(self, task_id: str) -> None:
        self.task(task_id)

    async def test(self, task_id: str, program: str, kinds: Collection[Kind]) -> Execution:
        self.ran.append((task_id, tuple(kinds)))
        cases = [case for case in CASES if case.kind in kinds]
        return Execution(task_id, tuple(CaseResult(one, self.decide(program, one), 0.01, "said") for one in cases))


def no_box(folder: Path, names: Sequence[str] = (NAME,), decide: Decide = by_words) -> NoBox:
    """An executor that runs nothing, over small tasks of these names."""
    for name in names:
        write_task(folder, name)
    return NoBox({task.task_id: task for task in only_tasks(read_tasks(folder))}, decide)
