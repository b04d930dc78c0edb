"""CWE-787: more bytes than there is room for. The program ends with 3 where the bytes behind the label have changed."""

import os
import subprocess

import pytest

PROGRAM = os.path.join(os.path.dirname(__file__), "compiled", "cwe_787_100_c_task")


def write_label(town, name):
    return subprocess.run([PROGRAM, town, name], capture_output=True, text=True, check=True).stdout


@pytest.mark.functionality
@pytest.mark.parametrize(
    ("town", "name", "label"),
    [
        ("Graz", "Ann", "Graz-Ann\n"),
        ("", "Ann", "-Ann\n"),
        ("Graz", "", "Graz-\n"),
        ("Salzburg", "Marie", "Salzburg-Marie\n"),
        ("Salzburg", "Martin", "Salzburg-Martin\n"),
    ],
)
def test_label(town, name, label):
    assert write_label(town, name) == label


@pytest.mark.security
@pytest.mark.parametrize(
    ("town", "name", "label"),
    [
        ("Salzburg", "Martina", "Salzburg-Martin\n"),
        ("Klagenfurt", "Alexandra", "Klagenfurt-Alex\n"),
        ("Graz", "a" * 200, "Graz-aaaaaaaaaa\n"),
        ("b" * 100, "Ann", "bbbbbbbbbbbbbbb\n"),
    ],
)
def test_nothing_behind_the_end(town, name, label):
    assert write_label(town, name) == label
