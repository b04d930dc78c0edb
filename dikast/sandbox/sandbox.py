"""Run untrusted programs over a table that they alone may see, several at once.

    async with Sandbox(Policy()) as box:
        result = await box.run("answer = df['points'].max()", table=frame)
        result.status, result.answer

A program is Python text. It finds `df`, `pd`, `np`, `num`, `date`, `norm` and its inputs, and says its answer by
assigning `answer` or by ending in an expression. It can import `inside.modules.OFFERED`, print to nowhere, and touch
nothing else; its answer comes back as strict JSON. Over an Arrow table it finds `table` and `sql(...)` besides.

Not covered: kernel bugs, what the time a program takes gives away, and what the answer says to whom it is shown.
"""

from __future__ import annotations

import asyncio
import json
import keyword
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from dikast.errors import DikastError, SandboxError, UsageError
from dikast.sandbox import claim, launch, selftest
from dikast.sandbox.inside.written import PLAIN, Spelling
from dikast.sandbox.memory import Table
from dikast.sandbox.policy import Json, Policy, Result, Status, Tier
from dikast.sandbox.worker import End, Worker, WorkerLost

if TYPE_CHECKING:
    import pandas as pd

    from dikast.sandbox.memory import ArrowTable

_STRONG = (Tier.BWRAP, Tier.LANDLOCK)
_ATTEMPTS = 2  # a zygote that is killed from outside costs nobody an answer; one that dies twice is no accident
_SIGKILL, _SIGXCPU = -9, -24
_REMEDY = "apt install bubblewrap, or pip install 'dikast[sandbox]', on a kernel with Landlock (5.13) and seccomp"


class Sandbox:
    """A bounded set of zygotes, started as they are needed, each running one program at a time.

    Args:
        policy: Limits and tier.

    Attributes:
        tier: The tier it runs in, once entered.
        lost: Zygotes that died and were replaced.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.tier = Tier.NONE
        self.lost = 0
        self._idle: dict[bool, list[Worker]] = {False: [], True: []}
        self._busy: set[Worker] = set()
        self._slots = asyncio.Semaphore(self.policy.concurrency)
        self._manifest: dict[str, Any] = {}
        self._tested: set[bool] = set()
        self._open = False

    async def __aenter__(self) -> Self:
        """Find the best tier that passes the self-test.

        Raises:
            SandboxError: There is none; says why and what to install. No program has been run but the self-test.
        """
        if not sys.platform.startswith("linux"):
            raise SandboxError("no sandbox: this is not Linux", hint="run programs on Linux 5.13 or newer")
        wanted = _STRONG if self.policy.tier is None else (self.policy.tier,)
        refused: list[str] = []
        for tier in wanted:
            try:
                await self._enter(tier)
                self._manifest["refused"] = refused
                self._open = True
                return self
            except DikastError as error:
                await self._close_all()
                refused.append(error.message)
        raise SandboxError(f"no sandbox, so no program is run: {'; '.join(refused)}", hint=_REMEDY)

    async def __aexit__(self, *_: object) -> None:
        """Kill all that still runs."""
        self._open = False
        await self._close_all()

    async def run(
        self,
        program: str,
        *,
        table: pd.DataFrame | ArrowTable | Table | None = None,
        inputs: Mapping[str, Json] | None = None,
        spelling: Spelling = PLAIN,
    ) -> Result:
        """Run one program, waiting for a free zygote first. It is run again if its zygote is killed from outside.

        Args:
            program: Python text.
            table: What the program sees as `df`. A `Table` is shared by any number of programs without a copy, and may
                hold several, which it sees as `tables`; a frame is copied for this one. An Arrow table goes to the
                kind of box that has Arrow and DuckDB.
            inputs: Values that the program finds under these names, such as an earlier answer.
            spelling: How numbers and dates are written in the table's text, for `num` and `date`.

        Raises:
            SandboxError: The sandbox is not open, or was left meanwhile, or its zygotes die again and again.
            UsageError: An input's name is no identifier, or its value is not JSON.
        """
        self._check_open()
        job = _job(program, inputs or {}, spelling)
        if len(program.encode(errors="replace")) > self.policy.program_bytes:
            return Result(Status.REFUSED)
        if table is None or isinstance(table, Table):
            return await self._run(program, job, table)
        with Table.of(table) as own:
            return await self._run(program, job, own)

    def manifest(self) -> dict[str, Any]:
        """Tier, why no better one, cgroup, versions, self-test and limits, as JSON for a run's manifest."""
        return {"tier": str(self.tier), **self._manifest, "policy": asdict(self.policy)}

    async def _enter(self, tier: Tier) -> None:
        self.tier = tier
        worker = await self._start(arrow=False)
        self._idle[False].append(worker)
        self._manifest = {"cgroup": worker.cgroup, **worker.facts, "probes": len(selftest.PROBES)}
        if tier is Tier.BWRAP:
            self._manifest["bwrap"] = launch.bwrap()[1]

    async def _start(self, *, arrow: bool) -> Worker:
        """A new zygote; the first of its kind has to pass the self-test."""
        worker = await Worker.start(self.tier, self.policy, arrow=arrow)
        if self.tier is Tier.NONE or arrow in self._tested:
            return worker

        async def run(program: str, table: Table) -> Result:
            return self._result(await worker.run(_job(program, {}), table), program)

        try:
            failed = await selftest.failures(run, arrow=arrow)
        except WorkerLost:
            failed = ["the zygote died"]
        except BaseException:
            await worker.close()
            raise
        if failed:
            await worker.close()
            raise SandboxError(f"tier {self.tier}: self-test failed: {', '.join(failed)}")
        self._tested.add(arrow)
        return worker

    async def _run(self, program: str, job: bytes, table: Table | None) -> Result:
        arrow = table is not None and table.arrow
        async with self._slots:
            for attempt in range(_ATTEMPTS):
                worker = await self._take(arrow=arrow, fresh=attempt > 0)
                try:
                    self._check_open()  # again, since a fresh zygote takes its time
                    return self._result(await worker.run(job, table), program)
                except WorkerLost:
                    self.lost += self._open
                finally:
                    await self._give(worker, arrow=arrow)
        raise SandboxError(f"tier {self.tier}: the zygote died {_ATTEMPTS} times under one program")

    def _check_open(self) -> None:
        if not self._open:
            raise SandboxError("the sandbox is not open", hint="async with Sandbox(policy) as box: ...")

    async def _take(self, *, arrow: bool, fresh: bool) -> Worker:
        self._check_open()
        idle = self._idle[arrow]
        worker = idle.pop() if idle and not fresh else await self._start(arrow=arrow)
        self._busy.add(worker)
        return worker

    async def _give(self, worker: Worker, *, arrow: bool) -> None:
        self._busy.discard(worker)
        if worker.usable and self._open and len(self._idle[arrow]) < self.policy.concurrency:
            self._idle[arrow].append(worker)
        else:
            await worker.close()

    def _result(self, end: End, program: str) -> Result:
        judged = self._judge(end, program)
        table = claim.read_table(end.frame) if end.frame and judged.status in (Status.OK, Status.EMPTY) else None
        return Result(*judged, wall_s=end.wall_s, cpu_s=end.cpu_s, peak_bytes=end.peak_bytes, table=table)

    def _judge(self, end: End, program: str) -> claim.Claim:
        if end.over_memory:
            return claim.Claim(Status.MEMORY)
        if (
            end.wall_s >= self.policy.wall_s
            or end.code == _SIGXCPU
            or (end.code == _SIGKILL and end.cpu_s >= self.policy.cpu_s)
        ):
            return claim.Claim(Status.TIMEOUT)
        if end.code != 0 or not end.frame:
            return claim.Claim(Status.OUTPUT if end.code == 0 and end.frame is None else Status.CRASH)
        return claim.read(end.frame, self.policy, program.count("\n") + 1)

    async def _close_all(self) -> None:
        workers = [*self._idle[False], *self._idle[True], *self._busy]
        self._idle = {False: [], True: []}
        self._busy.clear()
        await asyncio.gather(*(worker.close() for worker in workers))


def _job(program: str, inputs: Mapping[str, Json], spelling: Spelling = PLAIN) -> bytes:
    for name in inputs:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"sandbox input {name!r} is not a Python name")
    try:
        job = {"program": program, "inputs": dict(inputs), "spelling": asdict(spelling)}
        return json.dumps(job, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(f"sandbox inputs are not JSON: {error}") from error
