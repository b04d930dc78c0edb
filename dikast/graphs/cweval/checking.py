"""Whether tasks are fit to be scored on: what their tests say of answers that are known.

    async with TaskOracle("benchmark") as oracle:
        checked = await check(oracle, list(oracle.tasks.values()))
    [one.task_id for one in checked if one.standing != "usable"]

Each task's tests are given the reference, twice; every insecure variant; a file with nothing in it but a comment; and a
refusal. The first run of the reference also says how long each case takes on this machine, which is what its time limit
is made of from then on.

| standing | when |
| --- | --- |
| `usable` | the reference passes both times, and nothing else passes everything |
| `vacuous` | an insecure variant, an empty file or a refusal passes all cases, security and functionality |
| `flaky` | the reference passes one time of two |
| `wrong` | the reference fails; or the files cannot be read, or one kind of cases is not there |
| `missing toolchain` | a compiler, an interpreter or a library lacks; `why` says what to install |
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from dikast.errors import DataError, MissingExtraError
from dikast.graphs.cweval.reading import Broken, unsafe_paths
from dikast.graphs.cweval.task import Language, Task
from dikast.graphs.cweval.task_oracle import TaskOracle, needed
from dikast.graphs.cweval.toolchains import Toolchain, toolchain
from dikast.graphs.cweval.verdict import KINDS, Execution, Verdict

Standing = Literal["usable", "vacuous", "flaky", "wrong", "missing toolchain"]
REFUSAL = "I cannot help with that."
NOTHING = {"py": "# nothing\n", "js": "// nothing\n", "c": "// nothing\n", "cpp": "// nothing\n", "go": "// nothing\n"}
MOST = 300
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task's tests said of a known answer."""

    functional: bool
    secure: bool

    @property
    def caught(self) -> bool:
        """Of an insecure variant: it works, and is seen to be unsafe."""
        return self.functional and not self.secure


@dataclass(frozen=True)
class Checked:
    """One task.

    Args:
        task_id: The task.
        standing: See the module.
        why: Why it is not usable, in one line.
        references: Whether the reference passed, each time.
        insecure: Name of an insecure variant -> what the tests said of it.
        nothing: What they said of an empty file and of a refusal.
        compile_s: Seconds of compiling the reference; 0 where it was at hand.
        tests_s: Seconds of testing it once.
        peak_bytes: The most memory of a box.
    """

    task_id: str
    standing: Standing
    why: str = ""
    references: tuple[bool, ...] = ()
    insecure: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    nothing: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    compile_s: float = 0.0
    tests_s: float = 0.0
    peak_bytes: int = 0

    @property
    def secure_for_nothing(self) -> bool:
        """Whether an empty file or a refusal passes the security cases: security alone then says little."""
        return any(one.secure for one in self.nothing.values())


async def check(
    oracle: TaskOracle,
    tasks: Sequence[Task | Broken],
    *,
    concurrency: int | None = None,
    on_done: Callable[[Checked], None] = lambda _: None,
) -> list[Checked]:
    """Check tasks, in their order.

    Args:
        oracle: Holds them.
        tasks: Which; what cannot be read is `wrong`.
        concurrency: Tasks at once; `None` is one per usable core.
        on_done: Hears of each that is checked.

    Raises:
        SandboxError: Nothing can be run safely.
    """
    gate = asyncio.Semaphore(concurrency or len(os.sched_getaffinity(0)))

    async def one(task: Task | Broken) -> Checked:
        async with gate:
            found = (
                Checked(task.task_id, "wrong", str(task)) if isinstance(task, Broken) else await _check(oracle, task)
            )
        on_done(found)
        return found

    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(one(task)) for task in tasks]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in running]


async def _check(oracle: TaskOracle, task: Task) -> Checked:
    try:
        needed(task)
        await oracle.ready(task.task_id)
        return await _judge(oracle, task)
    except MissingExtraError as error:
        return Checked(task.task_id, "missing toolchain", str(error))
    except DataError as error:
        lacking = _lacking(task)
        return Checked(task.task_id, "missing toolchain" if lacking else "wrong", lacking or str(error))


async def _judge(oracle: TaskOracle, task: Task) -> Checked:
    first = await oracle.time(task.task_id)
    second = await oracle.test(task.task_id, task.program, KINDS)
    passed = tuple(one.functional_and_secure for one in (first, second))
    known = Checked(
        task.task_id,
        "usable",
        references=passed,
        compile_s=first.compile_s,
        tests_s=first.tests_s,
        peak_bytes=max(first.peak_bytes, second.peak_bytes),
    )
    if not any(passed):
        lacking = _lacking(task)
        return replace(known, standing="missing toolchain" if lacking else "wrong", why=lacking or _told(first))
    if not all(passed):
        failed = first if second.functional_and_secure else second
        return replace(known, standing="flaky", why=f"the reference passes one time of two: {_told(failed)}")
    insecure = {path.name: await _answer(oracle, task, path.read_text("utf-8")) for path in unsafe_paths(task)}
    nothing = {
        "an empty file": await _answer(oracle, task, NOTHING[task.language]),
        "a refusal": await _answer(oracle, task, REFUSAL),
    }
    passing = [name for name, one in {**insecure, **nothing}.items() if one.functional and one.secure]
    if not passing:
        return replace(known, insecure=insecure, nothing=nothing)
    why = f"{' and '.join(passing)} {'pass' if len(passing) > 1 else 'passes'} all cases"
    if set(passing) & set(nothing):
        why += ": the tests do not look at the candidate"
    return replace(known, standing="vacuous", why=why, insecure=insecure, nothing=nothing)


async def _answer(oracle: TaskOracle, task: Task, program: str) -> Answer:
    found = await oracle.test(task.task_id, program, KINDS)
    return Answer(found.functional, found.secure)


def _told(execution: Execution) -> str:
    """Why a reference did not pass, in one line."""
    failed = next((one for one in execution.cases if one.verdict is not Verdict.PASS), None)
    if failed is None:
        there = {one.case.kind for one in execution.cases}
        return f"no case is marked {next(kind for kind in KINDS if kind not in there)}"
    lines = [line.strip() for line in failed.reason.strip().splitlines() if line.strip()]
    said = next((line[1:].strip() for line in lines if line.startswith("E ")), lines[-1] if lines else "")
    return f"the reference: {failed.case.name}: {failed.verdict}" + (f": {said[:MOST]}" if said else "")


def _lacking(task: Task) -> str:
    """What to install, where the task or its tests use a library that is not here; else empty."""
    text = task.reference + task.test_path.read_text(encoding="utf-8")
    found: dict[str, Toolchain] = {}
    languages: tuple[Language, ...] = (task.language, "py")
    for tools in map(toolchain, languages):
        found |= {name: tools for name in tools.missing if _uses(text, name, tools.language)}
    return "; ".join(f"{name} is missing ({tools.remedy})" for name, tools in found.items())


def _uses(text: str, name: str, language: str) -> bool:
    if language == "py":
        return re.search(rf"^\s*(?:import|from)\s+{re.escape(name)}\b", text, re.MULTILINE) is not None
    if language in ("c", "cpp"):
        return any(name.endswith(one) for one in re.findall(r"#[ \t]*include[ \t]*<([^>\n]+)>", text))
    return re.search(rf"[\"'/]{re.escape(name)}[\"'/]", text) is not None


def as_dict(one: Checked) -> dict[str, object]:
    """A checked task, for JSON."""
    known = {"insecure": one.insecure, "nothing": one.nothing}
    return {
        "task_id": one.task_id,
        "standing": one.standing,
        "why": one.why,
        "references": list(one.references),
        **{
            name: {it: {"functional": said.functional, "secure": said.secure} for it, said in answers.items()}
            for name, answers in known.items()
        },
        "secure_for_nothing": one.secure_for_nothing,
        "compile_s": round(one.compile_s, 3),
        "tests_s": round(one.tests_s, 3),
        "peak_bytes": one.peak_bytes,
    }
