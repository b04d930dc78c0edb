"""What a box has in it: bubblewrap's command line for a command, and for a box within a box.

    Layout(mounts=(Mount(folder, "/code"),), environment={"PATH": "/usr/bin"}).command(limits, filter_fd)

The root is an empty read-only file system with the machine's `/usr`, a few lines of `/etc`, an own `/proc`, `/dev` and
`/tmp`, and what the caller binds, read-only. There is no home, no `/root`, `/var`, `/run`, `/sys` and no network but
the box's own loopback.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dikast.sandbox import launch
from dikast.sandbox.programs.limits import Limits

NOBODY = 65534
PATH = "/usr/local/bin:/usr/bin:/bin"
_ENVIRONMENT = {"PATH": PATH, "HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8", "TZ": "UTC", "USER": "nobody"}
_TREES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = ("ld.so.cache", "alternatives", "localtime", "nsswitch.conf", "protocols", "services", "ssl/certs",
             "ssl/openssl.cnf", "mime.types")  # fmt: skip

ACCOUNTS = "root:x:0:0::/:/usr/sbin/nologin\nnobody:x:65534:65534::/tmp:/usr/sbin/nologin\n"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"

# With `--disable-userns` nothing within can make a further namespace; a box that makes boxes cannot have it, nor
# can the inner one, since /proc/sys is read-only there: the seccomp filter refuses namespaces
# in both that run foreign code.
_ISOLATED = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
    *("--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL"),
    *("--new-session", "--die-with-parent", "--clearenv"),
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the machine, read-only in the box.

    Args:
        source: Where it lies.
        target: Where the box has it.
    """

    source: Path
    target: str

    @classmethod
    def same(cls, path: Path) -> Mount:
        """At the same place."""
        return cls(path, str(path))


@dataclass(frozen=True, slots=True)
class Layout:
    """A box's file system and environment.

    Args:
        mounts: What is in it besides the system.
        environment: Variables, over the few that each box has.
        workdir: The current folder.
        nested: Whether boxes are made within it.
    """

    mounts: Sequence[Mount] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    workdir: str = "/tmp"
    nested: bool = False

    def command(self, limits: Limits, filter_fd: int) -> list[str]:
        """Bubblewrap's words, up to the command that runs within."""
        return [
            *(str(launch.bwrap()[0]), *_ISOLATED, "--unshare-net", "--hostname", "box"),
            *(() if self.nested else ("--disable-userns",)),
            *(*_system(), *_own(limits), *self._rest(filter_fd)),
        ]

    def inner(self, limits: Limits, filter_fd: int) -> list[str]:
        """The words for a box within a box: the outer's `/tmp` and loopback, its own everything else.

        `/proc` is the outer's, read-only, since root's is partly covered and the kernel then grants no fresh one.
        Other processes' memory, descriptors and environment are out of reach all the same: their user namespace is
        another.
        """
        return [
            *(str(launch.bwrap()[0]), *_ISOLATED, *_system(), "--ro-bind", "/proc", "/proc", "--dev", "/dev"),
            *("--size", str(limits.disk_bytes), "--tmpfs", "/dev/shm", "--bind", "/tmp", "/tmp"),
            *self._rest(filter_fd),
        ]

    def _rest(self, filter_fd: int) -> Iterator[str]:
        for name, value in {**_ENVIRONMENT, **self.environment}.items():
            yield from ("--setenv", name, value)
        for mount in self.mounts:
            yield from ("--ro-bind", str(mount.source), mount.target)
        yield from ("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", self.workdir)
        yield from ("--seccomp", str(filter_fd), "--")


def bounded(limits: Limits, command: Sequence[str]) -> list[str]:
    """A command under the limits that the kernel counts by process; they are set within the box, and hold for it."""
    bounds = {
        "c": 0,
        "t": limits.cpu_s,
        "f": -(-limits.file_bytes // 512),
        "n": limits.open_files,
        "p": limits.processes,
        "d": limits.data_bytes // 1024 or "unlimited",
    }
    set_all = " && ".join(f"ulimit -{letter} {value}" for letter, value in bounds.items() if value != "unlimited")
    return ["/bin/sh", "-c", f'{set_all} && exec "$@"', "box", *command]


def words(command: Sequence[str]) -> str:
    """A command as one line for a shell."""
    return shlex.join(command)


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for tree in map(Path, _TREES):
        if tree.is_symlink():
            yield from ("--symlink", str(tree.readlink()), str(tree))
        elif tree.exists():
            yield from ("--ro-bind", str(tree), str(tree))
    for name in _SETTINGS:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _own(limits: Limits) -> Iterator[str]:
    yield from ("--proc", "/proc", "--dev", "/dev")
    for folder in ("/dev/shm", "/tmp"):
        yield from ("--size", str(limits.disk_bytes), "--tmpfs", folder)
