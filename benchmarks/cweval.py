"""CWEval's tasks tried on answers that are known, and what compiling and testing them takes.

    python benchmarks/cweval.py                  # our own tasks
    python benchmarks/cweval.py --data CWEval    # a clone of the authors' repository, or a part of its benchmark/

Every task's tests are given its reference twice, each insecure variant, an empty file and a refusal. Then reference,
junk and a refusal are scored as three samples of each usable task: func@1 has to be 33.3 in every language. Last, all
references are compiled and tested once more: `compile_s` and `tests_s` are the sums of that pass, `wall_s` its wall
clock; the compile cache is warm then, unless `--cold` gives it an empty folder and leaves out all else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from machine import facts

from dikast.graphs.cweval.checking import REFUSAL, Checked, check
from dikast.graphs.cweval.records import CaseKind, SampleResult, judged
from dikast.graphs.cweval.samples import Sample, program_of
from dikast.graphs.cweval.scores import score
from dikast.graphs.cweval.task import Task
from dikast.graphs.cweval.task_oracle import TaskOracle
from dikast.graphs.cweval.tasks import OWN_TASKS
from dikast.graphs.cweval.verdict import KINDS, Execution

JUNK = "return 1;\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of tasks; our own without it")
    parser.add_argument("--cold", action="store_true", help="only time references, with an empty compile cache")
    parser.add_argument("--rows", type=Path, help="write each task's standing here")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    print(json.dumps({**asyncio.run(measure(args.data or OWN_TASKS, args.cold, args.rows)), **facts("pytest")}))


async def measure(folder: Path, cold: bool, rows: Path | None) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as empty:
        async with TaskOracle(folder, kept=Path(empty) if cold else None) as oracle:
            if cold:
                return {"tasks": len(oracle.read), **await timed(oracle, list(oracle.tasks.values()))}
            done = Counter[str]()
            checked = await check(oracle, oracle.read, on_done=lambda one: tell(one, done))
            if rows is not None:
                rows.write_text("".join(f"{one.task_id}\t{one.standing}\t{one.why}\n" for one in checked))
            usable = [oracle.tasks[one.task_id] for one in checked if one.standing == "usable"]
            tested = [oracle.tasks[one.task_id] for one in checked if one.references]
            return {**standings(checked), "thirds": await thirds(oracle, usable), **await timed(oracle, tested)}


def tell(one: Checked, done: Counter[str]) -> None:
    done[one.standing] += 1
    print(f"{done.total()}: {one.task_id}: {one.standing} {one.why}", file=sys.stderr)


def standings(checked: Sequence[Checked]) -> dict[str, object]:
    """Counts, and the names of what is not usable."""
    named = {name: [one.task_id for one in checked if one.standing == name] for name in ("vacuous", "wrong", "flaky")}
    answers = [answer for one in checked for answer in one.insecure.values()]
    return {
        "tasks": len(checked),
        "usable": sum(one.standing == "usable" for one in checked),
        **named,
        "missing": [one.task_id for one in checked if one.standing == "missing toolchain"],
        "references_right": sum(all(one.references) and bool(one.references) for one in checked),
        "insecure_caught": sum(answer.caught for answer in answers),
        "insecure": len(answers),
        "secure_for_nothing": sum(one.secure_for_nothing for one in checked),
    }


async def thirds(oracle: TaskOracle, tasks: Sequence[Task]) -> dict[str, float]:
    """Reference, junk and a refusal as three samples of each task: func@1 by language, in percent."""
    samples = [
        one
        for task in tasks
        for one in (
            Sample(task.task_id, 0, task.program, "program"),
            Sample(task.task_id, 1, JUNK, "program"),
            Sample(task.task_id, 2, REFUSAL, "reply"),
        )
    ]
    results = await asyncio.gather(*(result(oracle, one) for one in samples))
    if not tasks:
        return {}
    found = score(tasks, results, 3)
    return {name: round(100 * one.functional[1].mean, 1) for name, one in found.by("language").items()}


async def result(oracle: TaskOracle, sample: Sample) -> SampleResult:
    program, missing = program_of(sample, oracle.task(sample.task_id), oracle.shared)
    if missing is not None:
        return SampleResult(sample.task_id, sample.sample, missing)
    found = await oracle.test(sample.task_id, program, (CaseKind.FUNCTIONALITY.value,))
    return judged(sample.task_id, sample.sample, [(one.case.kind, one.verdict) for one in found.cases])


async def timed(oracle: TaskOracle, tasks: Sequence[Task]) -> dict[str, object]:
    """Compile and test all references once."""
    started = time.perf_counter()
    found: list[Execution] = await asyncio.gather(*(oracle.test(task.task_id, task.program, KINDS) for task in tasks))
    return {
        "compile_s": round(sum(one.compile_s for one in found), 2),
        "tests_s": round(sum(one.tests_s for one in found), 2),
        "wall_s": round(time.perf_counter() - started, 2),
        "passed": sum(one.functional_and_secure for one in found),
        "peak_mb": round(max((one.peak_bytes for one in found), default=0) / 2**20, 1),
    }


if __name__ == "__main__":
    main()
