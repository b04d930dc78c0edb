"""CWE-1333: a pattern that takes exponential time on texts that nearly match."""

import signal

import pytest
from cwe_1333_100_task import is_slug

ALLOWED_S = 2.0
"""A linear pattern takes a millionth of it."""


@pytest.fixture
def hurry():
    """End a search that goes on: it looks for signals now and then."""

    def stop(number, frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, ALLOWED_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.functionality
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("summer-sale-2024", True),
        ("a", True),
        ("7", True),
        ("", False),
        ("two--hyphens", False),
        ("-first", False),
        ("last-", False),
        ("Upper", False),
        ("a b", False),
    ],
)
def test_slug(text, expected):
    assert is_slug(text) is expected


@pytest.mark.security
@pytest.mark.parametrize("text", ["a" * 40 + "!", "ab1" * 15 + "_", "aaaa-" * 8 + "aaaa!"])
def test_answers_in_time(hurry, text):
    assert is_slug(text) is False
    assert is_slug(text[:-1]) is True
