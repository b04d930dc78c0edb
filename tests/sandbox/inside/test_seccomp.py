"""The filter is interpreted here, instruction by instruction, so that every system call number can be asked for."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.sandbox.inside import seccomp

X86_64, I386 = 0xC000003E, 0x40000003
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050001, 0x80000000
ARGUMENT = st.integers(0, 2**64 - 1)


def decide(number: int, *arguments: int, arch: int = X86_64) -> int:
    data = struct.pack("<iIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    program = list(struct.iter_unpack("<HBBI", seccomp.build()))
    at = accumulator = 0
    while True:
        code, jump_true, jump_false, constant = program[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, constant)
            case 0x54:
                accumulator &= constant
            case 0x15:
                at += jump_true if accumulator == constant else jump_false
            case 0x35:
                at += jump_true if accumulator >= constant else jump_false
            case 0x45:
                at += jump_true if accumulator & constant else jump_false
            case 0x06:
                return constant
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


def test_all_but_a_handful_of_calls_are_refused() -> None:
    allowed = {number for number in range(1024) if decide(number) == ALLOW}
    assert allowed == {*seccomp.FREE.values(), *seccomp.CLOCKS.values(), seccomp.MPROTECT}


@pytest.mark.parametrize("number", [0, 1, 2, 3, 16, 41, 56, 57, 58, 59, 62, 101, 157, 257, 272, 321, 425, 435, 437])
@given(arguments=st.tuples(*[ARGUMENT] * 6))
def test_no_argument_opens_a_forbidden_call(number: int, arguments: tuple[int, ...]) -> None:
    assert decide(number, *arguments) == REFUSE


@given(st.integers(0, 2**31 - 1), st.tuples(*[ARGUMENT] * 6))
def test_another_abi_kills(number: int, arguments: tuple[int, ...]) -> None:
    assert decide(number, *arguments, arch=I386) == KILL
    assert decide(number | 0x40000000, *arguments) == KILL


@given(ARGUMENT, ARGUMENT)
def test_no_mapping_is_executable(protection: int, flags: int) -> None:
    if decide(seccomp.MMAP, 0, 4096, protection, flags, 2**64 - 1, 0) == ALLOW:
        assert protection & 0x4 == 0
    if decide(seccomp.MPROTECT, 4096, 4096, protection) == ALLOW:
        assert protection & 0x4 == 0


@pytest.mark.parametrize("protection", [0, 1, 2, 3])
@pytest.mark.parametrize("flags", [0x22, 0x4022, 0x20022, 0x24022])
def test_private_memory_may_be_mapped(protection: int, flags: int) -> None:
    assert decide(seccomp.MMAP, 0, 4096, protection, flags, 2**64 - 1, 0) == ALLOW


@pytest.mark.parametrize("flags", [0x01, 0x02, 0x21, 0x32, 0x100022, 0x40022, 0x2022, 0x122])
def test_files_shared_memory_fixed_and_huge_pages_may_not(flags: int) -> None:
    assert decide(seccomp.MMAP, 0, 4096, 3, flags, 2**64 - 1, 0) == REFUSE


@pytest.mark.parametrize("high", [1 << 32, 1 << 40, 1 << 63])
def test_high_bits_do_not_hide_a_protection(high: int) -> None:
    """CVE-2019-10063: a filter and the kernel must look at the same bits."""
    assert decide(seccomp.MMAP, 0, 4096, high | 7, 0x22, 2**64 - 1, 0) == REFUSE
    assert decide(seccomp.MPROTECT, 0, 4096, high | 5) == REFUSE
    assert decide(seccomp.MPROTECT, 0, 4096, high | 1) == REFUSE


def test_advice_and_locks_are_the_ones_that_memory_management_needs() -> None:
    assert {a for a in range(128) if decide(seccomp.MADVISE, 0, 0, a) == ALLOW} == {4, 8, 14}
    assert {o for o in range(512) if decide(seccomp.FUTEX, 0, o) == ALLOW} == {
        operation | flags for operation in (0, 1, 9, 10) for flags in (0x80, 0x180)
    }


@pytest.mark.parametrize("number", seccomp.CLOCKS.values())
@given(clock=st.integers(0, 2**64 - 1))
def test_no_clock_of_another_process(number: int, clock: int) -> None:
    """The kernel reads 32 bits, and a number with the highest of them set names a process or a device."""
    assert decide(number, clock) == (ALLOW if clock & 0xFFFFFFFF in {0, 1, 2, 3, 4, 5, 6, 7, 11} else REFUSE)
