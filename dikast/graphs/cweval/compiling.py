"""Compile a candidate in a box, once for each content.

    compiler = Compiler(programs, folder)
    made = await compiler.compile("c", source, sanitize=True)
    made.binary, made.error

A compiler reads untrusted text, so it has a box of its own; the binary leaves it through standard output, and no folder
of the machine is writable from within. What was made is kept by a hash of source, flags and compiler; several processes
may share the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from dikast.disk import make_folder
from dikast.errors import MissingExtraError
from dikast.files import write_bytes
from dikast.graphs.cweval.task import Language, Task
from dikast.graphs.cweval.toolchains import HEADERS, Toolchain, toolchain
from dikast.graphs.cweval.warm import warm
from dikast.sandbox.programs import Layout, Limits, Mount, Programs, Ran, Status

COMPILED: tuple[Language, ...] = ("c", "cpp", "go")
LIMITS = Limits(
    wall_s=120, cpu_s=120, memory_bytes=2 << 30, processes=128, file_bytes=256 << 20, disk_bytes=512 << 20,
    open_files=1024, output_bytes=64 << 20,
)  # fmt: skip
"""C++ with regular expressions takes 5 s and 300 MB; Go with SQLite 20 s where its cache is cold."""

_ERROR = 4000
_DIGEST = hashlib.sha256().digest_size
_UNSANITIZED = frozenset({"476"})
"""Upstream builds its memory-error tasks with AddressSanitizer but for this one, where a null pointer is to be seen."""

_BUILD = '"$@" 1>&2 && cat /tmp/program'
_GO = f"goimports /code/main.go > /tmp/main.go 2> /dev/null || cp /code/main.go /tmp/main.go; {_BUILD}"


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of compiling.

    Args:
        binary: The program; `None` where there is none.
        error: The end of what the compiler said, without one; untrusted text.
        seconds: How long it took; 0 where it was at hand.
    """

    binary: bytes | None = field(repr=False)
    error: str = ""
    seconds: float = 0.0


def sanitized(task: Task) -> bool:
    """Whether the task is built with AddressSanitizer."""
    return task.suite == "lang" and task.language in ("c", "cpp") and task.cwe not in _UNSANITIZED


class Compiler:
    """Compiles, and keeps what it made.

    Args:
        programs: Where it runs.
        folder: Where it keeps; made when it is needed.
    """

    def __init__(self, programs: Programs, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._flights: dict[str, asyncio.Lock] = {}

    async def compile(self, language: Language, source: str, *, sanitize: bool = False) -> Compiled:
        """Compile a whole program.

        Raises:
            MissingExtraError: There is no compiler; says what to install.
            SandboxError: No box can be made.
        """
        tools = toolchain(language)
        if tools.command is None:
            raise MissingExtraError(f"a compiler for {language}", hint=tools.remedy)
        command = _command(tools, sanitize=sanitize)
        key = _key(source, command, tools)
        async with self._flight(key):
            if (kept := await asyncio.to_thread(_read, self._folder / key)) is not None:
                return kept
            ran = await self._run(tools, command, source)
            made = _judge(ran, ran.wall_s)
            if ran.status is Status.OK:  # else it may be the machine's fault
                await asyncio.to_thread(_write, self._folder / key, made)
            return made

    async def _run(self, tools: Toolchain, command: list[str], source: str) -> Ran:
        name = f"/code/main.{tools.language}"
        environment, mounts = dict(tools.environment), list(tools.mounts)
        if tools.language == "go":
            cache = await asyncio.to_thread(warm, tools, self._folder.parent)
            mounts.append(Mount(cache, "/gocache"))
            environment |= {"GOCACHE": "/gocache", "GOFLAGS": "-trimpath"}
        script = _GO if tools.language == "go" else _BUILD
        layout = Layout(tuple(mounts), environment)
        return await self._programs.run(
            ["/bin/sh", "-c", script, "build", *command], files={name: source}, layout=layout, limits=LIMITS
        )

    @contextlib.asynccontextmanager
    async def _flight(self, key: str) -> AsyncGenerator[None]:
        """One at a time for each content."""
        async with self._flights.setdefault(key, asyncio.Lock()):
            yield
        self._flights.pop(key, None)


def _command(tools: Toolchain, *, sanitize: bool) -> list[str]:
    if tools.language == "go":
        return [str(tools.command), "build", "-o", "/tmp/program", "/tmp/main.go"]
    libraries = [flag for header, (_, link) in HEADERS.items() if header not in tools.missing for flag in link.split()]
    flags = ["-w", "-I/usr/include/libxml2", *(["-fsanitize=address"] if sanitize else [])]
    return [str(tools.command), *flags, f"/code/main.{tools.language}", "-o", "/tmp/program", *libraries]


def _key(source: str, command: list[str], tools: Toolchain) -> str:
    content = json.dumps([source, command, tools.version, sorted(tools.environment.items())])
    return hashlib.sha256(content.encode()).hexdigest()


def _judge(ran: Ran, seconds: float) -> Compiled:
    if ran.ok and ran.stdout and ran.stdout_bytes == len(ran.stdout):
        return Compiled(ran.stdout, seconds=seconds)
    said = ran.stderr.decode(errors="replace")[-_ERROR:]
    return Compiled(None, said if ran.status is Status.OK else f"{ran.status} while compiling\n{said}", seconds)


def _read(path: Path) -> Compiled | None:
    """What is kept; `None` where nothing is, or not all of it."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:_DIGEST], data[_DIGEST:]
    if hashlib.sha256(content).digest() != digest or not content:
        return None
    return Compiled(content[1:]) if content[:1] == b"+" else Compiled(None, content[1:].decode())


def _write(path: Path, made: Compiled) -> None:
    content = b"-" + made.error.encode() if made.binary is None else b"+" + made.binary
    make_folder(path.parent)
    write_bytes(path, hashlib.sha256(content).digest() + content)
