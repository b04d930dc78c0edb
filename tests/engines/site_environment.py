"""The generator of the site, in an environment of its own; `make site` and the lane `site` use it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.engines.browser_environment import ENVIRONMENT as BROWSER
from tests.engines.environment import Environment, check, say

REQUIREMENTS = ("zensical==0.0.73", "mkdocstrings==1.0.8", "mkdocstrings-python==2.0.11", "griffelib==2.4.1")
"""0.1.3, the newest, needs a distribution of its user interface that was not on PyPI when it was tried."""
SUITES = ("site_lane/site.py",)


class Generator(Environment):
    """Without dikast and the suites' tools: docstrings are read, not imported, and suites run where `lanes.py` does."""

    @property
    def wanted(self) -> str:
        """What it is made from."""
        return json.dumps([self.requirements, sys.version])

    def _make(self) -> Path:
        if not (self.folder / "stamp.json").exists():
            say(f"{self.name}: installing {' '.join(self.requirements)}")
            check([sys.executable, "-m", "venv", "--clear", str(self.folder / "venv")])
            pip = [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
            check([*pip, *self.requirements])
            (self.folder / "stamp.json").write_text(self.wanted)
        return self.python


class Suites(Generator):
    """The generator, and a browser to look at what it makes."""

    def make(self) -> Path:
        """The Python that runs the suites; generator and browser are there afterwards."""
        super().make()
        return BROWSER.make()


GENERATOR = Generator("site", REQUIREMENTS)
ENVIRONMENT = Suites("site", REQUIREMENTS)


def version() -> str:
    """What builds the site."""
    return REQUIREMENTS[0].replace("==", " ")


def prepare() -> dict[str, str]:
    """Nothing to bring."""
    return {}
