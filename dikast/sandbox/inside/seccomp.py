"""The seccomp filter of a program: an allow-list of what computing needs, seventeen calls, none on a descriptor.

    install(build())

A program has no open file: its table and its result are mappings made beforehand. So it may manage private memory
that is never executable, look at the clock, sleep, wait on a lock of its own, draw random bytes and leave; all else
fails with EPERM, and another ABI (32-bit, x32) kills the process. Arguments are compared as the kernel reads them, 32
or 64 bits (CVE-2019-10063 was a filter that compared 64 where the kernel reads 32). Only x86-64.

Two of these calls reach beyond the process by an argument alone. A negative clock number names another process, whose
existence and processor time it tells; a futex without the private flag is one for everybody who maps the same file, so
that the programs of two games could talk over a page of libc.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable

from dikast.sandbox.inside.kernel import PR_SET_SECCOMP, prctl

_SECCOMP_MODE_FILTER = 2
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000

_KILL, _EPERM, _ALLOW = 0x80000000, 0x00050001, 0x7FFF0000

# offsets in struct seccomp_data
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16

# classic BPF: load a word, and with a constant, jump if equal / greater or equal / any bit, return
_LD, _AND, _JEQ, _JGE, _JSET, _RET = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06

FREE = {
    "munmap": 11,
    "brk": 12,
    "sched_yield": 24,
    "mremap": 25,
    "nanosleep": 35,
    "exit": 60,
    "gettimeofday": 96,
    "time": 201,
    "exit_group": 231,
    "getrandom": 318,
}
"""Calls allowed whatever their arguments; x86-64 numbers."""

CLOCKS = {"clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230}
"""Calls allowed on the machine's and the process's own clocks."""

MMAP, MPROTECT, MADVISE, FUTEX = 9, 10, 28, 202

_PROT_READ_WRITE = 0x3
_MAP_PRIVATE_ANONYMOUS = 0x22
_MAP_HINTS = 0x24000  # MAP_STACK, MAP_NORESERVE: glibc's malloc and thread stacks use them
_ADVICE = (4, 8, 14)  # MADV_DONTNEED and MADV_FREE (malloc), MADV_HUGEPAGE (numpy); not MADV_MERGEABLE
_CLOCK_REALTIME_FLAG = 0x100
_FUTEX_OPERATIONS = (0x80, 0x81, 0x89, 0x8A)  # private wait, wake, and both by bitset; no requeue, no inheritance
_OWN_CLOCKS = (0, 1, 2, 3, 4, 5, 6, 7, 11)  # CLOCK_REALTIME to CLOCK_BOOTTIME, CLOCK_TAI; not another's, no alarms

Instruction = tuple[int, int, int, int]


def build() -> bytes:
    """The filter as an array of `struct sock_filter`."""
    program: list[Instruction] = [
        (_LD, 0, 0, _ARCH),
        (_JEQ, 1, 0, _AUDIT_ARCH_X86_64),
        (_RET, 0, 0, _KILL),
        (_LD, 0, 0, _NUMBER),
        (_JGE, 0, 1, _X32_BIT),
        (_RET, 0, 0, _KILL),
    ]
    for number in FREE.values():
        program += _when(number, [(_RET, 0, 0, _ALLOW)])
    program += _when(MMAP, [*_no_bits(2, ~_PROT_READ_WRITE), *_one_of(3, [_MAP_PRIVATE_ANONYMOUS], ~_MAP_HINTS)])
    program += _when(MPROTECT, [*_no_bits(2, ~_PROT_READ_WRITE), (_RET, 0, 0, _ALLOW)])
    program += _when(MADVISE, _one_of(2, _ADVICE))
    program += _when(FUTEX, _one_of(1, _FUTEX_OPERATIONS, ~_CLOCK_REALTIME_FLAG))
    for number in CLOCKS.values():
        program += _when(number, _one_of(0, _OWN_CLOCKS))
    program.append((_RET, 0, 0, _EPERM))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def install(program: bytes) -> None:
    """Put the filter over this process, for good. Needs `no_new_privs`."""
    code = ctypes.create_string_buffer(program)
    header = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.cast(ctypes.c_char_p(header), ctypes.c_void_p))


def _when(number: int, then: list[Instruction]) -> list[Instruction]:
    """Run `then`, which always returns, if the call is `number`; the number stays loaded otherwise."""
    return [(_JEQ, 0, len(then), number), *then]


def _no_bits(argument: int, bits: int) -> list[Instruction]:
    """Refuse unless all of `bits` are clear, in the whole 64 bits."""
    low, high = _words(argument)
    return [
        (_LD, 0, 0, high),
        (_JSET, 0, 1, 0xFFFFFFFF),
        (_RET, 0, 0, _EPERM),
        (_LD, 0, 0, low),
        (_JSET, 0, 1, bits & 0xFFFFFFFF),
        (_RET, 0, 0, _EPERM),
    ]


def _one_of(argument: int, values: Iterable[int], mask: int = -1) -> list[Instruction]:
    """Allow if the low 32 bits under `mask` are one of `values`, and refuse otherwise; ends the filter."""
    low, _ = _words(argument)
    tests: list[Instruction] = []
    for value in values:
        tests += [(_JEQ, 0, 1, value), (_RET, 0, 0, _ALLOW)]
    return [(_LD, 0, 0, low), (_AND, 0, 0, mask & 0xFFFFFFFF), *tests, (_RET, 0, 0, _EPERM)]


def _words(argument: int) -> tuple[int, int]:
    low = _ARGUMENTS + 8 * argument
    return low, low + 4
