"""Fixtures that several test folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Other processes may hold the cores for a while: no example has a deadline.
settings.register_profile("dikast", deadline=None)
settings.load_profile("dikast")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets that is kept beside the checkout; tests that need it skip where it is absent."""
    here = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("DIKAST_DATA", here.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared data sets: no folder {folder}; set DIKAST_DATA")
    return folder
