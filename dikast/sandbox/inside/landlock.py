"""Landlock: no file, no TCP port, no signal and no abstract socket outside this process (landlock(7)).

    ruleset = deny_all()         # once, in the zygote
    restrict(ruleset)            # in each child: its own domain, so that it cannot signal the zygote

There is nothing to allow: everything a program may import is loaded before it starts, and the table is a mapping.
"""

from __future__ import annotations

import ctypes
import struct

from dikast.sandbox.inside.kernel import syscall

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION_FLAG = 1

# File rights known since each ABI version (linux/landlock.h): 13, then refer, truncate, ioctl on devices.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_TCP_ABI, _TCP_RIGHTS = 4, 0b11
_SCOPE_ABI, _SCOPES = 6, 0b11


def abi() -> int:
    """The kernel's Landlock ABI version.

    Raises:
        OSError: The kernel has no Landlock, or it is switched off.
    """
    return syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)


def attributes(version: int) -> bytes:
    """`struct landlock_ruleset_attr` that handles, so denies, all that ABI `version` knows."""
    rights = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    fields = [(1 << rights) - 1]
    if version >= _TCP_ABI:
        fields.append(_TCP_RIGHTS)
    if version >= _SCOPE_ABI:
        fields.append(_SCOPES)
    return struct.pack(f"<{len(fields)}Q", *fields)


def deny_all() -> int:
    """A file descriptor of a ruleset without a single exception."""
    attribute = attributes(abi())
    return syscall(_CREATE_RULESET, ctypes.cast(ctypes.c_char_p(attribute), ctypes.c_void_p), len(attribute), 0)


def restrict(ruleset: int) -> None:
    """Enter a new Landlock domain, for good. Needs `no_new_privs`."""
    syscall(_RESTRICT_SELF, ruleset, 0)
