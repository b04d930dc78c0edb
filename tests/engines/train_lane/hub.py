"""Data sets by name, where `datasets` is installed: the suite of `tests/test_hub.py`, of which no test may skip."""

from tests.test_hub import *  # noqa: F403  # the suite is that file's
