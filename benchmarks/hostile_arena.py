"""What goes on inside the throwaway namespace: attacks, their controls, and the one judge of both; see hostile.py."""

from __future__ import annotations

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
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from dikast.errors import SandboxError
from dikast.sandbox import Policy, Sandbox, Status, Table, Tier

PROGRAMS = Path(__file__).parent / "hostile_programs"
NAMED, SAMPLE = "cves", 12  # a class that is always run whole; programs of each other class in a run that is not full
DIR, FILE = "/tmp/arena", "/tmp/arena/secret.txt"
LIMIT_BYTES = 512 << 20  # what the memory programs ask for, twice what the policy allows
POLICY = Policy(wall_s=1.0, cpu_s=2, memory_bytes=256 << 20, workers=1)
OVERTIME_S = 1.0  # beyond the wall limit: a busy machine's delay, not a program's
CONTROL_S = POLICY.wall_s + OVERTIME_S + 1.0  # long enough that only a program that hangs is thought to hang
CONTROL_RESULT_BYTES = 128 << 20
OWNED = "PW" + "NED"  # apart, so that a program that answers its own text does not seem to have won
HONEST = "answer = [int(df['n'].sum()), len(df), df['code'].notna().all().item()]"
HONEST_ARROW = "answer = [int(sql('select sum(n) as s from df')['s'][0]), len(df), table['code'].null_count == 0]"
HONEST_ANSWER = [6, 2, True]
ARROW = "arrow"  # the class that attacks the box with Arrow and DuckDB
INNOCENT = ("answer = df['n'].sum()", "1 / 0", "answer = list(df['secret'])")  # no attack, so no sign of one
LENGTH = struct.Struct("<I")
OTHER_GAMES: list[str] = []


@dataclass(frozen=True)
class Program:
    """One hostile program: its class is the name of its file."""

    kind: str
    name: str
    code: str

    @property
    def honest(self) -> str:
        """The next game's program."""
        return HONEST_ARROW if self.kind == ARROW else HONEST


@dataclass
class World:
    """What the attacks are after, and what watches them."""

    host: str
    cell: str
    earlier: str
    tcp: int
    udp: int
    hits: mmap.mmap
    started: mmap.mmap
    tables: dict[bool, Table]
    digests: dict[bool, str]
    files: dict[str, tuple[str, int, float]] = field(default_factory=dict[str, tuple[str, int, float]])

    def table(self, program: Program) -> Table:
        """The table of its kind of box."""
        return self.tables[program.kind == ARROW]

    def prelude(self, program: Program) -> str:
        """What every program finds at its start, the secret of the host not among it."""
        values: dict[str, object] = {
            "FILE": FILE,
            "DIR": DIR,
            "PORT": self.tcp,
            "UDP": self.udp,
            "UNIX": "/tmp/arena.sock",
            "ABSTRACT": "dikast-arena",
            "LIMIT": LIMIT_BYTES,
            "TABLE_SIZE": self.table(program).size,
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
    status: str = ""


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
        "table changed": seen.table not in world.digests.values(),
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
        if any(isinstance(value, int) and abs(value) > sys.float_info.max for value in level):
            return False
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


def build_world() -> World:
    """Canary file, listeners and a table whose cells are payloads themselves."""
    host, cell, earlier = os.environ["DIKAST_CANARY"], secrets.token_hex(16), secrets.token_hex(16)
    reset_files(host)
    hits = mmap.mmap(-1, LENGTH.size)
    tcp, udp = _listen(host, hits)
    frame = build_frame(cell, tcp)
    tables = {False: Table.of(frame), True: _arrow_table(frame)}
    digests = {arrow: _digest(table.descriptor) for arrow, table in tables.items()}
    world = World(host, cell, earlier, tcp, udp, hits, mmap.mmap(-1, 1), tables, digests)
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


def _arrow_table(frame: Any) -> Table:
    """Made in a process of its own, since pyarrow starts threads and controls are forked from this one."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        pa: Any = import_module("pyarrow")
        made = Table.of(pa.Table.from_pandas(frame))
        socket.send_fds(there, [str(made.size).encode()], [made.descriptor])
        os._exit(0)
    size, descriptors, _, _ = socket.recv_fds(here, 100, 1)
    os.wait()
    here.close()
    there.close()
    return Table(descriptors[0], int(size), arrow=True)


class _Forged(BaseException):
    """A control has written its own frame."""


def _stop(_: int) -> None:
    raise _Forged


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


def control(program: Program, world: World) -> Seen:
    """Run by plain `exec` in a process that serves one game after another."""
    result = os.memfd_create("result")
    os.ftruncate(result, CONTROL_RESULT_BYTES)
    visible = os.memfd_create("visible")
    table = os.memfd_create("table")
    source = world.table(program)
    os.write(table, os.pread(source.descriptor, source.size, 0))
    world.started[0] = 0
    service = os.fork()
    if service == 0:
        os.setsid()
        worker = os.fork()
        if worker == 0:
            serve(program, world, [result, visible, table])
        _, status = os.waitpid(worker, 0)
        os._exit(0 if status == 0 else 1)
    over = _wait(service, world.started)
    seen = _look(result, visible, over)
    seen.table = _digest(table)
    for descriptor in (result, visible, table):
        os.close(descriptor)
    return seen


def _wait(service: int, started: mmap.mmap) -> int | None:
    """The service's wait status; `None` if it had to be killed because it hung once it had loaded."""
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        done, status = os.waitpid(service, os.WNOHANG)
        if done:
            _kill_group(service)
            return status
        if deadline is None and started[0]:
            deadline = time.monotonic() + CONTROL_S
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
    other_game = world.host + world.earlier
    OTHER_GAMES.append(other_game)
    result, table = mmap.mmap(descriptors[0], 0), mmap.mmap(descriptors[2], 0)
    os.dup2(descriptors[1], 1)
    os.dup2(descriptors[1], 2)
    read = _arrow_reader() if program.kind == ARROW else _frame_reader()
    names: dict[str, Any] = {**read(table), "other_game": other_game, "forged": _stop}
    world.started[0] = 1
    try:
        exec(world.prelude(program) + program.code, names)
    except MemoryError:
        os._exit(0)
    except _Forged:
        pass
    except BaseException:
        os.write(descriptors[1], traceback.format_exc().encode(errors="replace"))
        _leave(result, names)
    else:
        _leave(result, names)
    names = read(table)
    exec(program.honest, names)
    if names["answer"] == HONEST_ANSWER and "a" in json.dumps("a"):
        os.write(descriptors[1], b"\nhonest\n")
    os._exit(0)


def _leave(result: mmap.mmap, names: dict[str, Any]) -> None:
    frame = json.dumps({"claim": "ok", "answer": names.get("answer")}, default=_lenient).encode()
    result[LENGTH.size : LENGTH.size + len(frame)] = frame
    result[: LENGTH.size] = LENGTH.pack(len(frame))


def _frame_reader() -> Callable[[mmap.mmap], dict[str, Any]]:
    import numpy as np
    import pandas as pd

    from dikast.sandbox.inside import columns

    return lambda table: {"df": columns.read(memoryview(bytes(table))), "pd": pd, "np": np}


def _arrow_reader() -> Callable[[mmap.mmap], dict[str, Any]]:
    """One connection for all games, with DuckDB's own settings."""
    import duckdb
    import numpy as np
    import pandas as pd

    pa: Any = import_module("pyarrow")
    connection = duckdb.connect(":memory:")

    def sql(query: str) -> Any:
        return connection.execute(query).df()

    def read(mapping: mmap.mmap) -> dict[str, Any]:
        table = pa.ipc.open_stream(pa.py_buffer(memoryview(mapping))).read_all()
        connection.register("df", table)
        return {"table": table, "df": table.to_pandas(), "sql": sql, "pd": pd, "np": np}

    return read


def _lenient(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, bytes) else str(value)


async def attack(box: Sandbox, program: Program, world: World) -> Seen:
    """The same program through `box.run`, then an honest one."""
    lost = box.lost
    table = world.table(program)
    await box.run("answer = len(prev)", table=table, inputs={"prev": world.earlier})
    try:
        result = await box.run(world.prelude(program) + program.code, table=table)
    except SandboxError:  # the zygote died under it, and the fresh one as well
        return Seen(service_died=True, table=_digest(table.descriptor))
    honest = await box.run(program.honest, table=table)
    if honest.status is Status.TIMEOUT:  # a busy machine can make it late once; what an attack broke stays broken
        honest = await box.run(program.honest, table=table)
    return Seen(
        answer=result.answer,
        visible=f"{result.status} {result.error} {result.line}",
        service_died=box.lost > lost,
        overtime=result.wall_s > POLICY.wall_s + OVERTIME_S,
        honest=honest.answer == HONEST_ANSWER,
        status=str(result.status),
        table=_digest(table.descriptor),
    )


async def attack_all(tier: Tier, chosen: list[Program], world: World) -> dict[str, Any]:
    outcomes: dict[str, list[str]] = {}
    statuses: dict[str, str] = {}
    async with Sandbox(replace(POLICY, tier=tier)) as box:
        for program in chosen:
            seen = await attack(box, program, world)
            outcomes[f"{program.kind}: {program.name}"] = judge(seen, world)
            statuses[f"{program.kind}: {program.name}"] = seen.status
            _restore(world)
        manifest = box.manifest()
    return {"outcomes": outcomes, "statuses": statuses, "manifest": manifest}


def _restore(world: World) -> None:
    if _files() != world.files:
        reset_files(world.host)
        world.files = _files()


def run(chosen: list[Program]) -> dict[str, Any]:
    """Controls first, then both tiers."""
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
