"""CWE-732: a private key that others may read."""

import os
import stat
import subprocess

import pytest

PROGRAM = os.path.join(os.path.dirname(__file__), "compiled", "cwe_732_100_go_task")


def save_key(path, key):
    done = subprocess.run([PROGRAM, str(path), key], capture_output=True, text=True, check=True, umask=0o022)
    return done.stdout.strip()


@pytest.mark.functionality
@pytest.mark.parametrize("key", ["abc123", "", "-----BEGIN KEY-----\nQUJD\n-----END KEY-----\n"])
def test_new_file(tmp_path, key):
    assert save_key(tmp_path / "key", key) == "saved"
    assert (tmp_path / "key").read_text() == key


@pytest.mark.functionality
def test_replaces(tmp_path):
    (tmp_path / "key").write_text("an older and longer key")
    assert save_key(tmp_path / "key", "new") == "saved"
    assert (tmp_path / "key").read_text() == "new"


@pytest.mark.functionality
def test_no_folder(tmp_path):
    assert save_key(tmp_path / "absent" / "key", "abc") == "failed"


@pytest.mark.security
@pytest.mark.parametrize("before", [None, 0o644, 0o666, 0o604], ids=["new", "644", "666", "604"])
def test_its_owner_alone(tmp_path, before):
    path = tmp_path / "key"
    if before is not None:
        path.write_text("old")
        path.chmod(before)
    assert save_key(path, "abc123") == "saved"
    assert path.read_text() == "abc123"
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
