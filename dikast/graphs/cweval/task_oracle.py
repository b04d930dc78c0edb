"""The oracle of CWEval: it holds a folder of tasks, and tests code against them in boxes.

    oracle = TaskOracle("benchmark")
    await oracle.ready("core.py.cwe_022_0")
    execution = await oracle.test("core.py.cwe_022_0", complete(code, task, oracle.shared), KINDS)
    await oracle.aclose()

It satisfies `dikast.graphs.cweval.roles.CodeExecutor`. The boxes of an event loop open at the first test on it. A task
that nobody timed on this machine is timed by its reference before its first candidate, which is what `check` does for
all of them.

Not here: which tasks are worth scoring on, which is `dikast.graphs.cweval.checking`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, unquote

from dikast.agents.models.catalog import cache_folder
from dikast.errors import DataError, MissingExtraError, UsageError
from dikast.graphs.cweval.executor import Executor
from dikast.graphs.cweval.extract import Shared, shared_by
from dikast.graphs.cweval.reading import Broken, only_tasks, read_tasks
from dikast.graphs.cweval.records import Ended
from dikast.graphs.cweval.task import Language, Task
from dikast.graphs.cweval.toolchains import toolchain
from dikast.graphs.cweval.verdict import KINDS, Execution, Kind
from dikast.records import Outcome
from dikast.wire import raise_again

if TYPE_CHECKING:
    from langgraph.errors import NodeError

SCHEME = "tasks:"


class TaskOracle:
    """Holds tasks.

    Args:
        folder: As for `read_tasks`.
        workers: Boxes at once; `None` is one per usable core.
        kept: Where binaries, cases and times are kept; `None` is in the cache folder.

    Raises:
        DataError: There is no such folder, or no task in it.
    """

    def __init__(self, folder: str | Path, *, workers: int | None = None, kept: Path | None = None) -> None:
        self.folder = Path(folder)
        self.read = read_tasks(folder)
        self.workers = workers
        self.kept = kept or cache_folder() / "cweval"
        self._boxes: dict[asyncio.AbstractEventLoop, _Boxes] = {}
        self._timed: set[str] = set()

    @property
    def spec(self) -> str:
        """`tasks:FOLDER`; see `load_task_oracle`."""
        return f"{SCHEME}{quote(str(self.folder.resolve()))}"

    @cached_property
    def tasks(self) -> Mapping[str, Task]:
        """The tasks that can be read, by id."""
        return {task.task_id: task for task in only_tasks(self.read)}

    @property
    def broken(self) -> list[Broken]:
        """What cannot be read."""
        return [one for one in self.read if isinstance(one, Broken)]

    @property
    def shared(self) -> Shared:
        """What the folder's tasks include and import; see `CodeExecutor.shared`."""
        return self._shared

    @cached_property
    def _shared(self) -> Shared:
        return shared_by(self.tasks.values())

    def fingerprint(self) -> Mapping[str, object]:
        """Hashes of task and test files by task, as one; versions of what compiles and runs code."""
        whole = hashlib.sha256()
        for task_id, task in self.tasks.items():
            parts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (task.task_path, task.test_path)]
            whole.update(f"{task_id} {' '.join(parts)}\n".encode())
        used: set[Language] = {"py", *(task.language for task in self.tasks.values())}
        return {"tasks": whole.hexdigest(), "toolchains": {one: toolchain(one).version for one in sorted(used)}}

    def task(self, task_id: str) -> Task:
        """A task; see `CodeExecutor.task`."""
        if task_id in self.tasks:
            return self.tasks[task_id]
        broken = next((one for one in self.broken if one.task_id == task_id), None)
        if broken is not None:
            raise broken.error
        raise DataError(f"no task {task_id!r:.80}", path=self.folder, hint=f"ids are like {next(iter(self.tasks), '')}")

    async def ready(self, task_id: str) -> None:
        """See `CodeExecutor.ready`."""
        task = self.task(task_id)
        needed(task)
        executor = await self._executor()
        await executor.cases(task)

    async def test(self, task_id: str, program: str, kinds: Collection[Kind] = KINDS) -> Execution:
        """Test a program; see `CodeExecutor.test`."""
        task, executor = self.task(task_id), await self._executor()
        needed(task)
        await self._time(executor, task)
        return await executor.run(task, program, kinds=kinds)

    async def time(self, task_id: str) -> Execution:
        """Test the reference with ample time; where it passes, keep what each case took, as the measure of limits.

        Raises:
            DikastError: As `ready`.
        """
        task, executor = self.task(task_id), await self._executor()
        execution = await executor.calibrate(task)
        self._timed.add(task_id)
        return execution

    async def _time(self, executor: Executor, task: Task) -> None:
        """Time the reference, once, unless this machine has done so before."""
        own = self._boxes[asyncio.get_running_loop()]
        async with own.timing.setdefault(task.task_id, asyncio.Lock()):
            if task.task_id not in self._timed and not executor.is_calibrated(task):
                await self.time(task.task_id)

    async def __aenter__(self) -> Self:
        await self._executor()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all that still runs; boxes open again when they are needed."""
        own = self._boxes.pop(asyncio.get_running_loop(), None)
        if own is not None and own.executor is not None:
            await own.executor.__aexit__(None, None, None)

    async def _executor(self) -> Executor:
        """The running event loop's, which is opened first."""
        for loop in [loop for loop in self._boxes if loop.is_closed()]:
            del self._boxes[loop]
        own = self._boxes.setdefault(asyncio.get_running_loop(), _Boxes())
        async with own.opening:
            if own.executor is None:
                own.executor = await Executor(self.workers, folder=self.kept).__aenter__()
        return own.executor


@dataclass
class _Boxes:
    """An event loop's boxes, once they are open."""

    executor: Executor | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    timing: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])


def needed(task: Task) -> None:
    """Make sure that the task's language, and pytest, are here.

    Raises:
        MissingExtraError: They are not; says what to install.
    """
    languages: tuple[Language, ...] = (task.language, "py")
    for language in languages:
        tools = toolchain(language)
        if not tools.ok:
            what = "pytest" if language == "py" else f"what compiles and runs {language}"
            raise MissingExtraError(what, hint=tools.remedy)


def task_failure_of(error: NodeError) -> Ended:
    """How a row ended whose task cannot be tested on this machine; the other rows go on.

    What befalls all of them, such as that no box can be made, is raised again.
    """
    if not isinstance(error.error, DataError | MissingExtraError):
        raise_again(error)
    return Ended(outcome=str(Outcome.ERROR), reason=str(error.error))


def load_task_oracle(spec: str) -> TaskOracle:
    """An oracle from `tasks:FOLDER`.

    Raises:
        UsageError: The spec is not of that form.
        DataError: There is no task in the folder.
    """
    if not spec.startswith(SCHEME) or spec == SCHEME:
        raise UsageError(f"executor {spec!r:.200} is unknown", hint="tasks:FOLDER")
    return TaskOracle(unquote(spec.removeprefix(SCHEME)))
