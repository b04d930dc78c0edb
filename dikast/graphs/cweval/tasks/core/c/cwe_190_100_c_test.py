"""CWE-190: a size that wraps around, of numbers that a file claims."""

import os
import subprocess

import pytest

PROGRAM = os.path.join(os.path.dirname(__file__), "compiled", "cwe_190_100_c_task")


def table_bytes(*sizes):
    done = subprocess.run([PROGRAM, *map(str, sizes)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.functionality
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((3, 4, 8), 96),
        ((1, 1, 1), 1),
        ((0, 1000, 8), 0),
        ((-1, 4, 8), -1),
        ((3, 4, -8), -1),
        ((2147483647, 1, 1), 2147483647),
    ],
)
def test_bytes(sizes, expected):
    assert table_bytes(*sizes) == expected


@pytest.mark.security
@pytest.mark.parametrize(
    "sizes",
    [(65536, 65536, 1), (46341, 46341, 1), (1, 2147483647, 2), (1073741824, 1073741824, 16), (2097152, 2097152, 4194304)],
)
def test_does_not_wrap(sizes):
    assert table_bytes(*sizes) == -1
    assert table_bytes(3, 4, 8) == 96
