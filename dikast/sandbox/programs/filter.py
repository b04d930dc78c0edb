"""The seccomp filter of a command: a list of what no program under test needs and an escape would.

    build()                   # for what runs foreign code
    build(nested=True)        # for a box that makes boxes inside itself

A command may be any program, so that an allow-list as for tables (`dikast.sandbox.inside.seccomp`) is out of reach;
namespaces, mounts, limits and the empty network do most. What is refused here is what reaches past them: new user
namespaces, with all of the kernel behind them; other processes' memory; sockets that are in no network namespace
(vsock reaches a virtual machine's host); kernel modules, keys, clocks, eBPF. Only x86-64.
"""

from __future__ import annotations

import struct

from dikast.errors import SandboxError
from dikast.sandbox.inside import seccomp
from dikast.sandbox.inside.kernel import ARCHITECTURE
from dikast.sandbox.inside.seccomp import Instruction

_ENOSYS = 0x00050026
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06

_REFUSED = {
    "ptrace_attach_memory": (310, 311, 312, 438, 440),  # process_vm_readv, writev, kcmp, pidfd_getfd, process_madvise
    "modules": (175, 313, 176, 246, 320),
    "kernel": (103, 153, 154, 163, 167, 168, 169, 172, 173, 179, 180, 212, 279, 298, 300, 321, 323, 443, 447),
    "clock": (159, 164, 227, 305),
    "names": (170, 171),
    "keys": (248, 249, 250),
    "handles": (303, 304),
}
_NAMESPACES = (155, 161, 165, 166, 272, 308, 428, 429, 430, 431, 432, 433, 442)
"""pivot_root, chroot, mount, umount2, unshare, setns, open_tree, move_mount, fsopen to fspick, mount_setattr."""
_MISSING = (425, 426, 427)
"""io_uring: told to be missing, so that libraries fall back."""

_CLONE, _CLONE3, _SOCKET, _IOCTL = 56, 435, 41, 16
_CLONE_NAMESPACES = 0x7E020000
_FAMILIES = (1, 2, 10, 16)  # unix, IPv4, IPv6, netlink, which getaddrinfo and node ask for the interfaces
_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into another's terminal


def build(*, nested: bool = False) -> bytes:
    """The filter as an array of `struct sock_filter`.

    Raises:
        SandboxError: The architecture is not x86-64.
    """
    if ARCHITECTURE != "x86_64":
        raise SandboxError(f"no seccomp filter for {ARCHITECTURE}")
    refuse, missing = [(_RETURN, 0, 0, seccomp._EPERM)], [(_RETURN, 0, 0, _ENOSYS)]
    program: list[Instruction] = [
        (_LOAD, 0, 0, seccomp._ARCH),
        (_EQUAL, 1, 0, seccomp._AUDIT_ARCH_X86_64),
        (_RETURN, 0, 0, seccomp._KILL),
        (_LOAD, 0, 0, seccomp._NUMBER),
        (_AT_LEAST, 0, 1, seccomp._X32_BIT),
        (_RETURN, 0, 0, seccomp._KILL),
    ]
    numbers = [number for group in _REFUSED.values() for number in group]
    for number in numbers if nested else (*numbers, *_NAMESPACES):
        program += seccomp._when(number, refuse)
    for number in (
        _MISSING if nested else (*_MISSING, _CLONE3)
    ):  # clone3's flags lie in memory; libc falls back to clone
        program += seccomp._when(number, missing)
    if not nested:
        program += seccomp._when(_CLONE, [*seccomp._no_bits(0, _CLONE_NAMESPACES), (_RETURN, 0, 0, seccomp._ALLOW)])
    program += seccomp._when(_SOCKET, seccomp._one_of(0, _FAMILIES))
    program += seccomp._when(_IOCTL, _none_of(1, _TERMINAL))
    program.append((_RETURN, 0, 0, seccomp._ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _none_of(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    """Refuse if the low 32 bits are one of `values`, as the kernel reads them, and allow otherwise; ends the filter."""
    low, _ = seccomp._words(argument)
    tests = [(_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [(_LOAD, 0, 0, low), *tests, (_RETURN, 0, 0, seccomp._ALLOW), (_RETURN, 0, 0, seccomp._EPERM)]
