"""System calls that Python's standard library does not offer, through libc.

    prctl(PR_SET_NO_NEW_PRIVS, 1)

It knows x86-64 Linux only; `ARCHITECTURE` says what this machine is, and the tiers refuse anything else.
"""

from __future__ import annotations

import ctypes
import functools
import os

ARCHITECTURE = os.uname().machine

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38


@functools.cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def syscall(number: int, *arguments: int | ctypes.c_void_p | None) -> int:
    """Make a raw system call; integers travel as 64 bits.

    Raises:
        OSError: The kernel refused, with its errno.
    """
    result = _libc().syscall(
        ctypes.c_long(number), *(ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments)
    )
    return _checked(result, f"syscall {number}")


def prctl(option: int, value: int, pointer: ctypes.c_void_p | None = None) -> int:
    """Change this process by the call of that name.

    Raises:
        OSError: The kernel refused, with its errno.
    """
    return _checked(_libc().prctl(option, ctypes.c_ulong(value), pointer, None, None), f"prctl {option}")


def _checked(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result
