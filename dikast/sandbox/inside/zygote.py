"""The process that has everything loaded and forks one child per program; it reads nothing that a program wrote.

It talks over one SEQPACKET socket, whose other end the host holds:

    zygote -> host   ready: a JSON object of facts, with a pidfd of the zygote
    host -> zygote   limits (`child.LIMITS`), with the memory files of job, result and table
    zygote -> host   b"child", with the child's pidfd: the host kills through it when it takes too much memory
    zygote -> host   b"exit" and `EXIT`: wait status, wall and processor seconds, peak memory

The zygote kills a child whose wall time is up, and its clock is the one that counts: a host that is late in listening
neither lets a program run on nor takes one that ended in time for late.

Job, result and table are descriptors that it passes on unread, so that no program's text, input or cell is ever in
the memory that the next child inherits. When the host goes away, it ends; when it ends, its child is killed.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass

from dikast.sandbox.inside import child, landlock, modules, seccomp, warm
from dikast.sandbox.inside.kernel import ARCHITECTURE, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, prctl

EXIT = struct.Struct("<iddQ")
"""Wait status, wall seconds from fork to end, processor seconds, peak resident bytes."""

MAX_DESCRIPTORS = 3
_CONTROL = 3
_MAX_OPEN = 64  # loading pandas and time zones needs about ten at once
_NOBODY = 65534
_ZERO_LIMITS = (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE, resource.RLIMIT_SIGPENDING)
_STACK_BYTES = 8 << 20  # Linux' default; "unlimited" on the host would let deep recursion eat all memory


@dataclass(frozen=True, slots=True)
class Orders:
    """The zygote's command line, as JSON.

    Args:
        socket: Descriptor of its end of the socket.
        arrow: Whether it loads pyarrow and DuckDB and reads tables as Arrow.
        locked: Whether children are locked in; false only in the tier `none`.
        parent: Process id that must be its parent, outside a pid namespace; 0 inside one, where bwrap sees to it.
    """

    socket: int
    arrow: bool
    locked: bool
    parent: int


def main(argument: str) -> None:
    """Load, lock down, say so, and serve until the host closes the socket."""
    orders = Orders(**json.loads(argument))
    sys.argv, sys.orig_argv = [""], []
    control = _only(orders.socket)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    modules.load(arrow=orders.arrow)
    read_table = _reader(arrow=orders.arrow)
    warm.warm_up(child.execute)
    _seed()
    cage = _lock() if orders.locked else None
    if orders.parent:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != orders.parent:
            return
    gc.collect()
    gc.freeze()
    gc.disable()
    own = os.pidfd_open(os.getpid())
    socket.send_fds(control, [json.dumps(_facts(cage)).encode()], [own])
    os.close(own)
    while _serve(control, cage, read_table):
        pass


def _only(descriptor: int) -> socket.socket:
    """The socket at a low descriptor, with all others but the standard three closed."""
    os.dup2(descriptor, _CONTROL)
    os.closerange(_CONTROL + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_OPEN, _MAX_OPEN))
    return socket.socket(fileno=_CONTROL)


def _reader(*, arrow: bool) -> child.ReadTable:
    if not arrow:
        return child.read_frame
    from dikast.sandbox.inside import arrow as arrow_tables

    arrow_tables.connect()
    return arrow_tables.read


def _seed() -> None:
    import numpy as np

    np.random.seed(0)


def _lock() -> child.Cage:
    """Give up all that the zygote itself does not need, and prepare what its children give up."""
    if ARCHITECTURE != "x86_64":
        raise OSError(f"no seccomp filter for {ARCHITECTURE}")
    for which in _ZERO_LIMITS:
        resource.setrlimit(which, (0, 0))
    resource.setrlimit(resource.RLIMIT_STACK, (_STACK_BYTES, _STACK_BYTES))
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    cage = child.Cage(landlock.deny_all(), seccomp.build())
    landlock.restrict(cage.landlock_ruleset)
    return cage


def _facts(cage: child.Cage | None) -> dict[str, object]:
    import numpy as np
    import pandas as pd

    return {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "landlock_abi": landlock.abi() if cage else 0,
    }


def _serve(control: socket.socket, cage: child.Cage | None, read_table: child.ReadTable) -> bool:
    """Run one program; false when the host is gone."""
    limits, descriptors, _, _ = socket.recv_fds(control, child.LIMITS.size, MAX_DESCRIPTORS)
    if not limits:
        return False
    me = os.getpid()
    *_, wall_s = child.LIMITS.unpack(limits)
    begun = time.monotonic()
    process = os.fork()
    if process == 0:
        child.run(descriptors, limits, cage, read_table, me)
    for descriptor in descriptors:
        os.close(descriptor)
    pidfd = os.pidfd_open(process)
    socket.send_fds(control, [b"child"], [pidfd])
    host_alive = _wait(control, pidfd, begun + wall_s)
    os.close(pidfd)
    if not host_alive:
        return False
    _, status, used = os.wait4(process, 0)
    took = time.monotonic() - begun
    control.send(b"exit" + EXIT.pack(status, took, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024))
    return True


def _wait(control: socket.socket, pidfd: int, deadline: float) -> bool:
    """Wait until the child is gone (true) or the host is (false); at the deadline the child is killed."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(control, 0)
    ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
    if not ready:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        ready = poll.poll()
    return any(descriptor == pidfd for descriptor, _ in ready)
