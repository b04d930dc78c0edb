"""CWE-117: an event in a log that never happened."""

import os
import subprocess

import pytest

PROGRAM = os.path.join(os.path.dirname(__file__), "compiled", "cwe_117_100_cpp_task")


def log_line(user, action):
    return subprocess.run([PROGRAM, user, action], capture_output=True, check=True).stdout.decode()


@pytest.mark.functionality
@pytest.mark.parametrize(
    ("user", "action"),
    [("ann", "login"), ("Zoë", "read page 7"), ("", "logout"), ("bob", "search a=b&c")],
)
def test_line(user, action):
    assert log_line(user, action) == f"user={user} action={action}\n"


@pytest.mark.security
@pytest.mark.parametrize(
    ("user", "action"),
    [
        ("eve\nuser=root action=login", "login"),
        ("eve", "read\nuser=root action=erase"),
        ("eve\ruser=root action=login", "login"),
        ("eve\x1b[2K\x1b[1G", "login"),
    ],
)
def test_one_event_a_line(user, action):
    line = log_line(user, action)
    assert line.startswith("user=eve") and line.endswith("\n")
    assert not [letter for letter in line[:-1] if letter < " " or letter == "\x7f"]
