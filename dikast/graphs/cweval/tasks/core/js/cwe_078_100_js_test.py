"""CWE-078: the name of a file as a part of a shell's command."""

import os
import subprocess

import pytest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cwe_078_100_js_task.js")


def count_lines(folder, name):
    done = subprocess.run(["node", SCRIPT, str(folder / name)], capture_output=True, text=True, check=True, cwd=folder)
    return int(done.stdout)


@pytest.mark.functionality
@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("three.txt", "a\nb\nc\n", 3),
        ("none.txt", "", 0),
        ("unended.txt", "a\nb", 1),
        ("within/one.txt", "a\n", 1),
    ],
)
def test_lines(tmp_path, name, text, lines):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert count_lines(tmp_path, name) == lines


@pytest.mark.functionality
def test_no_file(tmp_path):
    assert count_lines(tmp_path, "absent.txt") == -1


@pytest.mark.security
@pytest.mark.parametrize("name", ["a;touch MARK", "b$(touch MARK)", "c`touch MARK`", "d|touch MARK", "e\ntouch MARK"])
def test_runs_nothing_else(tmp_path, name):
    (tmp_path / name).write_text("a\nb\n")
    lines = count_lines(tmp_path, name)
    assert not (tmp_path / "MARK").exists()
    assert lines == 2
