"""The browser lane's environment: a Chromium of the system, installed by apt where there is none.

    find()     # the program, or None

The suites drive it over the DevTools protocol with aiohttp, which dikast needs anyway: they run where `lanes.py` does.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.engines.environment import Environment, check, say

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SUITES = ("browser_lane/report.py", "browser_lane/viewer.py")


class Chromium(Environment):
    """Nothing of pip's; the browser is the system's."""

    def make(self) -> Path:
        """The Python that runs the suites; the browser is there afterwards."""
        if find() is None:
            if os.geteuid() != 0 or shutil.which("apt-get") is None:
                raise SystemExit("no Chromium, and no right to install one: apt-get install chromium")
            say("browser: installing chromium")
            check(["apt-get", "update"])
            check(["apt-get", "install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"])
        return Path(sys.executable)


ENVIRONMENT = Chromium("browser", ())


def find() -> str | None:
    """The first browser on the path."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def version() -> str:
    """What the browser calls itself."""
    program = find()
    return check([program, "--version"]).strip() if program else "not installed"


def prepare() -> dict[str, str]:
    """Nothing to bring."""
    return {}
