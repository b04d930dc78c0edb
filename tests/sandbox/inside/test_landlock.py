from __future__ import annotations

import struct

import pytest

from dikast.sandbox.inside import landlock


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        (1, [0x1FFF]),
        (2, [0x3FFF]),
        (3, [0x7FFF]),
        (4, [0x7FFF, 3]),
        (5, [0xFFFF, 3]),
        (6, [0xFFFF, 3, 3]),
        (7, [0xFFFF, 3, 3]),
    ],
)
def test_every_right_that_an_abi_knows_is_handled(version: int, fields: list[int]) -> None:
    """Values of linux/landlock.h; an older kernel refuses a bit or a size that it does not know."""
    assert landlock.attributes(version) == struct.pack(f"<{len(fields)}Q", *fields)
