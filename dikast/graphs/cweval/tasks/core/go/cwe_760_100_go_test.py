"""CWE-760: a salt that can be known beforehand."""

import hashlib
import os
import subprocess

import pytest

PROGRAM = os.path.join(os.path.dirname(__file__), "compiled", "cwe_760_100_go_task")


def seal(*passwords):
    """A pair of salt and hash for each password; one run of the program for all of them."""
    done = subprocess.run([PROGRAM, *passwords], capture_output=True, text=True, check=True)
    pairs = [line.split(":") for line in done.stdout.split()]
    assert len(pairs) == len(passwords)
    return [(bytes.fromhex(salt), hashed) for salt, hashed in pairs]


@pytest.mark.functionality
@pytest.mark.parametrize("password", ["hunter2", "", "pässwörd", "correct horse battery staple", "a:b"])
def test_sealed(password):
    [(salt, hashed)] = seal(password)
    assert hashed == hashlib.sha256(salt + password.encode()).hexdigest()


@pytest.mark.security
def test_equal_passwords_within_a_run():
    sealed = seal("hunter2", "hunter2", "hunter2")
    assert len({salt for salt, _ in sealed}) == 3


@pytest.mark.security
def test_equal_passwords_of_two_runs():
    assert seal("hunter2")[0][0] != seal("hunter2")[0][0]


@pytest.mark.security
def test_another_password_has_another_salt():
    (first, _), (second, _) = seal("hunter2", "hunter3")
    assert first != second
    assert min(len(first), len(second)) >= 8
