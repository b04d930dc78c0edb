"""Run a task's tests against a candidate that may be hostile.

    async with Executor() as executor:
        execution = await executor.run(task, code)
    execution.functional, execution.secure, [result.verdict for result in execution.cases]

The test's process and the candidate's are two, in boxes of their own; what goes between them is values (Python) or
arguments, output and files under `/tmp` (programs). Which cases there are is found out before there is a candidate, and
each of them gets a verdict. Why it is built so: docs/design/sandbox.md.

Not covered: what a test itself gives away, by trusting what a candidate says about itself.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from dikast.agents.models.catalog import cache_folder
from dikast.errors import DataError, MissingExtraError
from dikast.graphs.cweval import session as sessions
from dikast.graphs.cweval import stage as stages
from dikast.graphs.cweval.compiling import COMPILED, Compiled, Compiler, sanitized
from dikast.graphs.cweval.session import Session
from dikast.graphs.cweval.stage import Stage
from dikast.graphs.cweval.store import Store
from dikast.graphs.cweval.task import Language, Task
from dikast.graphs.cweval.toolchains import toolchain
from dikast.graphs.cweval.verdict import KINDS, Case, CaseResult, Execution, Kind, Verdict, same
from dikast.sandbox.programs import Limits, Programs, Status

LEAST_S, TIMES = 3.0, 5.0
"""A case may take the longer of this and so many times what the reference took; upstream allows 3 s."""

UNKNOWN_S = 60.0
"""What a case may take where no reference was timed: one of upstream's makes keys for 26 s."""

LIMITS = Limits(
    wall_s=3600,  # the clock is each case's
    cpu_s=120, memory_bytes=2 << 30, processes=256, file_bytes=64 << 20, disk_bytes=128 << 20, printed_bytes=64 << 20,
)  # fmt: skip

_SELF_CHECK = "_unsafe"
"""Upstream's mark of tests that check the oracle against an insecure variant."""


class Executor:
    """Compiles and tests candidates, several at once.

    Args:
        workers: Boxes at once; `None` is one per usable core.
        limits: Of the box with test and candidate.
        folder: Where binaries, cases and times are kept; `None` is in the cache folder.
    """

    def __init__(self, workers: int | None = None, *, limits: Limits = LIMITS, folder: Path | None = None) -> None:
        folder = folder or cache_folder() / "cweval"
        self.programs = Programs(limits, workers)
        self.limits = limits
        self._compiler = Compiler(self.programs, folder / "compiled")
        self._store = Store(folder)

    async def __aenter__(self) -> Self:
        """Make sure that boxes hold.

        Raises:
            SandboxError: They cannot be made, or do not hold.
        """
        await self.programs.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        """End all that still runs."""
        await self.programs.__aexit__(*error)

    async def cases(self, task: Task) -> tuple[Case, ...]:
        """The cases for candidates, found without one.

        Raises:
            DataError: The test file cannot be imported, or has no marked case; says which.
            MissingExtraError: pytest is not installed.
        """
        if (kept := self._store.cases(task)) is not None:
            return kept
        _needed("py")
        async with self.programs.turn():
            heard = await sessions.run(
                self.programs, stages.collecting(task), self.limits, (), {}, import_s=UNKNOWN_S, collect=True
            )
        if heard.broken is not None or not heard.done:
            why = (heard.broken or heard.ran.stderr.decode(errors="replace") or str(heard.ran.status)).strip()
            raise DataError(f"cannot collect the tests: {why.splitlines()[-1] if why else '?'}", path=task.test_path)
        found = tuple(
            Case(name, kind)
            for name, marks in heard.cases
            for kind in KINDS
            if [kind] == marks[:1] and _SELF_CHECK not in name.lower()
        )
        if not found:
            raise DataError("no case is marked functionality or security", path=task.test_path)
        self._store.keep_cases(task, found)
        return found

    async def run(
        self,
        task: Task,
        code: str,
        *,
        kinds: Collection[Kind] = KINDS,
        reference_s: Mapping[str, float] | None = None,
    ) -> Execution:
        """Test a candidate.

        Args:
            task: The task.
            code: The whole candidate.
            kinds: Which cases; the others are neither run nor told.
            reference_s: What each case took with the reference, by name; `None` is what `calibrate` kept.

        Raises:
            DataError: The task's own test file does not work.
            MissingExtraError: The language's toolchain is missing.
            SandboxError: No box can be made.
        """
        cases = tuple(case for case in await self.cases(task) if case.kind in kinds)
        if not code.strip():
            return Execution(task.task_id, same(cases, Verdict.NO_CODE))
        _needed(task.language)
        made = Compiled(b"")
        if task.language in COMPILED:
            made = await self._compiler.compile(task.language, code, sanitize=sanitized(task))
            if made.binary is None:
                results = same(cases, Verdict.COMPILE_ERROR, made.error)
                return Execution(task.task_id, results, compile_s=made.seconds)
        reference = self._store.times(task) if reference_s is None else reference_s
        seconds = {case.name: _allowed(reference, case) for case in cases}
        candidate = _Candidate(self.programs, _stage(task, code, made, self.limits), self.limits, seconds)
        await candidate.run([case.name for case in cases])
        results = tuple(candidate.result(case) for case in cases)
        return Execution(task.task_id, results, made.seconds, candidate.tests_s, candidate.peak_bytes)

    async def calibrate(self, task: Task) -> Execution:
        """Test the reference with ample time; where it passes, keep what each case took, for `run`.

        Raises:
            DikastError: As `run` does.
        """
        execution = await self.run(task, task.program, reference_s={})
        if all(one.verdict is Verdict.PASS for one in execution.cases):
            self._store.keep_times(task, {one.case.name: one.seconds for one in execution.cases})
        return execution

    def is_calibrated(self, task: Task) -> bool:
        """Whether this machine knows how long the reference takes."""
        return self._store.times(task) is not None


class _Candidate:
    """One candidate's way through its cases: as many boxes as its timeouts and deaths make necessary."""

    def __init__(self, programs: Programs, stage: Stage, limits: Limits, seconds: Mapping[str, float]) -> None:
        self._programs, self._stage, self._limits, self._seconds = programs, stage, limits, seconds
        self._verdicts: dict[str, tuple[Verdict, float, str]] = {}
        self.tests_s, self.peak_bytes = 0.0, 0

    def result(self, case: Case) -> CaseResult:
        return CaseResult(case, *self._verdicts[case.name])

    async def run(self, names: Sequence[str]) -> None:
        """Run until each case has its verdict; one that ran out of time runs once more, alone on this machine."""
        left: list[str] = list(names)
        alone, attempts = False, 0
        while left:
            asked: list[str] = left[:1] if alone else list(left)
            heard = await self._session(asked, alone=alone)
            self._note(heard)
            if heard.broken is not None or (not heard.loaded and self._stuck(heard, alone=alone, attempts=attempts)):
                self._all(left, heard)
                return
            left = [name for name in left if name not in self._verdicts]
            attempts = 0 if heard.loaded else attempts + 1
            if heard.current is None or heard.current in self._verdicts:
                if heard.done:  # a session alone is done with the one case that it was asked about
                    self._give(asked, Verdict.SANDBOX_ERROR, "the runner left it out")
                    left = [name for name in left if name not in self._verdicts]
                alone = not heard.loaded and heard.timed_out
                continue
            if heard.timed_out and not alone:
                left.remove(heard.current)
                left.insert(0, heard.current)
                alone = True
                continue
            self._give([heard.current], *_death(heard))
            left.remove(heard.current)
            alone = False

    async def _session(self, names: Sequence[str], *, alone: bool) -> Session:
        async with self._programs.turn(alone=alone):
            import_s = max(UNKNOWN_S / 4, *(self._seconds[name] for name in names))
            heard = await sessions.run(
                self._programs, self._stage, self._limits, names, self._seconds, import_s=import_s
            )
        self.tests_s += heard.ran.wall_s
        self.peak_bytes = max(self.peak_bytes, heard.ran.peak_bytes)
        return heard

    def _note(self, heard: Session) -> None:
        for name, (passed, seconds, reason) in heard.ended.items():
            verdict = Verdict.PASS if passed else Verdict.FAIL
            if seconds > self._seconds.get(name, UNKNOWN_S):
                verdict, reason = Verdict.TIMEOUT, "took too long"
            if name in heard.tampered:
                verdict, reason = Verdict.CHEATED, heard.tampered[name]
            self._verdicts.setdefault(name, (verdict, seconds, reason))

    @staticmethod
    def _stuck(heard: Session, *, alone: bool, attempts: int) -> bool:
        """Whether the import will not get further: it ran out of time alone too, or died twice."""
        return alone if heard.timed_out else attempts > 0

    def _all(self, names: Sequence[str], heard: Session) -> None:
        if "" in heard.tampered:
            verdict, reason = Verdict.CHEATED, heard.tampered[""]
        elif heard.broken is not None:
            verdict, reason = Verdict.IMPORT_ERROR, heard.broken
        elif heard.timed_out:
            verdict, reason = Verdict.TIMEOUT, "its import did not end"
        elif heard.ran.status is Status.MEMORY:
            verdict, reason = Verdict.IMPORT_ERROR, "its import took too much memory"
        else:
            said = heard.ran.stderr.decode(errors="replace").strip().splitlines()
            verdict, reason = Verdict.SANDBOX_ERROR, f"the runner ended: {said[-1] if said else heard.ran.status}"
        self._give(names, verdict, reason)

    def _give(self, names: Sequence[str], verdict: Verdict, reason: str) -> None:
        for name in names:
            self._verdicts.setdefault(name, (verdict, 0.0, reason))


def _death(heard: Session) -> tuple[Verdict, str]:
    """The verdict on the case in which the test's process ended."""
    if heard.timed_out:
        return Verdict.TIMEOUT, "it did not end, alone on the machine either"
    if heard.ran.status in (Status.MEMORY, Status.OUTPUT):
        return Verdict.FAIL, f"beyond the limit: {heard.ran.status}"
    return Verdict.CHEATED, "the test's process ended under it"


def _allowed(reference: Mapping[str, float] | None, case: Case) -> float:
    if reference is None or case.name not in reference:
        return UNKNOWN_S
    return max(LEAST_S, TIMES * reference[case.name])


def _stage(task: Task, code: str, made: Compiled, limits: Limits) -> Stage:
    inner = replace(limits, processes=limits.processes // 2)  # so that a flood of its own leaves room for the test
    if task.language == "py":
        return stages.python(task, code, inner)
    if task.language == "js":
        return stages.script(task, code, inner)
    return stages.compiled(task, code, made.binary or b"", inner)


@functools.cache
def _checked(language: str, ok: bool, remedy: str) -> None:
    if not ok:
        raise MissingExtraError(f"what runs {language}", hint=remedy)


def _needed(language: Language) -> None:
    both: tuple[Language, ...] = ("py", language)
    for one in dict.fromkeys(both):
        tools = toolchain(one)
        _checked(one, tools.ok, tools.remedy)
